# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where a compiled model spends its time: each kernel against the roofline."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bench import Workload, time_run
from .roofline import Limits, Work, measure_limits, steps_of, work_of
from .runtime import Model, RunTimes, Session

_LAYER_NUMBER = re.compile(r"\.layers\.\d+\.")


@dataclass(frozen=True)
class KernelProfile:
    """One call of a kernel, or the sum of those that `group` joins.

    name: the weight it reads, or its function. format: of that weight. calls: 1,
    or as many as are joined. seconds: in the kernel; wait_seconds: at barriers
    after it; both are means over the workers. Bytes and operations are what it
    must move and compute at least, roofline_seconds the least time for that,
    bound which of the two decides: "memory" or "arithmetic".
    """

    name: str
    kind: str
    function: str
    layer: int | None
    calls: int
    isa: str
    compute: str
    tile: tuple[int, int] | None
    format: str
    seconds: float
    wait_seconds: float
    weight_bytes: float
    activation_bytes: float
    cache_bytes: float
    operations: float
    roofline_seconds: float
    bound: str

    @property
    def bytes(self) -> float:
        return self.weight_bytes + self.activation_bytes + self.cache_bytes

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def operations_per_second(self) -> float:
        return self.operations / self.seconds if self.seconds > 0 else 0.0

    @property
    def group(self) -> str:
        """The name without the number of the layer."""
        return _LAYER_NUMBER.sub(".layers.*.", self.name)

    @property
    def share(self) -> float:
        """Of the roofline, while the kernel runs."""
        return self.roofline_seconds / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "bytes": self.bytes, "roofline_share": self.share}


@dataclass(frozen=True)
class PhaseProfile:
    """Runs of one kind; medians over `runs` runs of `tokens` tokens each.

    position: tokens before the (first) run. wall_seconds: of a run; the times
    of kernels, barriers and start_seconds (until a worker has begun) add up to
    it but for medians. call_seconds: what a caller waits beyond wall_seconds.
    plain_seconds: what a caller waits for a run that nobody measures.
    """

    name: str
    tokens: int
    position: int
    runs: int
    wall_seconds: float
    plain_seconds: float
    call_seconds: float
    start_seconds: float
    kernels: tuple[KernelProfile, ...]

    @property
    def busy_seconds(self) -> float:
        return sum(kernel.seconds for kernel in self.kernels)

    @property
    def wait_seconds(self) -> float:
        return sum(kernel.wait_seconds for kernel in self.kernels)

    def groups(self) -> tuple[KernelProfile, ...]:
        """The same kernels of all layers as one, slowest first."""
        return _grouped(self.kernels, lambda kernel: (kernel.kind, kernel.group))

    def kinds(self) -> tuple[KernelProfile, ...]:
        """Kernels of one kind as one, slowest first."""
        return _grouped(self.kernels, lambda kernel: (kernel.kind, kernel.kind))

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "busy_seconds": self.busy_seconds,
            "wait_seconds": self.wait_seconds,
            "kernels": [kernel.as_dict() for kernel in self.kernels],
            "groups": [group.as_dict() for group in self.groups()],
            "kinds": [kind.as_dict() for kind in self.kinds()],
        }


@dataclass(frozen=True)
class Profile:
    """The keys of `quern bench --profile --json`."""

    cpu: str
    isa: str
    threads: int
    compute: str
    read_bytes_per_second: float
    operations_per_second: Mapping[str, float]
    phases: tuple[PhaseProfile, ...]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "phases": [phase.as_dict() for phase in self.phases]}


def profile(
    model: Model,
    prompt_tokens: int = 512,
    generate_tokens: int = 64,
    repeat: int = 3,
    progress: Callable[[float, str], None] | None = None,
) -> Profile:
    """Times each kernel in `repeat` prefills of `prompt_tokens` tokens, and in
    as many rounds of `generate_tokens` single steps after them. Parameters are
    those of `benchmark`."""
    load = Workload.create(model, prompt_tokens, generate_tokens, repeat)
    prefills, decodes = _Runs("prefill"), _Runs("decode")
    with model.session(load.capacity) as session:
        # Touches every weight once: the first run would also measure the disk.
        session.prefill(load.prompt[:1])
        for done in range(repeat):
            for is_timed in (False, True):
                session.reset()
                prefills.measure(session, [load.prompt], is_timed)
                session.truncate(load.decode_start)
                decodes.measure(session, list(load.follow.reshape(-1, 1)), is_timed)
            if progress:
                progress((done + 1) / repeat, f"prefill {prefills.plain[-1]:.3g} s")
    return _report(model, (prefills, decodes))


class _Runs:
    """Runs of one phase, timed and plain ones."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.plain: list[float] = []
        self.calls: list[float] = []
        self.times: list[RunTimes] = []
        self.shapes: list[tuple[int, int]] = []  # tokens, position

    def measure(self, session: Session, runs: Sequence[NDArray[np.int32]], is_timed: bool) -> None:
        logits = np.empty((1, session.model.vocabulary), np.float32)
        if not is_timed:
            for tokens in runs:
                self.plain.append(time_run(session, tokens, logits))
            return
        with session.model.profiling() as last_times:
            for tokens in runs:
                self.shapes.append((len(tokens), session.position))
                seconds = time_run(session, tokens, logits)
                times = last_times()
                self.times.append(times)
                self.calls.append(seconds - times.wall_seconds)


def _report(model: Model, phases: Sequence[_Runs]) -> Profile:
    description = model.describe()
    threads = int(description.get("threads", 1))
    limits = measure_limits(model)
    return Profile(
        cpu=str(description.get("cpu", "unknown")),
        isa=model.isa,
        threads=threads,
        compute=str(model.manifest.get("compute", "f32")),
        read_bytes_per_second=limits.read_bytes_per_second,
        operations_per_second=limits.operations_per_second,
        phases=tuple(_phase(model, runs, limits) for runs in phases),
    )


def _phase(model: Model, runs: _Runs, limits: Limits) -> PhaseProfile:
    listed = model.kernels()
    steps = [
        step
        for tokens, position in runs.shapes
        for step in steps_of(tokens, position, 1, listed["max_chunk"])
    ]
    busy = np.median([times.busy.mean(axis=0) for times in runs.times], axis=0)
    wait = np.median([times.wait.mean(axis=0) for times in runs.times], axis=0)
    names = {tensor["name"]: tensor.get("format_name") for tensor in model.manifest["tensors"]}
    kernels = []
    for index, kernel in enumerate(listed["kernels"]):
        works = [work_of(kernel, step) for step in steps]
        kernels.append(
            _describe(
                kernel, listed["isa"], names, works, len(runs.times), limits,
                (float(busy[index]), float(wait[index])),
            )
        )  # fmt: skip
    tokens, position = runs.shapes[0]
    return PhaseProfile(
        name=runs.name,
        tokens=tokens,
        position=position,
        runs=len(runs.times),
        wall_seconds=statistics.median(times.wall_seconds for times in runs.times),
        plain_seconds=statistics.median(runs.plain),
        call_seconds=statistics.median(runs.calls),
        start_seconds=statistics.median(float(times.start_wait.mean()) for times in runs.times),
        kernels=tuple(kernels),
    )


def _describe(
    kernel: Mapping[str, Any],
    isa: str,
    format_names: Mapping[str, str | None],
    works: Sequence[Work],
    runs: int,
    limits: Limits,
    seconds: tuple[float, float],
) -> KernelProfile:
    """works: of every step of all `runs` runs."""
    compute = kernel["compute"]
    memory = sum(limits.memory_seconds(work) for work in works) / runs
    arithmetic = sum(limits.arithmetic_seconds(work, compute) for work in works) / runs
    weight = kernel["weights"][0] if kernel["weights"] else None
    tile = kernel.get("tile")
    return KernelProfile(
        name=weight["name"] if weight else kernel["function"],
        kind=kernel["kind"],
        function=kernel["function"],
        layer=kernel.get("layer"),
        calls=1,
        isa=isa,
        compute=compute,
        tile=(tile[0], tile[1]) if tile else None,
        format=(format_names.get(weight["name"]) or weight["format"]) if weight else "",
        seconds=seconds[0],
        wait_seconds=seconds[1],
        weight_bytes=sum(work.weight_bytes for work in works) / runs,
        activation_bytes=sum(work.activation_bytes for work in works) / runs,
        cache_bytes=sum(work.cache_bytes for work in works) / runs,
        operations=sum(work.operations for work in works) / runs,
        roofline_seconds=sum(limits.seconds(work, compute) for work in works) / runs,
        bound="memory" if memory >= arithmetic else "arithmetic",
    )


def _grouped(
    kernels: Sequence[KernelProfile], key: Callable[[KernelProfile], tuple[str, str]]
) -> tuple[KernelProfile, ...]:
    groups: dict[tuple[str, str], list[KernelProfile]] = {}
    for kernel in kernels:
        groups.setdefault(key(kernel), []).append(kernel)
    joined = [_join(name, members) for (_, name), members in groups.items()]
    return tuple(sorted(joined, key=lambda group: -group.seconds))


def _join(name: str, members: Sequence[KernelProfile]) -> KernelProfile:
    """What members do not have in common is left empty; `bound` is that of most
    of the least time."""
    first = members[0]

    def common(field: str, otherwise: Any) -> Any:
        value = getattr(first, field)
        same = all(getattr(member, field) == value for member in members)
        return value if same else otherwise

    sums = {field: sum(getattr(member, field) for member in members) for field in _SUMMED}
    memory = sum(member.roofline_seconds for member in members if member.bound == "memory")
    return KernelProfile(
        name=name,
        kind=first.kind,
        function=common("function", ""),
        layer=common("layer", None),
        isa=first.isa,
        compute=common("compute", ""),
        tile=common("tile", None),
        format=common("format", ""),
        bound="memory" if 2 * memory >= sums["roofline_seconds"] else "arithmetic",
        **sums,
    )


_SUMMED = (
    "calls",
    "seconds",
    "wait_seconds",
    "weight_bytes",
    "activation_bytes",
    "cache_bytes",
    "operations",
    "roofline_seconds",
)
