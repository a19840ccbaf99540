# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The plot of a sweep: what a bit buys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .errors import QuernError
from .sweep import Row

# Divergences below are noise of the sums; from here down the axis is linear, so
# that a format without loss has a place.
_NOISE_NATS = 1e-6
_BITS = (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 12, 16, 24, 32)


def write_plot(rows: Sequence[Row], path: str | Path) -> None:
    """Writes an SVG of bits per weight against KL divergence, with the line of
    the formats that no other beats in both. Equal rows give equal bytes."""
    # Slow to import, and nothing else needs it.
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    points = _points(rows)
    best = _frontier(points)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "quern"}):
        figure = Figure(figsize=(9, 6), layout="constrained")
        axes = figure.add_subplot(
            xlabel="bits per weight", ylabel="KL divergence from the float model, nats"
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_BITS))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yscale("symlog", linthresh=_NOISE_NATS)
        axes.plot(
            [bits for bits, *_ in best], [mean for _, mean, *_ in best], color="0.8"
        )
        for bits, mean, stderr, name in points:
            axes.errorbar(
                bits, mean, stderr, fmt="o", color="C0", markersize=4, gid=name
            )
            axes.annotate(
                name, (bits, mean), (5, 3), textcoords="offset points", fontsize=7
            )
        axes.grid(color="0.95")
        try:
            figure.savefig(path, format="svg", metadata={"Date": None})
        except OSError as error:
            raise QuernError(f"{path}: cannot be written: {error.strerror}") from None


_Point = tuple[float, float, float, str]


def _points(rows: Sequence[Row]) -> list[_Point]:
    """(bits, mean, standard error, name) of every row that was compared."""
    return [
        (
            row.bits_per_weight,
            row.evaluation.kld_mean,
            row.evaluation.kld_stderr or 0.0,
            row.name,
        )
        for row in rows
        if row.evaluation and row.evaluation.kld_mean is not None
    ]


def _frontier(points: Sequence[_Point]) -> list[_Point]:
    best: list[_Point] = []
    for point in sorted(points):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best
