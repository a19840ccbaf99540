# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Many formats of one model, each compiled and measured against the float model.

A finished row is kept under `cache_folder()` by the content of everything that
it depends on: files of the model, canonical text of the format, tokens, options
and the compiler itself. So a sweep that was interrupted goes on where it was,
and a format that only changes its name is not measured again.

The float model is evaluated once. Its logits are kept in a file while they fit
`_RECORDING_BYTES`; beyond, the model runs beside each format.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .artifact import hash_file
from .compiler import cache_folder, compile_model, compiler_identity, reference_artifact
from .errors import QuernError
from .evaluate import Evaluation, Predictor, PredictorSession, evaluate, windows
from .inspect import inspect
from .runtime import Model
from .tokenizer import Tokenizer

_RECORDING_BYTES = 2 << 30
# Of the work on a row. Progress is only as even as this is right.
_COMPILE_SHARE = 0.5

# Not a name that a file of formats can give.
FLOAT = "float model"

# A share of the whole sweep that is done, and what is being done.
ProgressCallback = Callable[[float, str], None]


@dataclass(frozen=True)
class SweepOptions:
    """How each format is compiled and measured.

    compute, solver, threads: as of `compile_model`. context: tokens of a window
    of the evaluation, BOS included. tokens: of the text that are used; 0: all.
    """

    compute: str = "f32"
    solver: str = "rtn"
    context: int = 512
    tokens: int = 0
    threads: int = 0


@dataclass(frozen=True)
class Row:
    """One format, or with the name FLOAT the float model.

    format: canonical text, "" of the float model. bits_per_weight, weight_bytes:
    of all weights, with those that the format does not fit (notes say which).
    error: why there is no result.
    """

    name: str
    format: str
    bits_per_weight: float = 0.0
    weight_bytes: int = 0
    evaluation: Evaluation | None = None
    notes: tuple[str, ...] = ()
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """An entry of `quern sweep --json`."""
        values: dict[str, Any] = {"name": self.name, "format": self.format}
        if not self.evaluation:
            return {**values, "error": self.error}
        return {
            **values,
            "bits_per_weight": self.bits_per_weight,
            "weight_bytes": self.weight_bytes,
            **self.evaluation.as_dict(),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Task:
    """What a sweep measures, with everything that its rows depend on."""

    model: Path
    tokens: NDArray[np.int32]
    bos: int | None
    options: SweepOptions
    identity: str

    @staticmethod
    def create(model: str | Path, text: str, options: SweepOptions) -> Task:
        folder = Path(model)
        if inspect(folder).kind != "model":
            raise QuernError(f"{folder}: expects a model folder with config.json")
        if options.tokens < 0:
            raise QuernError(
                f"tokens: expects a number from 0 on, but got {options.tokens}"
            )
        tokenizer = Tokenizer(folder)
        tokens = tokenizer.encode(text)
        tokens = tokens[: options.tokens or len(tokens)]
        bos = tokenizer.bos_id if tokenizer.adds_bos else None
        facts = {
            "compiler": compiler_identity(),
            "files": _hash_files(folder),
            "tokens": hashlib.sha256(tokens.tobytes()).hexdigest(),
            "bos": bos,
            "context": options.context,
            "compute": options.compute,
            "solver": options.solver,
        }
        return Task(folder, tokens, bos, options, json.dumps(facts, sort_keys=True))

    def place(self, format: str) -> Path:
        """The file of a finished row."""
        key = hashlib.sha256(f"{self.identity}\n{format}".encode()).hexdigest()[:32]
        return cache_folder() / "sweep" / f"{key}.json"


def _hash_files(folder: Path) -> dict[str, str]:
    """Of everything that the compiler may read of a model."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: hash_file(path) for path in files if path.suffix != ".md"}


def sweep(
    model: str | Path,
    text: str,
    formats: Mapping[str, str],
    work: str | Path,
    options: SweepOptions | None = None,
    progress: ProgressCallback | None = None,
) -> list[Row]:
    """Measures `formats`, canonical texts by name, on `text`; the float model
    is the first row.

    work: a folder of the sweep's own for what is made on the way; it is removed.
    A format that cannot be compiled or run has a row with an error; an error of
    the float model is raised.
    """
    task = Task.create(model, text, options or SweepOptions())
    wanted = {FLOAT: "", **formats}
    rows = {name: _load(task, name, format) for name, format in wanted.items()}
    missing = [name for name, row in rows.items() if row is None]
    if missing:
        work = Path(work)
        # What an interrupted sweep left.
        shutil.rmtree(work, ignore_errors=True)
        try:
            work.mkdir(parents=True)
            rows.update(
                _measure_all(
                    task, {name: wanted[name] for name in missing}, work, progress
                )
            )
        except OSError as error:
            raise QuernError(f"{error.filename or work}: {error.strerror}") from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return [row for row in rows.values() if row]


def _load(task: Task, name: str, format: str) -> Row | None:
    """The row of an earlier sweep, under its new name."""
    try:
        values = json.loads(task.place(format).read_text(encoding="utf-8"))
        values["evaluation"] = Evaluation(**values["evaluation"])
        return Row(**{**values, "name": name, "notes": tuple(values["notes"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _store(task: Task, row: Row) -> None:
    place = task.place(row.format)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(asdict(row)), encoding="utf-8")
    temporary.replace(place)


def _measure_all(
    task: Task,
    formats: Mapping[str, str],
    work: Path,
    progress: ProgressCallback | None,
) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    names = [name for name in formats if formats[name]]
    steps = len(names) + 1  # the float model comes first

    def at(step: int, title: str) -> ProgressCallback:
        def tell(share: float, detail: str) -> None:
            if progress:
                progress((step + share) / steps, f"{title}: {detail}")

        return tell

    tell = at(0, FLOAT)
    path = reference_artifact(task.model, lambda stage, share: tell(0.0, stage))
    with Model(path, threads=task.options.threads) as reference:
        recording = _Recording(reference, _count_logits(task), work / "logits")
        if recording.is_kept or FLOAT in formats:
            measured = _evaluate(task, recording, None, tell)
            made = inspect(path)
            rows[FLOAT] = Row(
                FLOAT, "", made.bits_per_weight, made.weight_bytes, measured
            )
            _store(task, rows[FLOAT])
        against: Predictor = recording if recording.is_kept else reference
        for step, name in enumerate(names, start=1):
            # A library that was loaded stays so: no path may come twice.
            out = Path(tempfile.mkdtemp(dir=work)) / "artifact"
            rows[name] = _measure(
                task, name, formats[name], out, against, at(step, name)
            )
    return rows


def _measure(
    task: Task,
    name: str,
    format: str,
    out: Path,
    against: Predictor,
    progress: ProgressCallback,
) -> Row:
    try:
        report = compile_model(
            task.model,
            out,
            format,
            compute=task.options.compute,
            target="host",
            kv_cache="f32",
            solver=task.options.solver,
            threads=task.options.threads,
            progress=lambda stage, share: progress(0.0, stage),
        )
        with Model(out, threads=task.options.threads) as model:
            evaluation = _evaluate(
                task,
                model,
                against,
                lambda share, text: progress(
                    _COMPILE_SHARE + (1 - _COMPILE_SHARE) * share, text
                ),
            )
    except QuernError as error:
        return Row(name, format, error=str(error))
    except MemoryError:
        return Row(name, format, error="out of memory")
    finally:
        shutil.rmtree(out, ignore_errors=True)
    size, bits = int(report["weight_bytes"]), float(report["bits_per_weight"])
    row = Row(name, format, bits, size, evaluation, tuple(report["notes"]))
    _store(task, row)
    return row


def _evaluate(
    task: Task, model: Predictor, against: Predictor | None, progress: ProgressCallback
) -> Evaluation:
    return evaluate(
        model,
        task.tokens,
        task.options.context,
        task.bos,
        against=against,
        progress=progress,
    )


def _count_logits(task: Task) -> int:
    """Rows of logits that an evaluation asks for."""
    return sum(
        len(window) - 1
        for window in windows(task.tokens, task.options.context, task.bos)
    )


class _Recording:
    """A model whose logits are kept: evaluations after the first, which must ask
    for the same windows in the same order, read them from a file."""

    def __init__(self, model: Model, rows: int, file: Path) -> None:
        self.path = model.path
        self.max_context = model.max_context
        self.vocabulary = model.vocabulary
        self._model = model
        self._begun = False
        self.is_kept = 0 < 4 * rows * model.vocabulary <= _RECORDING_BYTES
        if self.is_kept:
            self._logits: NDArray[np.float32] = np.memmap(
                file, np.float32, "w+", shape=(rows, model.vocabulary)
            )

    def session(self, capacity: int = 0) -> PredictorSession:
        if not self.is_kept:
            return self._model.session(capacity)
        live = None if self._begun else self._model.session(capacity)
        self._begun = True
        return _RecordedSession(self._logits, live)


class _RecordedSession:
    def __init__(
        self, logits: NDArray[np.float32], live: PredictorSession | None
    ) -> None:
        self._logits = logits
        self._live = live
        self._at = 0

    def reset(self) -> None:
        if self._live:
            self._live.reset()

    def prefill(self, tokens: NDArray[np.int32], rows: int = 1) -> NDArray[np.float32]:
        begin, self._at = self._at, self._at + rows
        if self._live:
            self._logits[begin : self._at] = self._live.prefill(tokens, rows)
        return self._logits[begin : self._at]

    def __enter__(self) -> PredictorSession:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)


def format_table(rows: Sequence[Row]) -> str:
    """What `quern sweep` prints."""
    width = max(len("format"), *(len(row.name) for row in rows))
    head = f"{'format':{width}}  {'bits':>7}  {'bytes':>13}  {'perplexity':>10}"
    lines = [f"{head}  {'KL divergence':>21}  {'same top':>8}"]
    notes = []
    for row in rows:
        lines.append(f"{row.name:{width}}  {_format_result(row)}".rstrip())
        notes += [f"note: {row.name}: {note}" for note in row.notes]
    return "\n".join([*lines, *notes])


def _format_result(row: Row) -> str:
    measured = row.evaluation
    if not measured:
        return "error: " + " ".join(row.error.split())
    text = f"{row.bits_per_weight:7.4f}  {row.weight_bytes:13,}  {measured.perplexity:10.5g}"
    if measured.kld_mean is None:
        return text
    divergence = f"{measured.kld_mean:.4g} ± {measured.kld_stderr:.2g}"
    return f"{text}  {divergence:>21}  {100 * (measured.same_top or 0):6.2f} %"
