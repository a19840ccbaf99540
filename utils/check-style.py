#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fail on files, functions and names that break the rules of the house.

    utils/check-style.py [--root DIR]

Checked are: the licence line and the `\\file` sentence; at most 1,000 lines a
file and 60 a function; no to-do without the number of its issue; no path or
host of one machine; and for every pass the same name as flag, record, source
file and test.
"""

import argparse
import ast
import os
import pathlib
import re
import subprocess
import sys

import cpp_functions

FILE_LINES = 1000
FUNCTION_LINES = 60
LICENCE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
CPP = {".h", ".c", ".cpp"}
SOURCES = CPP | {".td", ".def", ".py", ".sh", ".cmake"}
# Written by others or made by a program; not ours to shape.
EXCLUDED = ("docs/generated/", "examples/quern-6m/", "examples/quern-6m-eval.txt")

UNOWNED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b(?!\(#\d+\))")
MACHINE_PATH = re.compile(r"(?<![\w.}/>~-])/(?:work|tmp|root|home|mnt)/")
PACKAGE_HOST = re.compile(
    r"https?://[\w.-]*(?:pypi|pythonhosted|artifact|nexus|registry|mirror"
    r"|\.debian\.org)"
)
PASS_RECORD = re.compile(r'^def (\w+)\s*:\s*Pass<\s*"([\w-]+)"', re.MULTILINE)
# The first word of a pass flag and the folder of the sources, where they are
# not the folder of Passes.td.
PASS_FOLDERS = {
    "Codegen": ("codegen", "Codegen/Common"),
    "Codegen/CPU": ("cpu", "Codegen/CPU"),
    "Codegen/NVGPU": ("nvgpu", "Codegen/NVGPU"),
    "Pipelines": ("quant", "Pipelines"),
}


def list_files(root):
    """Paths that belong to the repository, by git where there is one."""
    command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        names = listed.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        names = [
            os.path.relpath(os.path.join(folder, name), root)
            for folder, _, files in os.walk(root)
            for name in files
        ]
    names = {n for n in names if not n.startswith(EXCLUDED)}
    return sorted(n for n in names if (root / n).is_file())


def check_header(name, lines, suffix):
    """The licence, and for C, C++ and TableGen the sentence after `\\file`."""
    if suffix in CPP | {".td", ".def"}:
        if not lines or not re.fullmatch(rf"(// |/\* ){LICENCE}( \*/)?", lines[0]):
            yield f"{name}:1: error: expects the line '// {LICENCE}'"
        if not any(re.match(r"(//|/?\*| \*) \\file \S", line) for line in lines[1:4]):
            yield f"{name}:3: error: expects '// \\file' and a sentence"
    elif suffix in {".py", ".sh"} and lines and f"# {LICENCE}" not in lines[:2]:
        yield f"{name}:1: error: expects the line '# {LICENCE}'"


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno, node.name


def check_sizes(name, text, lines, suffix):
    if len(lines) > FILE_LINES:
        yield (f"{name}:1: error: expects at most {FILE_LINES} lines, but got {len(lines)}")
    functions = ()
    if suffix in CPP:
        functions = cpp_functions.functions(text)
    elif suffix == ".py":
        functions = python_functions(text)
    for begin, end, function in functions:
        size = end - begin + 1
        if size > FUNCTION_LINES:
            yield (
                f"{name}:{begin}: error: expects at most {FUNCTION_LINES} lines in "
                f"'{function}', but got {size}"
            )


def check_words(name, lines):
    """To-dos without an issue, and what holds on one machine only."""
    rules = (
        (UNOWNED, "a to-do without the number of its issue"),
        (MACHINE_PATH, "a path of one machine"),
        (PACKAGE_HOST, "the host of a package registry"),
    )
    for number, line in enumerate(lines, 1):
        for pattern, what in rules:
            match = pattern.search(line)
            if match:
                yield f"{name}:{number}: error: {what}: '{match.group(0)}'"


def kebab(name):
    """SelectKernel -> select-kernel, LowerToLLVM -> lower-to-llvm."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1-\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name).lower()


def check_passes(root, name, text):
    """Flag, record, source file and test of every pass have the same name."""
    folder = str(pathlib.PurePosixPath(name).parent.relative_to("include/quern"))
    word, sources = PASS_FOLDERS.get(folder, (folder.lower(), folder))
    for record, flag in PASS_RECORD.findall(text):
        stem = record.removesuffix("Pass")
        wanted = f"{word}-{kebab(stem)}"
        if not record.endswith("Pass") or flag != wanted:
            yield f"{name}:1: error: {record} expects the flag '{wanted}', but got '{flag}'"
        for path in (
            f"lib/{sources}/{stem}.cpp",
            f"test/{folder}/{kebab(stem)}.mlir",
        ):
            if not (root / path).is_file():
                yield f"{name}:1: error: {record} expects the file {path}"


def check_file(root, name):
    try:
        text = (root / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    lines = text.splitlines()
    suffix = pathlib.PurePosixPath(name).suffix
    yield from check_words(name, lines)
    if suffix in SOURCES:
        yield from check_header(name, lines, suffix)
        yield from check_sizes(name, text, lines, suffix)
    if name.startswith("include/quern/") and name.endswith("/Passes.td"):
        yield from check_passes(root, name, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=pathlib.Path, default=here)
    root = parser.parse_args().root.resolve()
    errors = [e for name in list_files(root) for e in check_file(root, name)]
    print("\n".join(errors), end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
