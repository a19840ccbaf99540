# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""docs/HowTo/AddAFormat.md, done step by step as its reader does it, and formats
that somebody wrote who had read nothing else.

A block of the page whose first line is ```LANGUAGE FILE is that file; of ```console
the commands must succeed, of ```console fails they must fail with what is shown.
"""

import os
import re
import shutil
import subprocess

import pytest
import quern
from quern.formats import read_formats
from support import ROOT, needs_compiler, open_variants, reference_perplexity
from test_docs import BIN, FENCE, VENV, commands, without_numbers

PAGE = ROOT / "docs" / "HowTo" / "AddAFormat.md"
STEPS = FENCE.findall(PAGE.read_text(encoding="utf-8"))
MODEL = ROOT / "examples" / "quern-6m"
FIVE = ROOT / "examples" / "five-formats.txt"
PLUGIN = "codec/CodecPlugin.so"

needs_tools = pytest.mark.skipif(
    not ((VENV / "quern").is_file() and (BIN / "quant-opt").is_file() and shutil.which("ninja")),
    reason="without .venv/bin/quern, build/bin/quant-opt or ninja",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Looks like the sources' folder, as far as the page goes."""
    place = tmp_path_factory.mktemp("page")
    for name in ("build", "examples", "include"):
        (place / name).symlink_to(ROOT / name)
    return place


def run(command, folder):
    path = f"{VENV}:{BIN}:{os.environ['PATH']}"
    environment = {
        "PATH": path,
        "HOME": str(folder),
        "QUERN_CACHE": str(folder / "cache"),
    }
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )


def step_name(step):
    return re.sub(r"\W+", "-", step[0] + " " + step[1][:40]).strip("-")


@needs_tools
@needs_compiler
@pytest.mark.parametrize("step", STEPS, ids=step_name)
def test_page(folder, step):
    info, text = step
    language, _, name = info.partition(" ")
    if language != "console":
        (folder / name).write_text(text, encoding="utf-8")
        return
    steps = commands(text)
    assert steps
    for command, expected in steps:
        done = run(command, folder)
        if name == "fails":
            assert done.returncode == 1
            assert (done.stdout, done.stderr) == ("", expected)
        else:
            assert done.returncode == 0, done.stderr
            if expected:
                assert without_numbers(done.stdout) == without_numbers(expected)


# The rest of this file uses what the page has built.


@needs_tools
@needs_compiler
def test_page_compares_what_it_says(folder):
    for sweep in ("first", "second", "third"):
        assert (folder / sweep / "sweep.svg").is_file()
    learned = read_formats(folder / "learned.txt")
    assert list(learned) == ["learned"]
    assert "codebook [-1, -0.714" in read_formats(folder / "companded.txt")["companded"]


def element(body, header="@e bits 2", argument="%code: i32"):
    return f"codec.element {header} {{\n^bb0({argument}):\n{body}\n}}\n"


GOOD = "%v = arith.uitofp %code : i32 to f32\ncodec.yield %v"
UNFOLDED = "%v = arith.uitofp %code : i32 to f32\n%t = func.call @f(%v) : (f32) -> f32\n"
INFINITE = (
    "%v = arith.uitofp %code : i32 to f32\n%c = arith.constant 1.0 : f32\n"
    "%q = arith.divf %c, %v : f32\ncodec.yield %q"
)


@needs_tools
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (element(GOOD, "@e bits 9"), "'bits' failed to satisfy constraint"),
        (element(GOOD, "@e bits 0"), "'bits' failed to satisfy constraint"),
        (
            element(
                "%v = arith.uitofp %code : i8 to f32\ncodec.yield %v",
                argument="%code: i8",
            ),
            "expects a region with one argument, an i32, but got arguments ('i8')",
        ),
        (
            element("llvm.unreachable"),
            "expects its region to end with codec.yield, but got",
        ),
        (
            "func.func private @f(f32) -> f32\n" + element(UNFOLDED + "codec.yield %t"),
            "expects an op that folds on constants, but got func.call for code 0",
        ),
        (element(INFINITE), "expects a finite number for code 0, but got"),
    ],
)
def test_plugin_says_what_is_wrong(folder, text, message):
    (folder / "bad.mlir").write_text(text)
    done = run(
        f"quant-opt bad.mlir --load-dialect-plugin={PLUGIN} --load-pass-plugin={PLUGIN} "
        "--pass-pipeline='builtin.module(codec-assign-encodings{format=\"@e [4], scale f16\"})'",
        folder,
    )
    assert done.returncode == 1
    assert message in done.stderr


@needs_tools
def test_plugin_evaluates_every_code(folder):
    squares = element(
        "%s = arith.muli %code, %code : i32\n%v = arith.uitofp %s : i32 to f32\n"
        "%c = arith.constant 3.0 : f32\n%q = arith.divf %v, %c : f32\ncodec.yield %q"
    )
    weight = (
        'param.global @w : tensor<8x8xf32> = #param.external<"model", "w">\n'
        "func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {\n"
        "%w = param.load @w : tensor<8x8xf32>\n"
        "%y = nn.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>\n"
        "return %y : tensor<?x8xf32>\n}\n"
    )
    (folder / "squares.mlir").write_text(squares + weight)
    done = run(
        f"quant-opt squares.mlir --load-dialect-plugin={PLUGIN} --load-pass-plugin={PLUGIN} "
        "--pass-pipeline='builtin.module(codec-assign-encodings{solver=mse "
        'format="i4 [1, 4], scale (@e [1, 2], scale f16)"})\'',
        folder,
    )
    assert done.returncode == 0, done.stderr
    table = "codebook [0, 0.33333334, 1.3333334, 3]"
    assert f"i4 [1, 4], scale ({table} [1, 2], scale f16)" in done.stdout
    assert 'solver = "mse"' in done.stdout
    assert "codec." not in done.stdout


@pytest.fixture(scope="module")
def novel():
    tokenizer = quern.Tokenizer(MODEL)
    text = (ROOT / "examples" / "quern-6m-eval.txt").read_text("utf-8")
    return tokenizer.encode(text)[:200], tokenizer.bos_id


@needs_compiler
def test_there_are_five():
    assert len(read_formats(FIVE)) == 5
    assert not set(read_formats(FIVE).values()) & set(read_formats().values())


@needs_compiler
@pytest.mark.parametrize("name", re.findall(r"^(\w+) =", FIVE.read_text("utf-8"), re.MULTILINE))
def test_formats_that_are_in_no_paper(tmp_path, novel, name):
    report = quern.compile_model(MODEL, tmp_path / "out", name, formats_file=FIVE)
    # Nothing took another format.
    assert report["notes"] == []
    expected = reference_perplexity(
        quern.ReferenceModel(MODEL, name, formats_file=FIVE), novel[0], 256, novel[1]
    )
    variants = open_variants(tmp_path / "out")
    assert variants
    for model in variants.values():
        with model:
            found = quern.evaluate(model, novel[0], 256, novel[1]).perplexity
        assert found == pytest.approx(expected, rel=1e-3)
