# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A profile as text: groups of kernels, slowest first, and what adds up."""

from __future__ import annotations

from .profiling import KernelProfile, PhaseProfile, Profile


def format_limits(profile: Profile) -> str:
    """The roofline."""
    peaks = (
        f"{peak / 1e9:.1f} G {name} operations/s"
        for name, peak in profile.operations_per_second.items()
    )
    return "limits: " + ", ".join((f"{profile.read_bytes_per_second / 1e9:.2f} GB/s", *peaks))


def format_profile(profile: Profile, top: int) -> str:
    """What `quern bench --profile` prints: groups of kernels, and the `top`
    slowest single ones."""
    lines = [
        f"{profile.cpu}, {profile.isa}, {profile.threads} threads, compute {profile.compute}",
        format_limits(profile),
    ]
    for phase in profile.phases:
        lines += ["", *_format_phase(phase, top)]
    return "\n".join(lines)


_HEAD = (
    f"{'ms':>10} {'of wall':>7} {'wait ms':>8} {'MB':>9} {'M ops':>10} {'GB/s':>7} {'Gops/s':>8} "
    f"{'roofline':>8} {'bound':<10} {'tile':>6} {'calls':>5}  kernel"
)


def _format_phase(phase: PhaseProfile, top: int) -> list[str]:
    wall = phase.wall_seconds
    lines = [
        f"{phase.name}: {phase.tokens} tokens from position {phase.position}, "
        f"medians of {phase.runs} runs",
        _HEAD,
        *(_format_row(group, wall) for group in phase.groups()),
    ]
    if top:
        slowest = sorted(phase.kernels, key=lambda kernel: -kernel.seconds)[:top]
        lines += [f"the {len(slowest)} slowest calls", _HEAD]
        lines += [_format_row(kernel, wall) for kernel in slowest]
    parts = (
        ("kernels", phase.busy_seconds),
        ("barriers", phase.wait_seconds),
        ("start", phase.start_seconds),
        ("sum", phase.busy_seconds + phase.wait_seconds + phase.start_seconds),
        ("wall clock", wall),
        ("with the caller's share", wall + phase.call_seconds),
        ("the same without profiling", phase.plain_seconds),
    )
    lines += [
        f"{1e3 * seconds:10.3f} {100 * seconds / wall:6.1f}%  {name}" for name, seconds in parts
    ]
    return lines


def _format_row(kernel: KernelProfile, wall: float) -> str:
    tile = f"{kernel.tile[0]}x{kernel.tile[1]}" if kernel.tile else ""
    what = " ".join(part for part in (kernel.kind, kernel.compute, kernel.format) if part)
    return (
        f"{1e3 * kernel.seconds:10.3f} {100 * kernel.seconds / wall:6.1f}% "
        f"{1e3 * kernel.wait_seconds:8.3f} "
        f"{kernel.bytes / 1e6:9.3f} {kernel.operations / 1e6:10.1f} "
        f"{kernel.bytes_per_second / 1e9:7.2f} {kernel.operations_per_second / 1e9:8.1f} "
        f"{100 * kernel.share:7.1f}% {kernel.bound:<10} {tile:>6} {kernel.calls:5}  "
        f"{kernel.name} ({what})"
    )
