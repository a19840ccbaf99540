# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiling a model: a view of `quern/Pipelines/Compile.h`."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import artifact
from .errors import QuernError, Status, check_unicode
from .inspect import inspect


def compile_model(
    model: str | Path,
    output: str | Path,
    format: str = "",
    rules: Sequence[tuple[str, str]] = (),
    compute: str = "f32",
    activations: str = "",
    target: str = "all",
    formats_file: str | Path | None = None,
    kv_cache: str = "f16",
    kv_rotate: bool = False,
    solver: str = "rtn",
    context: int = 0,
    threads: int = 0,
    dump_path: str | Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Quantizes and compiles a Hugging Face folder or a GGUF file into an artifact folder.

    target: instruction sets, by the names in docs/Targets.md. format: a name, or the text of a
    format; "" leaves the weights as the model holds them. rules: (pattern, format) for
    weights whose name the pattern matches; the last that matches decides. compute: "int8",
    "bf16" or "f32". activations: their format in "int8"; "" for a scale to up to 128. kv_cache:
    format of a key or value, a row of head_dim; kv_rotate: turns them by a Hadamard matrix
    first. context: tokens of the longest session, 0 for the model's own maximum. threads: 0
    takes all processors. dump_path: folder for the IR of every stage and the assembly.
    progress: is told the stage and the share of it that is done; what it raises, as an
    interrupt does, ends the compilation and leaves nothing behind. Returns the compiler's
    report: "output", "weight_bytes", "bits_per_weight", "peak_bytes_predicted", "isas", "notes"
    and "seconds".
    """
    for name, number, limit in (("context", context, 2**63), ("threads", threads, 2**32)):
        if not 0 <= number < limit:
            raise QuernError(f"{name}: expects a number from 0 to {limit - 1}, but got {number}")
    texts = (model, output, format, activations, kv_cache, formats_file, dump_path)
    for text in itertools.chain(texts, *rules):
        check_unicode("the options", str(text))
    compiler = load_extension()
    try:
        report = compiler.compile_model(
            model_path=str(model),
            output_path=str(output),
            format=format,
            rules=list(rules),
            compute=compute,
            activations=activations,
            target=target,
            formats_file="" if formats_file is None else str(formats_file),
            kv_cache=kv_cache,
            kv_rotate=kv_rotate,
            solver=solver,
            context=context,
            threads=threads,
            dump_path="" if dump_path is None else str(dump_path),
            progress=progress,
        )
    except compiler.CompileError as error:
        raise QuernError(str(error)) from None
    result: dict[str, Any] = json.loads(report)
    return result


def import_to_text(model: str | Path) -> str:
    """The IR of a model as it is imported."""
    check_unicode("the path", str(model))
    compiler = load_extension()
    try:
        return str(compiler.import_to_text(str(model)))
    except compiler.CompileError as error:
        raise QuernError(str(error)) from None


def describe_weights(path: str | Path) -> dict[str, Any]:
    """Metadata and tensors of a file of weights, as `quern/Pipelines/Compile.h` says."""
    check_unicode("the path", str(path))
    compiler = load_extension()
    try:
        described: dict[str, Any] = json.loads(compiler.describe_weights(str(path)))
    except compiler.CompileError as error:
        raise QuernError(str(error), Status.FILE) from None
    return described


def reference_artifact(
    model: str | Path, progress: Callable[[str, float], None] | None = None
) -> Path:
    """The artifact of a model as it is, compiled on first use.

    Weights keep the type and the encoding of the checkpoint and arithmetic is in
    f32. The artifact is kept under `cache_folder()` and made again when a file
    of the model changes.
    """
    folder = Path(model)
    if inspect(folder).kind not in ("model", "gguf"):
        raise QuernError(f"{folder}: expects a model folder with config.json or a GGUF file")
    place = cache_folder() / "reference" / _fingerprint(folder)
    if artifact.is_artifact(place):
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=place.name + ".", dir=place.parent))
    except OSError as error:
        raise QuernError(f"{error.filename}: cannot be created: {error.strerror}") from None
    try:
        made = temporary / "artifact"
        compile_model(
            folder, made, "", compute="f32", target="host", kv_cache="f32", progress=progress
        )
        if not artifact.is_artifact(place):
            os.rename(made, place)
    except OSError as error:
        raise QuernError(f"{place}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return place


def cache_folder() -> Path:
    """Where reference artifacts are kept: $QUERN_CACHE, else ~/.cache/quern."""
    if chosen := os.environ.get("QUERN_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quern"


def compiler_identity() -> str:
    """Changes with the version and with the code of the compiler."""
    from . import __version__

    return f"{__version__} {artifact.hash_file(Path(load_extension().__file__))}"


def _fingerprint(model: Path) -> str:
    """Changes with the files of a model, this version and this processor."""
    from . import __version__

    digest = hashlib.sha256(f"{__version__}\n{_processor()}\n{model.resolve()}\n".encode())
    # Shards lie beside the first one.
    files = model.parent.glob("*.gguf") if model.is_file() else model.iterdir()
    for path in sorted(files):
        if path.is_file():
            facts = path.stat()
            digest.update(f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _processor() -> str:
    """What a `host` artifact depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("flags")), "")


def load_extension() -> Any:
    """The module `quern._compiler`."""
    try:
        from . import _compiler  # type: ignore[attr-defined]
    except ImportError as error:
        raise QuernError(
            f"this installation of quern cannot compile models: {error}; install it with "
            "`pip install .` from its sources"
        ) from None
    return _compiler
