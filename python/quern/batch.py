# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed of steps of several tokens: what verifying a draft of them costs.

The runtime works on one sequence at a time, so that a step of N tokens is N
consecutive tokens of it, each with its logits: a draft that speculative
decoding has a larger model verify. The kernels do what they would for N
sequences, attention apart, which sees one KV cache where those had N.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .bench import Workload, time_run
from .errors import QuernError
from .roofline import Limits, measure_limits, steps_of, work_of
from .runtime import Model

# Medians of equal steps differ by less than this on a machine with other work.
_NOISE = 0.02


@dataclass(frozen=True)
class BatchRow:
    """Steps of `tokens` tokens, the median of them.

    operations_share: of the arithmetic peak; read_share: bytes of weights and of
    the KV cache, of the bandwidth. is_cliff: fewer tokens a second than with
    the next smaller size.
    """

    tokens: int
    seconds: float
    tokens_per_second: float
    operations_share: float
    read_share: float
    is_cliff: bool


@dataclass(frozen=True)
class BatchBenchmark:
    """The keys of `quern bench --batch --json`. position: tokens before a step."""

    cpu: str
    isa: str
    threads: int
    compute: str
    position: int
    read_bytes_per_second: float
    operations_per_second: Mapping[str, float]
    rows: tuple[BatchRow, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def benchmark_batches(
    model: Model,
    sizes: Sequence[int],
    prompt_tokens: int = 512,
    generate_tokens: int = 64,
    repeat: int = 3,
    progress: Callable[[float, str], None] | None = None,
) -> BatchBenchmark:
    """Times steps of each of `sizes` tokens, after `prompt_tokens` others where
    the model's context is long enough.

    In each of `repeat` rounds every size has its turn, with as many steps as
    make `generate_tokens` tokens.
    """
    wanted = sorted(set(sizes))
    if not wanted or wanted[0] < 1 or wanted[-1] >= model.max_context:
        raise QuernError(
            f"batch: expects numbers from 1 to {model.max_context - 1}, but got "
            + (", ".join(map(str, sizes)) or "none")
        )
    load = Workload.create(model, prompt_tokens, wanted[-1], repeat)
    position = load.decode_start
    seconds: dict[int, list[float]] = {size: [] for size in wanted}
    logits = np.empty((wanted[-1], model.vocabulary), np.float32)
    with model.session(load.capacity) as session:
        session.prefill(load.prompt[:position], 0)
        for done in range(repeat):
            for size in wanted:
                for _ in range(max(1, generate_tokens // size)):
                    session.truncate(position)
                    seconds[size].append(time_run(session, load.follow[:size], logits[:size]))
            if progress:
                progress((done + 1) / repeat, f"round {done + 1}")
    medians = {size: statistics.median(times) for size, times in seconds.items()}
    return _report(model, position, medians)


def _report(model: Model, position: int, seconds: Mapping[int, float]) -> BatchBenchmark:
    limits = measure_limits(model)
    rows: list[BatchRow] = []
    for size, time_of_step in seconds.items():
        speed = size / time_of_step
        arithmetic, reading = _least_seconds(model, position, size, limits)
        is_cliff = bool(rows) and speed < (1 - _NOISE) * rows[-1].tokens_per_second
        rows.append(
            BatchRow(
                size,
                time_of_step,
                speed,
                arithmetic / time_of_step,
                reading / time_of_step,
                is_cliff,
            )
        )
    return BatchBenchmark(
        cpu=str(model.describe().get("cpu", "unknown")),
        isa=model.isa,
        threads=model.threads,
        compute=str(model.manifest.get("compute", "f32")),
        position=position,
        read_bytes_per_second=limits.read_bytes_per_second,
        operations_per_second=limits.operations_per_second,
        rows=tuple(rows),
    )


def _least_seconds(model: Model, position: int, size: int, limits: Limits) -> tuple[float, float]:
    """What the operations of a step, and what reading weights and cache take."""
    listed = model.kernels()
    arithmetic = reading = 0.0
    for step in steps_of(size, position, size, listed["max_chunk"]):
        for kernel in listed["kernels"]:
            work = work_of(kernel, step)
            arithmetic += limits.arithmetic_seconds(work, kernel["compute"])
            reading += (work.weight_bytes + work.cache_bytes) / limits.read_bytes_per_second
    return arithmetic, reading


def format_batches(result: BatchBenchmark) -> str:
    """What `quern bench --batch` prints."""
    lines = [
        f"{result.cpu}, {result.isa}, {result.threads} threads, compute {result.compute}, "
        f"after {result.position} tokens",
        f"{'tokens':>6} {'ms':>10} {'tokens/s':>10} {'of peak':>8} {'of bandwidth':>12}",
    ]
    for row in result.rows:
        line = (
            f"{row.tokens:6} {1e3 * row.seconds:10.3f} {row.tokens_per_second:10.1f} "
            f"{100 * row.operations_share:7.1f}% {100 * row.read_share:11.1f}%"
        )
        lines.append(f"{line}  cliff" if row.is_cliff else line)
    return "\n".join(lines)
