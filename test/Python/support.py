# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests share: where the data is, and artifacts without a compiler."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import quern
from numpy.typing import NDArray
from quern.artifact import hash_file
from quern.evaluate import windows

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
# The interpreter that has PyTorch and other people's packages; `make clients`.
CLIENTS = Path(os.environ.get("QUERN_CLIENTS", ROOT / ".venv-clients")) / "bin/python"

needs_compiler = pytest.mark.skipif(
    importlib.util.find_spec("quern._compiler") is None, reason="quern._compiler is not built"
)


def needs_data(*names: str) -> pytest.MarkDecorator:
    """Skips a test by the names of the files of the shared data that are absent."""
    absent = [name for name in names if not (DATA / name).exists()]
    return pytest.mark.skipif(bool(absent), reason=f"shared data without {', '.join(absent)}")


def build_fake_library(path: Path, shift: float) -> None:
    """Compiles fake_model.c with SHIFT = `shift`."""
    compiler = next(filter(None, map(shutil.which, ("clang-22", "cc", "gcc"))), None)
    if compiler is None:
        pytest.skip("no C compiler")
    source = Path(__file__).with_name("fake_model.c")
    flags = ["-shared", "-fPIC", f"-I{ROOT / 'include'}", f"-DSHIFT={shift}f"]
    subprocess.run([compiler, *flags, str(source), "-o", str(path)], check=True)


def write_fake_artifact(folder: Path, tokenizer: Path, shift: float) -> None:
    """An artifact folder around fake_model.c with the tokenizer of a model."""
    folder.mkdir(parents=True)
    build_fake_library(folder / "model.so", shift)
    (folder / "weights.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder / name)
    embedding = {
        "name": "model.embed_tokens.weight",
        "shape": [320, 64],
        "source_dtype": "bf16",
        "format": "i4 [1, 32], scale f16",
        "format_name": "q4_0",
        "layout": "panel",
        "bytes": 11520,
        "bits_per_weight": 4.5,
    }
    manifest = {
        "format_version": 1,
        "compute": "int8",
        "model": {"vocabulary": 320, "context": 128},
        "tensors": [embedding],
        "files": {},
    }
    write_manifest(folder, manifest)


def write_manifest(folder: Path, manifest: dict) -> None:
    """Writes manifest.json with the sizes and hashes that the files now have."""
    for name in ("model.so", "weights.safetensors"):
        path = folder / name
        manifest["files"][name] = {"bytes": path.stat().st_size, "xxh3": hash_file(path)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def open_variants(artifact: Path, threads: int = 0) -> dict[str, quern.Model]:
    """The artifact's instruction sets that this machine has, each loaded. Prints
    which these are."""
    models = {}
    for isa in json.loads((artifact / "manifest.json").read_text())["isas"]:
        try:
            models[isa] = quern.Model(artifact, isa=isa, threads=threads)
        except quern.QuernError as error:
            assert error.status == quern.Status.CPU_FEATURES, error
    print("instruction sets run:", *models)
    return models


def all_logits(
    model: quern.Model | quern.ReferenceModel, tokens: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Logits [tokens, vocabulary] of every position of one window."""
    if isinstance(model, quern.ReferenceModel):
        return model.logits(tokens, rows=len(tokens)).astype(np.float64)
    with model.session(len(tokens)) as session:
        return session.prefill(tokens, rows=len(tokens)).astype(np.float64)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def reference_perplexity(
    model: quern.ReferenceModel, tokens: NDArray[np.integer], context: int, bos: int | None
) -> float:
    """As quern.evaluate defines it."""
    losses = []
    for window in windows(tokens, context, bos):
        chosen = log_softmax(all_logits(model, window[:-1]))
        losses.append(-chosen[np.arange(len(window) - 1), window[1:]])
    return float(np.exp(np.concatenate(losses).mean()))


def check_perplexities(capfd, name, model, artifact, tokens, bos, rel=1e-3):
    """The kernels' perplexity is the interpreter's, on every instruction set."""
    expected = reference_perplexity(model, tokens, 256, bos)
    found = {}
    for isa, variant in open_variants(artifact).items():
        with variant:
            found[isa] = quern.evaluate(variant, tokens, 256, bos).perplexity
    with capfd.disabled():
        line = ", ".join(f"{isa} {perplexity:.6g}" for isa, perplexity in found.items())
        print(f"\n{name}: interpreter {expected:.6g}, {line}")
    assert found
    for perplexity in found.values():
        assert perplexity == pytest.approx(expected, rel=rel)


ODD_TEXTS = ["", " ", "  two", "a\n\nb\t", "12345 6", "Ünïcödé 漢字 🙂", "don't", "<s>", "\u2581x"]


def same_tokens(ours: quern.Tokenizer, theirs: quern.Tokenizer, texts: list[str]) -> None:
    for text in texts:
        ids = theirs.encode_prompt(text)
        np.testing.assert_array_equal(ours.encode_prompt(text), ids, err_msg=text)
        assert ours.decode(ids) == theirs.decode(ids)
    assert (ours.bos_id, ours.eos_id) == (theirs.bos_id, theirs.eos_id)
    assert ours.stop_ids == theirs.stop_ids
