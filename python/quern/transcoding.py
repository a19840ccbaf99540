# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What codes of one format can become in another: a view of `quern/Numerics/Transcode.h`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .compiler import load_extension
from .errors import QuernError, check_unicode
from .formats import read_formats

_MARKS = {"exact": "e", "bounded": "b", "impossible": "."}


@dataclass(frozen=True)
class Transcoding:
    """The compiler's answer for a pair of formats, by proof and not by their names."""

    source: str
    target: str
    kind: str  # "exact", "bounded" or "impossible"
    is_layout_only: bool  # exact, and not even codes change
    details: list[str]  # what is done, or what has no place and why
    relative_error: float | None  # bounded: of the largest value of a block
    absolute_error: float | None  # bounded: on top of that
    largest: float | None  # bounded: for values up to this
    text: str  # all of it in a line

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def classify_transcodings(
    sources: Sequence[str], targets: Sequence[str], formats_file: str | Path | None = None
) -> list[Transcoding]:
    """The answer for each pair, in the order of the sources. A format is a name or a text."""
    texts = [*sources, *targets, "" if formats_file is None else str(formats_file)]
    for text in texts:
        check_unicode("the options", text)
    extension = load_extension()
    try:
        answers = extension.classify_transcodings(list(sources), list(targets), texts[-1])
    except extension.CompileError as error:
        raise QuernError(str(error)) from None
    return [_transcoding(answer) for answer in answers]


def transcoding_matrix(
    formats: Sequence[str] = (), formats_file: str | Path | None = None
) -> list[Transcoding]:
    """The answer for each pair of `formats`; of none, of all that have a name."""
    chosen = list(formats)
    if not chosen:
        chosen = list(read_formats())
        chosen += read_formats(formats_file) if formats_file else []
    return classify_transcodings(chosen, chosen, formats_file)


def format_matrix(matrix: Sequence[Transcoding]) -> str:
    """A row for each format that codes are of, a column for each that they become."""
    names = list(dict.fromkeys(answer.source for answer in matrix))
    width = max(len(name) for name in names)
    digits = len(str(len(names)))
    numbers = [str(i + 1).rjust(digits) for i in range(len(names))]
    margin = " " * (digits + width + 2)
    lines = [margin + "".join(number[place] for number in numbers) for place in range(digits)]
    marks = iter(_mark(answer) for answer in matrix)
    lines = [line.rstrip() for line in lines]
    for number, name in zip(numbers, names, strict=True):
        row = "".join(next(marks) for _ in names)
        lines.append(f"{number} {name.ljust(width)} {row}")
    counts = [sum(answer.kind == kind for answer in matrix) for kind in _MARKS]
    lines.append("")
    lines.append(
        f"from a row to a column: = exact by layout only, e exact ({counts[0]} in all), "
        f"b bounded ({counts[1]}), . impossible ({counts[2]}); --explain A B says why"
    )
    return "\n".join(lines)


def _mark(answer: Transcoding) -> str:
    return "=" if answer.is_layout_only else _MARKS[answer.kind]


def _transcoding(answer: dict[str, Any]) -> Transcoding:
    if answer["kind"] != "bounded":
        answer |= {"relative_error": None, "absolute_error": None, "largest": None}
    return Transcoding(**answer)
