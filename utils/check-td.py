#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails on an op, attribute, type or pass that would be documented badly.

Usage: check-td.py <llvm-tblgen> -I<dir>... <file.td>...

Every op and pass has a summary (capital, imperative, no period), a description
and a fenced mlir example; attributes and types too. Every op says its lifespan
and numbers its constraints from (C1) on, and each constraint is cited where it
is checked: as `mnemonic_c1` in the .td file beside the trait or type, or in the
verifier of the dialect.
"""

import json
import pathlib
import re
import subprocess
import sys

KINDS = {"Op": "op", "PassBase": "pass", "AttrDef": "attribute", "TypeDef": "type"}


def load(tblgen, includes, td):
    out = subprocess.run(
        [tblgen, "--dump-json", *includes, td], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(out)


def check_summary(summary):
    if not summary:
        yield "has no summary"
        return
    if summary.rstrip().endswith("."):
        yield "has a summary that ends with a period"
    if summary[:1].islower():
        yield "has a summary that starts in lower case"


def check_text(text):
    if not text.strip():
        yield "has no description"
    elif "```mlir" not in text:
        yield "has no ```mlir example"


def cited_constraints(td):
    """The ids like linear_c2 in a dialect's .td files and C++ files."""
    folder = pathlib.Path(td).parent
    parts = folder.parts
    sources = pathlib.Path("lib", *parts[parts.index("quern") + 1 :])
    files = [*folder.glob("*.td"), *sources.glob("*.cpp")]
    return set(re.findall(r"\b[a-z_]+_c\d+\b", "\n".join(f.read_text() for f in files)))


def check_op(record, cited):
    text, mnemonic = record["description"], record["opName"]
    if not record["assemblyFormat"]:
        yield "has no declarative assembly format"
    if "Lifespan:" not in text:
        yield "has no line 'Lifespan:'"
    ids = [int(n) for n in re.findall(r"^\s*- \(C(\d+)\)", text, re.MULTILINE)]
    if not ids:
        yield "has no list of constraints '- (C1) ...'"
    if ids != list(range(1, len(ids) + 1)):
        yield f"expects constraints numbered from C1, but got {ids}"
    for number in ids:
        if f"{mnemonic}_c{number}" not in cited:
            yield f"has a constraint that no check cites as '{mnemonic}_c{number}'"


def check_record(kind, record, cited):
    yield from check_summary(record["summary"])
    yield from check_text(record["description"] or "")
    if kind == "Op" and record["description"]:
        yield from check_op(record, cited)


def main(arguments):
    tblgen, *rest = arguments
    includes = [a for a in rest if a.startswith("-I")]
    errors = []
    for td in (a for a in rest if not a.startswith("-I")):
        records = load(tblgen, includes, td)
        cited = cited_constraints(td) if td.endswith("Ops.td") else set()
        own = pathlib.Path(td).stem.removesuffix("Ops").lower()
        for kind, word in KINDS.items():
            for name in records["!instanceof"].get(kind, []):
                record = records[name]
                # Definitions of included dialects are checked in their own file.
                dialect = record.get("opDialect") or record.get("dialect")
                if dialect and records[dialect["def"]]["name"] != own:
                    continue
                if kind == "AttrDef" and "Enum" in str(record["!superclasses"]):
                    continue
                errors += [
                    f"{td}: error: {word} {name} {why}" for why in check_record(kind, record, cited)
                ]
    print("\n".join(errors), end="\n" if errors else "", file=sys.stderr)
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
