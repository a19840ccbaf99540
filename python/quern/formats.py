# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Texts of formats: a view of `quern/Numerics/Format.h`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .compiler import load_extension
from .errors import QuernError, check_unicode


def read_formats(formats_file: str | Path | None = None) -> dict[str, str]:
    """Canonical texts by name: the formats of a file, or those that Quern ships."""
    return dict(_call("read_formats", "" if formats_file is None else formats_file))


def canonical_format(text: str, formats_file: str | Path | None = None) -> str:
    """The canonical text of a format that a name or a text stands for."""
    return str(
        _call("canonical_format", text, "" if formats_file is None else formats_file)
    )


def bits_per_weight(text: str, rows: int, cols: int) -> float:
    """Storage of a weight of a matrix of that shape, in bits, scales included."""
    return float(_call("bits_per_weight", text, rows, cols))


def _call(name: str, *arguments: Any) -> Any:
    """Calls a function of the extension; paths may be such, errors are QuernError."""
    texts = [str(item) if isinstance(item, Path) else item for item in arguments]
    for text in texts:
        check_unicode("the options", str(text))
    extension = load_extension()
    try:
        return getattr(extension, name)(*texts)
    except extension.CompileError as error:
        raise QuernError(str(error)) from None
