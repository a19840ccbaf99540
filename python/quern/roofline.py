# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each kernel of a model must move and compute at least.

Everything follows from the artifact's list of kernels (`Model.kernels`), the
number of tokens of a step and its position. Bytes are those of rows of
activations, of weights and of the KV cache, each read or written once a step;
operations are the multiplications and additions of matrix products and of
attention, beside which a few for each number elsewhere do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import probe
from .runtime import Model

# Kernels that look rows of a weight up: one for each token.
_LOOKUPS = frozenset(("embedding", "rope", "add_positions"))


@dataclass(frozen=True)
class Step:
    """A pass over the kernels: `tokens` tokens after `position` others, logits
    for the last `logit_rows` of them."""

    tokens: int
    position: int
    logit_rows: int


@dataclass(frozen=True)
class Work:
    """At least: bytes by what they belong to, and operations."""

    weight_bytes: float = 0
    activation_bytes: float = 0
    cache_bytes: float = 0
    operations: float = 0

    @property
    def bytes(self) -> float:
        return self.weight_bytes + self.activation_bytes + self.cache_bytes


@dataclass(frozen=True)
class Limits:
    """Of the machine: bytes a second, and operations a second by the type that
    products are computed in."""

    read_bytes_per_second: float
    operations_per_second: Mapping[str, float]

    def seconds(self, work: Work, compute: str) -> float:
        """The least time that `work` can take."""
        return max(self.memory_seconds(work), self.arithmetic_seconds(work, compute))

    def memory_seconds(self, work: Work) -> float:
        return work.bytes / self.read_bytes_per_second

    def arithmetic_seconds(self, work: Work, compute: str) -> float:
        return work.operations / self.operations_per_second[compute]


def measure_limits(model: Model) -> Limits:
    """Of this machine with the threads of `model`."""
    threads = model.threads
    computes = sorted({kernel["compute"] for kernel in model.kernels()["kernels"]})
    return Limits(
        probe.read_bandwidth(threads), {name: probe.peak(threads, name) for name in computes}
    )


def steps_of(count: int, position: int, rows: int, max_chunk: int) -> Iterator[Step]:
    """How the runtime cuts a run of `count` tokens with `rows` rows of logits."""
    for done in range(0, count, max_chunk):
        tokens = min(count - done, max_chunk)
        wanted = done + tokens - max(done, count - rows)
        yield Step(tokens, position + done, max(wanted, 0))


def work_of(kernel: Mapping[str, Any], step: Step) -> Work:
    """kernel: an entry of `Model.kernels()["kernels"]`."""
    rows = step.logit_rows if kernel["rows"] == "logits" else step.tokens
    if rows == 0:
        return Work()
    rows *= kernel.get("rows_per_token", 1)
    row_bytes = sum(kernel["reads"].values()) + kernel.get("writes", 0)
    return Work(
        sum(_weight_bytes(kernel, weight, rows) for weight in kernel["weights"]),
        rows * row_bytes,
        _cache_bytes(kernel, step),
        _operations(kernel, step, rows),
    )


def _weight_bytes(kernel: Mapping[str, Any], weight: Mapping[str, Any], rows: int) -> float:
    size = float(weight["bytes"])
    if kernel["kind"] in _LOOKUPS:
        return rows * size / float(weight["shape"][0])
    # At least the experts that one token chooses.
    return size * int(kernel.get("rows_per_token", 1)) / _experts(kernel)


def _experts(kernel: Mapping[str, Any]) -> int:
    """Whose matrices a product's weight holds: with one row a token, one."""
    if kernel["kind"] != "linear" or "rows_per_token" not in kernel:
        return int(kernel.get("rows_per_token", 1))
    (weight,) = (weight for weight in kernel["weights"] if weight["role"] == "w")
    return int(weight["shape"][0]) // int(kernel["width"])


def _cache_bytes(kernel: Mapping[str, Any], step: Step) -> float:
    if "cache" not in kernel:
        return 0
    cache = kernel["cache"]
    bytes_per_token: int = cache["key"] + cache["value"]
    if kernel["kind"] != "attention":
        return step.tokens * bytes_per_token
    first = max(0, step.position + 1 - cache["window"]) if cache["window"] else 0
    return (step.position + step.tokens - first) * bytes_per_token


def _operations(kernel: Mapping[str, Any], step: Step, rows: int) -> float:
    if kernel["kind"] == "linear":
        matrices = [weight["shape"] for weight in kernel["weights"] if len(weight["shape"]) == 2]
        numbers: int = sum(math.prod(shape) for shape in matrices)
        return 2 * rows * numbers / _experts(kernel)
    if kernel["kind"] != "attention":
        return 0
    window: float = kernel["cache"]["window"] or math.inf
    keys = sum(min(step.position + 1 + row, window) for row in range(step.tokens))
    width: int = kernel["width"]
    # A product for the score and one for the sum, of each column of the query.
    return 4 * width * keys
