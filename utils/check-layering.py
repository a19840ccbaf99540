#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fail if a file includes a header of a library above its own layer.

    utils/check-layering.py [--root DIR] [--print]

The table is the architecture: docs/Architecture.md shows it as `--print`
writes it, and nothing else may define it. A library may include itself and
what is listed after the colon; `A/B.h` stands for that one header of A, and
`Dialect/*` for every dialect.
No phase is listed after another: phases talk through IR only.
"""

import argparse
import pathlib
import re
import sys

ALLOWED = """
Base:
Numerics: Base
Artifact: Base Numerics
Runtime: Base
Support: Base
Weights: Base Support
Dialect/Param:
Dialect/NN: Dialect/Param
Dialect/QT: Base Numerics
Dialect/QK: Base Numerics Dialect/Param Dialect/QT
Dialect/Check:
Reference: Base Support Numerics Weights Dialect/*
Import: Base Support Numerics Weights Dialect/Param Dialect/NN Dialect/QT Dialect/QK
Quantize: Base Support Numerics Weights Dialect/Param Dialect/NN Dialect/QT
Pack: Base Support Numerics Weights Dialect/Param Dialect/NN Dialect/QT Dialect/QK
Codegen: Base Support Numerics Dialect/Param Dialect/QT Dialect/QK \
    Dialect/NN/IR/NNTypes.h Runtime/StepABI.h
Export: Base Support Numerics Artifact Weights Dialect/Param Dialect/NN Dialect/QT Dialect/QK
Pipelines: *
"""

PHASES = ("Import", "Quantize", "Pack", "Codegen", "Export")
# What a loaded artifact or a format needs stays free of the compiler.
NO_COMPILER = ("Base", "Numerics", "Artifact", "Runtime")
SUFFIXES = {".h", ".c", ".cpp", ".td", ".def", ".inc"}
INCLUDE = re.compile(r'\s*#?\s*include\s+["<]([^">]+)[">]')


def read_table():
    """{library: set of what it may include}, in the order of the table."""
    table = {}
    for line in ALLOWED.strip().splitlines():
        name, _, allowed = line.partition(":")
        table[name] = set(allowed.split())
    dialects = {name for name in table if name.startswith("Dialect/")}
    for allowed in table.values():
        if "Dialect/*" in allowed:
            allowed |= dialects
            allowed.discard("Dialect/*")
    for phase in PHASES:
        assert not table[phase] & set(PHASES), f"{phase} lists another phase"
    return table


class Checker:
    def __init__(self, root):
        self.root = root
        self.table = read_table()
        self.errors = []

    def library_of(self, path):
        """The library of a path below include/quern or lib. The lists of
        everything, in include/quern itself, belong to Pipelines."""
        if "/" not in path and path.endswith(".h"):
            return "Pipelines"
        names = [n for n in self.table if path.startswith(n + "/")]
        return max(names, key=len, default=None)

    def included_path(self, file, top, name):
        """The path below include/quern or lib that an include names."""
        if name.startswith("quern/"):
            return name[len("quern/") :]
        beside = (file.parent / name).resolve()
        if beside.is_file() and beside.is_relative_to(top.resolve()):
            return beside.relative_to(top.resolve()).as_posix()
        return None

    def check_include(self, file, top, own, name):
        """What is wrong with `#include "name"` in a file of `own`, or None."""
        if name.split("/")[0] in ("llvm", "mlir", "lld", "llvm-c", "mlir-c"):
            compiler = own in NO_COMPILER
            return f"{own} may not include LLVM's {name}" if compiler else None
        path = self.included_path(file, top, name)
        used = self.library_of(path) if path else None
        if path and not used:
            return f"{name} belongs to no library of the table"
        allowed = self.table[own]
        if not used or used == own or "*" in allowed or {used, path} & allowed:
            return None
        return f"{own} may not include {used}"

    def check_file(self, file, top):
        own = self.library_of(file.relative_to(top).as_posix())
        where = file.relative_to(self.root)
        if own is None:
            self.errors.append(f"{where}:1: error: belongs to no library of the table")
            return
        text = file.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            problem = match and self.check_include(file, top, own, match.group(1))
            if problem:
                self.errors.append(f"{where}:{number}: error: {problem}")

    def run(self):
        for top in (self.root / "include" / "quern", self.root / "lib"):
            for file in sorted(top.rglob("*")):
                if file.suffix in SUFFIXES and file.is_file():
                    self.check_file(file, top)
        return self.errors


def print_table():
    print("| library | may include |\n|---|---|")
    for name, allowed in read_table().items():
        order = [n for n in read_table() if n in allowed]
        order += sorted(allowed - set(order) - {"*"})
        text = "everything" if "*" in allowed else ", ".join(order) or "–"
        print(f"| {name} | {text} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=pathlib.Path, default=here)
    parser.add_argument("--print", action="store_true", help="write the table as Markdown")
    options = parser.parse_args()
    if options.print:
        print_table()
        return 0
    errors = Checker(options.root.resolve()).run()
    print("\n".join(errors), end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
