#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fail if a source file names a number format.

    utils/check-format-names.py [--root DIR]

Formats and codebooks have names in share/formats.txt, which is data. Code that
treats one by its name, and a comment that explains itself by one, would make it
special; sources say what a format is instead. Names that are elements of the
grammar (f32, bf16, …) are no names in this sense. Tests, documents, examples
and data may name what they like.
"""

import argparse
import pathlib
import re
import sys

SOURCES = ("cmake", "include", "lib", "python", "tools")
NAME = re.compile(r"^(?:codebook\s+)?([A-Za-z]\w*)\s*=\s*([^#\n]*)", re.MULTILINE)


def names_of(text):
    """Names of formats and codebooks, except those that only repeat an element."""
    return {name for name, value in NAME.findall(text) if name != value.strip()}


def find_names(root, names):
    """Yields (path, line number, name) of every mention, in any case of letters."""
    longest_first = sorted(names, key=len, reverse=True)
    mention = re.compile(rf"(?<![0-9A-Za-z_])(?:{'|'.join(longest_first)})(?![0-9A-Za-z_])", re.I)
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*")):
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            for number, line in enumerate(lines, start=1):
                for found in mention.finditer(line):
                    yield path.relative_to(root), number, found.group()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=pathlib.Path, default=here)
    root = parser.parse_args().root
    names = names_of((root / "share" / "formats.txt").read_text(encoding="utf-8"))
    failed = False
    for path, number, name in find_names(root, names):
        failed = True
        print(
            f"{path}:{number}: error: expects what a format is, but got the name '{name}'",
            file=sys.stderr,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
