# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each checker of utils/ must pass a good tree and report a seeded violation."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LICENCE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
HEADER = f"// {LICENCE}\n//\n// \\file A file.\n\n"


def run(checker, *arguments):
    command = [sys.executable, str(ROOT / "utils" / checker), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def expect_error(checker, root, message):
    done = run(checker, "--root", root)
    assert done.returncode == 1
    assert message in done.stderr


def test_small_good_tree_passes(tmp_path):
    write(tmp_path, "lib/Pack/A.cpp", HEADER + '#include "quern/Numerics/Format.h"\n')
    for checker in ("check-layering.py", "check-style.py"):
        done = run(checker, "--root", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")


# Layers.

LAYERING = [
    ("lib/Pack/A.cpp", "quern/Quantize/Passes.h", "Pack may not include Quantize"),
    ("lib/Import/A.cpp", "quern/Codegen/Passes.h", "Import may not include Codegen"),
    (
        "include/quern/Dialect/QT/A.td",
        "quern/Dialect/QK/A.td",
        "may not include Dialect/QK",
    ),
    (
        "lib/Runtime/A.cpp",
        "quern/Numerics/Format.h",
        "Runtime may not include Numerics",
    ),
    ("lib/Runtime/A.cpp", "llvm/ADT/StringRef.h", "Runtime may not include LLVM's"),
    (
        "lib/Codegen/A.cpp",
        "quern/Runtime/quern_rt.h",
        "Codegen may not include Runtime",
    ),
    ("lib/Base/A.cpp", "quern/InitAllPasses.h", "Base may not include Pipelines"),
    ("lib/Base/A.cpp", "quern/Nowhere/A.h", "belongs to no library"),
]


@pytest.mark.parametrize(("file", "included", "message"), LAYERING)
def test_layering_reports_include(tmp_path, file, included, message):
    write(tmp_path, file, f'{HEADER}#include "{included}"\n')
    expect_error("check-layering.py", tmp_path, f"{file}:5: error: ")
    expect_error("check-layering.py", tmp_path, message)


def test_layering_follows_relative_include(tmp_path):
    write(tmp_path, "lib/Quantize/Secret.h", HEADER)
    write(tmp_path, "lib/Pack/A.cpp", HEADER + '#include "../Quantize/Secret.h"\n')
    expect_error("check-layering.py", tmp_path, "Pack may not include Quantize")


def test_layering_allows_single_header(tmp_path):
    write(tmp_path, "lib/Codegen/A.cpp", HEADER + '#include "quern/Runtime/StepABI.h"\n')
    assert run("check-layering.py", "--root", tmp_path).returncode == 0


def test_layering_reports_unknown_library(tmp_path):
    write(tmp_path, "lib/Utils/A.cpp", HEADER)
    expect_error("check-layering.py", tmp_path, "lib/Utils/A.cpp:1: error: belongs to no library")


def test_architecture_shows_the_table():
    page = (ROOT / "docs" / "Architecture.md").read_text(encoding="utf-8")
    assert run("check-layering.py", "--print").stdout.strip() in page


# Style of files.


def test_style_reports_missing_licence(tmp_path):
    write(tmp_path, "lib/Base/A.cpp", "int x;\n")
    expect_error("check-style.py", tmp_path, "lib/Base/A.cpp:1: error: expects the line")
    expect_error("check-style.py", tmp_path, "lib/Base/A.cpp:3: error: expects '// \\file'")


def test_style_reports_long_file(tmp_path):
    write(tmp_path, "lib/Base/A.cpp", HEADER + "int x;\n" * 997)
    expect_error("check-style.py", tmp_path, "expects at most 1000 lines, but got 1001")


OPENINGS = [
    "static int f(int x) {",
    'Status A::f(const std::string &s = "{") const {',
    "A::A(int x) : B(x), c(0) {",
    "bool operator==(const A &a, const A &b) {",
    "TEST(Suite, Case) {",
    "template <class V> auto g(V &v) -> typename V::F32 {",
    "struct S {\n  void method() {",
    "namespace n {\nclass C final : public B {\n  int get() const noexcept {",
]


@pytest.mark.parametrize("opening", OPENINGS)
def test_style_reports_long_function(tmp_path, opening):
    closing = "}\n" * (opening.count("{") - opening.count('"{"'))
    for lines, status in ((58, 0), (59, 1)):
        body = "  if (x) { y('}'); } // }\n" * lines
        write(tmp_path, "lib/Base/A.cpp", f"{HEADER}{opening}\n{body}{closing}")
        assert run("check-style.py", "--root", tmp_path).returncode == status


def test_style_does_not_take_a_table_for_a_function(tmp_path):
    table = "static const int table[size(3)] = {\n" + "  1,\n" * 100 + "};\n"
    write(tmp_path, "lib/Base/A.cpp", HEADER + table)
    assert run("check-style.py", "--root", tmp_path).returncode == 0


def test_style_reports_long_python_function(tmp_path):
    write(tmp_path, "a.py", f"# {LICENCE}\ndef f():\n" + "    x = 1\n" * 60)
    expect_error("check-style.py", tmp_path, "a.py:2: error: expects at most 60 lines in 'f'")


def test_style_reports_unowned_todo(tmp_path):
    word = "TO" + "DO"
    write(
        tmp_path,
        "lib/Base/A.cpp",
        f"{HEADER}// {word}(#12): fine\n// {word}: not fine\n",
    )
    expect_error("check-style.py", tmp_path, "lib/Base/A.cpp:6: error: a to-do without")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cd /" + "work/main", "a path of one machine"),
        ("cat '/" + "tmp/x'", "a path of one machine"),
        ("https://" + "pypi.example.org/simple", "the host of a package registry"),
    ],
)
def test_style_reports_machine(tmp_path, line, message):
    write(tmp_path, "docs/A.md", line + "\n")
    expect_error("check-style.py", tmp_path, f"docs/A.md:1: error: {message}")


# The name of a pass.

PASSES = "include/quern/Pack/Passes.td"


def write_pass(root, record, flag):
    write(root, PASSES, f'{HEADER}def {record} : Pass<"{flag}"> {{}}\n')
    write(root, "lib/Pack/LowerToLLVM.cpp", HEADER)
    write(root, "test/Pack/lower-to-llvm.mlir", "")


def test_style_accepts_pass(tmp_path):
    write_pass(tmp_path, "LowerToLLVMPass", "pack-lower-to-llvm")
    assert run("check-style.py", "--root", tmp_path).returncode == 0


def test_style_reports_pass_flag(tmp_path):
    write_pass(tmp_path, "LowerToLLVMPass", "pack-to-llvm")
    expect_error(
        "check-style.py",
        tmp_path,
        "expects the flag 'pack-lower-to-llvm', but got 'pack-to-llvm'",
    )


@pytest.mark.parametrize("missing", ["lib/Pack/LowerToLLVM.cpp", "test/Pack/lower-to-llvm.mlir"])
def test_style_reports_pass_without_file(tmp_path, missing):
    write_pass(tmp_path, "LowerToLLVMPass", "pack-lower-to-llvm")
    (tmp_path / missing).unlink()
    expect_error("check-style.py", tmp_path, f"LowerToLLVMPass expects the file {missing}")


# Names of formats.

NAMES = "# f\nf16 = f16\ncodebook steps = [0, 1]\nmine4 = i4 [8], scale f16 # why\n"


@pytest.mark.parametrize(
    ("file", "line", "name"),
    [
        ("lib/A.cpp", 'lookup("mine4");', "mine4"),
        ("include/A.td", "// As MINE4 has it.", "MINE4"),
        ("python/a.py", "x = [steps]", "steps"),
    ],
)
def test_format_names_are_reported(tmp_path, file, line, name):
    write(tmp_path, "share/formats.txt", NAMES)
    write(tmp_path, file, "\n" + line)
    expect_error(
        "check-format-names.py",
        tmp_path,
        f"{file}:2: error: expects what a format is, but got the name '{name}'",
    )


def test_format_names_may_be_elements_parts_of_words_and_elsewhere(tmp_path):
    write(tmp_path, "share/formats.txt", NAMES)
    write(tmp_path, "lib/A.cpp", "f16 x; int mine42 = footsteps; i4 [8], scale f16")
    write(tmp_path, "test/A.mlir", "mine4")
    done = run("check-format-names.py", "--root", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


# Generated pages.


def test_docs_reports_stale_page(tmp_path):
    if not (ROOT / "build" / "build.ninja").is_file():
        pytest.skip("no build folder")
    command = ["bash", str(ROOT / "utils" / "check-docs.sh")]
    assert subprocess.run([*command, "-f", "build", str(tmp_path)]).returncode == 0
    pages = sorted(tmp_path.rglob("*.md"))
    assert pages
    assert subprocess.run([*command, "build", str(tmp_path)]).returncode == 0
    pages[0].write_text(pages[0].read_text() + "stale\n")
    assert subprocess.run([*command, "build", str(tmp_path)]).returncode == 1


# The sum of all suites.


def load_run_tests():
    spec = importlib.util.spec_from_file_location("run_tests", ROOT / "utils" / "run-tests.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REPORT = """<testsuite>
<testcase name="a"/>
<testcase name="b"><failure message="wrong"/></testcase>
<testcase name="c"><skipped message="no avx512"/></testcase>
<testcase name="d" status="notrun"/>
</testsuite>"""


def test_run_tests_reads_every_outcome(tmp_path):
    write(tmp_path, "report.xml", REPORT)
    cases = list(load_run_tests().read_cases(tmp_path / "report.xml"))
    assert [outcome for _, outcome, _ in cases] == [
        "passed",
        "failed",
        "skipped",
        "skipped",
    ]
    assert cases[2] == ("c", "skipped", "no avx512")


@pytest.mark.parametrize("command", [["false"], ["true"]])
def test_run_tests_counts_silent_suite_as_failure(tmp_path, command):
    cases = load_run_tests().run_suite("silent", command, {}, tmp_path / "report.xml")
    assert [outcome for _, outcome, _ in cases] == ["failed"]


def test_run_tests_counts_crash_after_passed_tests_as_failure(tmp_path):
    report = tmp_path / "report.xml"
    command = ["sh", "-c", f"echo '<s><testcase name=\"a\"/></s>' > {report}; exit 3"]
    cases = load_run_tests().run_suite("crashing", command, {}, report)
    assert [outcome for _, outcome, _ in cases] == ["passed", "failed"]
