# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A profile as one HTML page that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from .errors import QuernError
from .profile_table import format_limits
from .profiling import KernelProfile, PhaseProfile, Profile

_WIDTH = 1200
_ROW = 22
_LETTER = 6.7  # of the font at 11 px, about
_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 1240px; padding: 0 1em; }
svg text { font: 11px ui-monospace, monospace; pointer-events: none; }
svg rect { stroke: #fff; stroke-width: 0.5; }
table { border-collapse: collapse; font: 12px ui-monospace, monospace; }
th, td { padding: 2px 8px; text-align: right; }
td:last-child, th:last-child { text-align: left; }
tr:nth-child(even) { background: #f4f4f4; }
"""


def write_page(profile: Profile, path: str | Path) -> None:
    """Writes a flame graph and tables of every phase."""
    try:
        Path(path).write_text(format_page(profile), encoding="utf-8")
    except OSError as error:
        raise QuernError(f"{path}: cannot be written: {error.strerror}") from None


def format_page(profile: Profile) -> str:
    title = f"Profile: {profile.cpu}, {profile.isa}, {profile.threads} threads"
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(format_limits(profile))}</p>",
        "<p>Width is time. Colour is the share of the roofline that a kernel reaches: red for "
        "none of it, green for all; grey is time at barriers and before the start.</p>",
    ]
    for phase in profile.phases:
        parts += _phase(phase)
    return "\n".join([*parts, "</body></html>", ""])


def _phase(phase: PhaseProfile) -> Iterator[str]:
    wall = phase.wall_seconds
    yield f"<h2>{escape(phase.name)}</h2>"
    yield (
        f"<p>{phase.tokens} tokens from position {phase.position}, {1e3 * wall:.3f} ms "
        f"({1e3 * phase.plain_seconds:.3f} ms without profiling), medians of {phase.runs} runs</p>"
    )
    yield flame_graph(_tree(phase))
    yield from _table(phase.groups(), wall)
    yield f"<details><summary>All {len(phase.kernels)} calls, in order</summary>"
    yield from _table(phase.kernels, wall)
    yield "</details>"


@dataclass(frozen=True)
class Frame:
    """A box of a flame graph. share: of the roofline; None for no kernel."""

    label: str
    seconds: float
    share: float | None = None
    children: tuple[Frame, ...] = ()


def _tree(phase: PhaseProfile) -> Frame:
    """Wall clock, kinds of kernels, groups of a kind, calls of a group."""
    calls: dict[tuple[str, str], list[Frame]] = {}
    for kernel in phase.kernels:
        name = _short(kernel.group)
        label = name if kernel.layer is None else f"{kernel.layer}: {name}"
        key = (kernel.kind, kernel.group)
        calls.setdefault(key, []).append(Frame(label, kernel.seconds, kernel.share))
    groups: dict[str, list[Frame]] = {}
    for group in phase.groups():
        members = tuple(calls[group.kind, group.name])
        frame = Frame(_short(group.name), group.seconds, group.share, members)
        groups.setdefault(group.kind, []).append(frame)
    kinds = [
        Frame(kind.name, kind.seconds, kind.share, tuple(groups[kind.name]))
        for kind in phase.kinds()
    ]
    waits = (Frame("barriers", phase.wait_seconds), Frame("start", phase.start_seconds))
    return Frame(phase.name, phase.wall_seconds, None, (*kinds, *waits))


def _short(group: str) -> str:
    """What tells a weight from the others of a layer."""
    return group.removeprefix("model.").removeprefix("layers.*.").removesuffix(".weight")


def flame_graph(root: Frame) -> str:
    """An SVG picture whose rows are the levels of a tree."""
    boxes = list(_boxes(root, 0.0, 0, _WIDTH / root.seconds if root.seconds > 0 else 0.0))
    height = _ROW * (1 + _depth(root))
    return f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%">{"".join(boxes)}</svg>'


def _depth(frame: Frame) -> int:
    return max((1 + _depth(child) for child in frame.children), default=0)


def _boxes(frame: Frame, left: float, level: int, scale: float) -> Iterator[str]:
    width = frame.seconds * scale
    text = f"{frame.label}: {1e3 * frame.seconds:.3f} ms"
    if frame.share is not None:
        text += f", {100 * frame.share:.1f} % of the roofline"
    label = frame.label[: int(width / _LETTER)]
    top = level * _ROW
    yield (
        f'<g><title>{escape(text)}</title><rect x="{left:.2f}" y="{top}" width="{width:.2f}" '
        f'height="{_ROW}" fill="{_colour(frame.share)}"/>'
        f'<text x="{left + 3:.2f}" y="{top + 15}">{escape(label)}</text></g>'
    )
    for child in frame.children:
        yield from _boxes(child, left, level + 1, scale)
        left += child.seconds * scale


def _colour(share: float | None) -> str:
    return "#ddd" if share is None else f"hsl({120 * min(share, 1.0):.0f} 65% 72%)"


_COLUMNS = (
    "ms", "of wall", "wait ms", "MB", "M ops", "GB/s", "Gops/s", "roofline", "bound",
    "compute", "tile", "calls", "format", "layer", "kernel",
)  # fmt: skip


def _table(kernels: Sequence[KernelProfile], wall: float) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{column}</th>" for column in _COLUMNS) + "</tr>"
    for kernel in kernels:
        cells = (
            f"{1e3 * kernel.seconds:.3f}",
            f"{100 * kernel.seconds / wall:.1f} %",
            f"{1e3 * kernel.wait_seconds:.3f}",
            f"{kernel.bytes / 1e6:.3f}",
            f"{kernel.operations / 1e6:.1f}",
            f"{kernel.bytes_per_second / 1e9:.2f}",
            f"{kernel.operations_per_second / 1e9:.1f}",
            f"{100 * kernel.share:.1f} %",
            kernel.bound,
            kernel.compute,
            "x".join(map(str, kernel.tile or ())),
            str(kernel.calls),
            kernel.format,
            "" if kernel.layer is None else str(kernel.layer),
            f"{kernel.kind} {kernel.name}",
        )
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    yield "</table>"
