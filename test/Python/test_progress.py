# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The bar on a terminal and the lines in a log."""

import io

import pytest
from quern import progress
from quern.progress import Progress, format_seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_short_work_is_silent(clock):
    stream = Terminal()
    with Progress("work", stream) as bar:
        clock.now += 0.9
        bar.update(0.5)
        bar.update(1.0)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_that_is_wiped(clock):
    stream = Terminal()
    with Progress("work", stream) as bar:
        clock.now += 10
        bar.update(0.25, "detail")
    drawn = "work  [######..................]   25%  30 s left  detail"
    text = stream.getvalue()
    assert text.split("\r")[1].split() == drawn.split()
    assert text.endswith("\r")
    assert text.split("\r")[2].strip() == ""


def test_a_log_gets_a_line_now_and_then(clock):
    stream = io.StringIO()
    with Progress("work", stream) as bar:
        for step in range(1, 41):
            clock.now += 1
            bar.update(step / 40)
    assert stream.getvalue() == "work   38%  25 s left\nwork   75%  10 s left\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (-1, "0 s"),
    ],
)
def test_seconds(seconds, text):
    assert format_seconds(seconds) == text
