# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The one exception that Quern raises on purpose."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Status codes of the runtime, as in `quern_rt.h`."""

    OK = 0
    INVALID_ARGUMENT = 1
    FILE = 2
    CPU_FEATURES = 3
    OUT_OF_MEMORY = 4
    CAPACITY = 5
    CANCELLED = 6
    THREADS = 7


class QuernError(Exception):
    """An error whose text is one clear paragraph for the user.

    `status` is set when the error comes from the runtime of a compiled model.
    """

    def __init__(self, message: str, status: Status | None = None) -> None:
        super().__init__(message)
        self.status = status


def check_unicode(name: str, text: str) -> None:
    """Refuses text with halves of characters, which bytes of a command line that
    are not UTF-8 become."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise QuernError(
            f"{name}: expects valid Unicode, but got {text[error.start]!a} at position "
            f"{error.start}"
        ) from None
