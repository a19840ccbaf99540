# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the documentation says must be so: links lead to files, formats parse,
tables equal what they describe, and marked commands print what is shown."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / "bin"
VENV = ROOT / ".venv" / "bin"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page_name(page):
    return page.relative_to(ROOT).as_posix()


def fences(kind):
    """(page, text) of every fenced block of the pages that begins ```kind."""
    for page in PAGES:
        for info, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if info == kind:
                yield page, text


def fenced_lines(kind):
    return [
        pytest.param(line, id=f"{page_name(page)}: {line}")
        for page, text in fences(kind)
        for line in text.splitlines()
    ]


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_to_files(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    broken = [
        target
        for target in targets
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]
    assert not broken


def read_formats():
    """{name: text} of the formats that Quern ships."""
    lines = (ROOT / "share" / "formats.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.split("#")[0].strip() for line in lines]
    pairs = [line.split(" = ", 1) for line in lines if " = " in line]
    return {name: text for name, text in pairs if not name.startswith("codebook ")}


MEASURED = ROOT / "docs" / "generated" / "Formats.md"


def test_measured_page_has_every_named_format():
    page = MEASURED.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [\d.]+ \| `([^`]+)` \|$", page, re.MULTILINE)
    assert dict(rows) == read_formats(), "run utils/gen-formats-page.py"


def run_opt(text, tmp_path):
    if not (BIN / "quant-opt").is_file():
        pytest.skip("no build/bin/quant-opt")
    file = tmp_path / "input.mlir"
    file.write_text(text, encoding="utf-8")
    return subprocess.run([BIN / "quant-opt", file], capture_output=True, text=True)


@pytest.mark.parametrize("text", fenced_lines("quern-format"))
def test_example_format_parses(text, tmp_path):
    encoding = f"#qt.format<{text}>"
    done = run_opt(f"func.func private @f(tensor<768x2304xf32, {encoding}>)\n", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", fenced_lines("quern-layout"))
def test_example_layout_parses(text, tmp_path):
    done = run_opt(f"module attributes {{a.layout = #qk.layout<{text}>}} {{}}\n", tmp_path)
    assert done.returncode == 0, done.stderr


def commands(text):
    """[(command, output)] of a block in which commands follow `$ `."""
    found = re.findall(r"^\$ (.*?(?:\\\n.*?)*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    return [(command.replace("\\\n", " "), output) for command, output in found]


def without_numbers(text):
    """Digits depend on the machine and on time; the rest must be the same."""
    text = re.sub(r"\d[\d.,]*(e-?\d+)?", "#", text)
    isa = r"\b(avx[\w#]+|amx|portable)"
    text = re.sub(f"{isa}(,? {isa})*", "ISA", text)
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("page", "text"),
    [pytest.param(*block, id=page_name(block[0])) for block in fences("console run")],
)
def test_marked_commands_print_what_is_shown(page, text, tmp_path):
    if not (VENV / "quern").is_file():
        pytest.skip("no .venv/bin/quern")
    for name in ("examples", "utils"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = f"{VENV}:{BIN}:/usr/bin:/bin"
    for command, expected in commands(text):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env={"PATH": path, "HOME": str(tmp_path)},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert without_numbers(done.stdout) == without_numbers(expected)
