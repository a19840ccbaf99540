# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Progress with time left, on stderr."""

from __future__ import annotations

import sys
import time
from typing import TextIO

# Short work prints nothing.
_QUIET_SECONDS = 1.0
# Between two lines: redrawn in place on a terminal, seldom in a log.
_TERMINAL_SECONDS = 0.1
_LOG_SECONDS = 15.0
_WIDTH = 24


class Progress:
    """A bar for work of which a fraction in [0, 1] is done.

    A context manager: leaving it ends the bar's line.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._start = self._drawn = time.monotonic()
        self._shown = 0

    def update(self, fraction: float, detail: str = "") -> None:
        """Says what is done; draws when it is time to."""
        now = time.monotonic()
        interval = _TERMINAL_SECONDS if self._terminal else _LOG_SECONDS
        if (
            now - self._start < _QUIET_SECONDS
            or now - self._drawn < interval
            or fraction >= 1
        ):
            return
        self._drawn = now
        fraction = max(fraction, 0.0)
        elapsed = now - self._start
        left = (
            f"{format_seconds(elapsed / fraction - elapsed)} left"
            if fraction > 0
            else ""
        )
        parts = [self._title, f"{100 * fraction:3.0f}%", left, detail]
        if self._terminal:
            filled = round(_WIDTH * fraction)
            parts.insert(1, "[" + "#" * filled + "." * (_WIDTH - filled) + "]")
        line = "  ".join(part for part in parts if part)
        if self._terminal:
            self._stream.write("\r" + line.ljust(self._shown))
            self._shown = len(line)
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()


def format_seconds(seconds: float) -> str:
    """12 s, 3 min 20 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
