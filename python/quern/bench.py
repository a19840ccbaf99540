# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed of a compiled model, and how much of the machine's it reaches."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import probe
from .errors import QuernError
from .runtime import Model, Session

_EMBEDDING = "model.embed_tokens.weight"
_HEAD = "lm_head.weight"


@dataclass(frozen=True)
class Benchmark:
    """Medians over the repetitions; the keys of `quern bench --json`.

    weight_bytes: of all weights. read_bytes_per_second, operations_per_second:
    the machine's memory bandwidth and arithmetic peak, the latter in `compute`'s
    type. read_share: bytes of weights that decoding reads a second, of the
    bandwidth. operations_share: operations of the linear layers that the
    prefill does a second, of the peak.
    """

    cpu: str
    isa: str
    threads: int
    compute: str
    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    weight_bytes: int
    read_bytes_per_second: float
    read_share: float
    operations_per_second: float
    operations_share: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Workload:
    """Tokens to run: a prompt, and those that follow one by one after the first
    `decode_start` of it. capacity: of a session for both."""

    prompt: NDArray[np.int32]
    follow: NDArray[np.int32]
    decode_start: int
    capacity: int

    @staticmethod
    def create(model: Model, prompt_tokens: int, generate_tokens: int, repeat: int) -> Workload:
        """Pseudo-random tokens, the same ones each time."""
        _check_sizes(model, prompt_tokens, generate_tokens, repeat)
        rng = np.random.Generator(np.random.PCG64(0))
        count = prompt_tokens + generate_tokens
        tokens = rng.integers(0, model.vocabulary, count, dtype=np.int32)
        return Workload(
            tokens[:prompt_tokens],
            tokens[prompt_tokens:],
            min(prompt_tokens, model.max_context - generate_tokens),
            min(count, model.max_context),
        )


def benchmark(
    model: Model,
    prompt_tokens: int = 512,
    generate_tokens: int = 64,
    repeat: int = 3,
    progress: Callable[[float, str], None] | None = None,
) -> Benchmark:
    """Times a prefill of `prompt_tokens` and `generate_tokens` single steps.

    Decoding goes on from the prompt; where the model's context is too short for
    both, it begins that much earlier. progress: is told the share of the runs
    that is done.
    """
    load = Workload.create(model, prompt_tokens, generate_tokens, repeat)
    prefills, decodes = [], []
    with model.session(load.capacity) as session:
        # Touches every weight once: the first run would also measure the disk.
        session.prefill(load.prompt[:1])
        for done in range(repeat):
            session.reset()
            prefills.append(prompt_tokens / _time_prefill(session, load.prompt))
            session.truncate(load.decode_start)
            decodes.append(generate_tokens / _time_decode(session, load.follow))
            if progress:
                progress((done + 1) / repeat, f"decode {decodes[-1]:.1f} tokens/s")
    return _report(model, prompt_tokens, statistics.median(prefills), statistics.median(decodes))


def _check_sizes(model: Model, prompt_tokens: int, generate_tokens: int, repeat: int) -> None:
    for name, value, most in (
        ("prompt-tokens", prompt_tokens, model.max_context),
        ("generate-tokens", generate_tokens, model.max_context - 1),
    ):
        if not 1 <= value <= most:
            raise QuernError(f"{name}: expects a number from 1 to {most}, but got {value}")
    if repeat < 1:
        raise QuernError(f"repeat: expects at least 1, but got {repeat}")


def _time_prefill(session: Session, prompt: NDArray[np.int32]) -> float:
    begin = time.perf_counter()
    session.prefill(prompt)
    return time.perf_counter() - begin


def _time_decode(session: Session, tokens: NDArray[np.int32]) -> float:
    ids = tokens.tolist()
    begin = time.perf_counter()
    for token in ids:
        session.decode(token)
    return time.perf_counter() - begin


def time_run(session: Session, tokens: NDArray[np.int32], logits: NDArray[np.float32]) -> float:
    """Seconds to append `tokens` with logits for the last of them, which go to
    `logits` [rows, vocabulary], whose pages a first run has touched."""
    begin = time.perf_counter()
    session.prefill(tokens, len(logits), logits)
    return time.perf_counter() - begin


def _report(model: Model, prompt_tokens: int, prefill: float, decode: float) -> Benchmark:
    description = model.describe()
    compute = str(model.manifest.get("compute", "f32"))
    threads = int(description.get("threads", 1))
    work = _work(model)
    limits = probe.measure(threads, compute)
    operations = (prompt_tokens * work.body_operations + work.head_operations) / prompt_tokens
    return Benchmark(
        cpu=str(description.get("cpu", "unknown")),
        isa=str(description.get("isa", "unknown")),
        threads=threads,
        compute=compute,
        prefill_tokens_per_second=prefill,
        decode_tokens_per_second=decode,
        weight_bytes=work.weight_bytes,
        read_bytes_per_second=limits.read_bytes_per_second,
        read_share=decode * work.decode_bytes / limits.read_bytes_per_second,
        operations_per_second=limits.operations_per_second,
        operations_share=prefill * operations / limits.operations_per_second,
    )


@dataclass(frozen=True)
class _Work:
    """What a model must do at least.

    decode_bytes: of weights read for one token. body_operations: two for each
    weight of the linear layers, for each token. head_operations: of those that
    only tokens with logits go through, once a prefill.
    """

    weight_bytes: int
    decode_bytes: int
    body_operations: float
    head_operations: float


def _work(model: Model) -> _Work:
    weight_bytes = decode_bytes = body = head = 0
    tensors = model.manifest["tensors"]
    tied = all(tensor["name"] != _HEAD for tensor in tensors)
    for tensor in tensors:
        name, size, shape = tensor["name"], int(tensor["bytes"]), tensor["shape"]
        weight_bytes += size
        is_embedding = name == _EMBEDDING
        if is_embedding and not tied:
            # One row of it is read: nothing beside the rest.
            continue
        decode_bytes += size
        if is_embedding or name == _HEAD:
            head += 2 * math.prod(shape)
        elif len(shape) == 2:
            body += 2 * math.prod(shape)
    late = _operations_behind_attention(model)
    return _Work(weight_bytes, decode_bytes, body - late, head + late)


def _operations_behind_attention(model: Model) -> float:
    """Those of layers before the head that only tokens with logits go through:
    none in artifacts that do not list their kernels."""
    try:
        listed = model.kernels()["kernels"]
    except QuernError:
        return 0
    names = {
        weight["name"]: weight["shape"]
        for kernel in listed
        if kernel["kind"] == "linear" and kernel["rows"] == "logits"
        for weight in kernel["weights"]
    }
    operations: float = sum(
        2 * math.prod(shape)
        for name, shape in names.items()
        if len(shape) == 2 and name not in (_EMBEDDING, _HEAD)
    )
    return operations


def format_benchmark(result: Benchmark) -> str:
    """What `quern bench` prints."""
    return "\n".join(
        [
            f"{result.cpu}, {result.isa}, {result.threads} threads, compute {result.compute}",
            f"prefill  {result.prefill_tokens_per_second:10.1f} tokens/s   "
            f"{100 * result.operations_share:5.1f} % of "
            f"{result.operations_per_second / 1e9:.1f} G {result.compute} operations/s",
            f"decode   {result.decode_tokens_per_second:10.1f} tokens/s   "
            f"{100 * result.read_share:5.1f} % of "
            f"{result.read_bytes_per_second / 1e9:.2f} GB/s",
            f"weights  {result.weight_bytes:,} bytes",
        ]
    )
