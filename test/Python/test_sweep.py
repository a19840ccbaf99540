# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`quern sweep`: rows against `quern eval`, what is measured again and what is
not, formats that fail, and the plot."""

import importlib
import json
import shutil
from xml.etree import ElementTree

import pytest
import quern
from quern.cli import main
from quern.formats import canonical_format, read_formats
from quern.plot import write_plot
from quern.sweep import FLOAT, Row, SweepOptions, Task
from support import needs_compiler

pytestmark = needs_compiler

TEXT = "It was a dark and stormy night; the rain fell in torrents. " * 20
FORMATS = {"coarse": "i2 [1, 32], scale f16", "fine": "i8 [1, 32], scale f16"}
OPTIONS = SweepOptions(context=128)
# Wider than any fallback, and no weight has a row of a multiple of 7.
UNFIT = "f32 [1, 7], scale f32"

module = importlib.import_module("quern.sweep")


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    return tmp_path_factory.mktemp("reference")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path, references):
    """No rows, and the float models of all tests."""
    place = tmp_path / "cache"
    place.mkdir()
    (place / "reference").symlink_to(references)
    monkeypatch.setenv("QUERN_CACHE", str(place))


@pytest.fixture
def compiled(monkeypatch):
    """Formats that the sweep has compiled; another one may be put in its way."""
    formats = []

    def compile_model(model, output, format, **options):
        formats.append(format)
        return quern.compile_model(model, output, format, **options)

    monkeypatch.setattr(module, "compile_model", compile_model)
    return formats


def run(model, tmp_path, formats=FORMATS, text=TEXT, options=OPTIONS, progress=None):
    return quern.sweep(model, text, formats, tmp_path / "work", options, progress)


def test_rows_are_what_an_evaluation_gives(tiny_model, tmp_path):
    rows = {row.name: row for row in run(tiny_model, tmp_path)}
    assert list(rows) == [FLOAT, *FORMATS]
    tokenizer = quern.Tokenizer(tiny_model)
    tokens, bos = tokenizer.encode(TEXT), tokenizer.bos_id if tokenizer.adds_bos else None
    with quern.Model(quern.reference_artifact(tiny_model)) as against:
        assert rows[FLOAT].evaluation == quern.evaluate(against, tokens, 128, bos)
        for name, format in FORMATS.items():
            out = tmp_path / name
            report = quern.compile_model(tiny_model, out, format, target="host", kv_cache="f32")
            with quern.Model(out) as model:
                expected = quern.evaluate(model, tokens, 128, bos, against=against)
            assert rows[name].evaluation == expected
            assert rows[name].weight_bytes == report["weight_bytes"]
            assert rows[name].bits_per_weight == report["bits_per_weight"]
    assert rows["coarse"].evaluation.kld_mean > rows["fine"].evaluation.kld_mean > 0
    assert not (tmp_path / "work").exists()


def test_a_float_model_too_large_to_record_runs_alongside(tiny_model, tmp_path, monkeypatch):
    recorded = run(tiny_model, tmp_path)
    shutil.rmtree(tmp_path / "cache" / "sweep")
    monkeypatch.setattr(module, "_RECORDING_BYTES", 0)
    assert run(tiny_model, tmp_path) == recorded


def test_tokens_cut_the_text(tiny_model, tmp_path):
    few = SweepOptions(context=128, tokens=200)
    rows = run(tiny_model, tmp_path, {}, options=few)
    whole = run(tiny_model, tmp_path, {})
    assert [row.evaluation.tokens for row in rows + whole] == [200, len(TEXT)]


def test_finished_rows_are_found_by_content(tiny_model, tmp_path, compiled):
    first = run(tiny_model, tmp_path)
    assert compiled == list(FORMATS.values())
    again = run(tiny_model, tmp_path, {"renamed": FORMATS["fine"]})
    assert len(compiled) == 2
    assert [row.name for row in again] == [FLOAT, "renamed"]
    assert again[1].evaluation == first[2].evaluation
    assert again[0] == first[0]


def test_what_a_row_depends_on_is_part_of_its_place(tmp_path):
    folder = tmp_path / "model"
    quern.synthesize("tiny-llama", folder)

    def place(text=TEXT, format="i8", **options):
        return Task.create(folder, text, SweepOptions(**options)).place(format)

    places = [place(), place("Rain."), place(tokens=9), place(context=64), place(format="i7")]
    places += [place(compute="int8"), place(solver="mse")]
    assert place(threads=1, tokens=len(TEXT)) == places[0]
    quern.synthesize("tiny-llama", folder, seed=1)
    places.append(place())
    assert len(set(places)) == len(places)
    quern.synthesize("tiny-llama", folder)
    assert place() == places[0]


def test_an_interrupted_sweep_goes_on(tiny_model, tmp_path, compiled, monkeypatch):
    counting = module.compile_model

    def stop_at_fine(model, output, format, **options):
        if format == FORMATS["fine"]:
            (output / "half").mkdir(parents=True)
            raise KeyboardInterrupt
        return counting(model, output, format, **options)

    monkeypatch.setattr(module, "compile_model", stop_at_fine)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_model, tmp_path)
    monkeypatch.setattr(module, "compile_model", counting)
    rows = run(tiny_model, tmp_path)
    assert compiled == [FORMATS["coarse"], FORMATS["fine"]]
    assert [row.error for row in rows] == ["", "", ""]


def test_progress_never_goes_back(tiny_model, tmp_path):
    told = []
    run(tiny_model, tmp_path, progress=lambda share, text: told.append((share, text)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    assert {text.split(":")[0] for _, text in told} == {FLOAT, *FORMATS}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "text").write_text(TEXT)
    (tmp_path / "formats").write_text("coarse = i2 [1, 32], scale f16\n")
    return tmp_path


def sweep_command(files, model, *options):
    command = ["sweep", model, "--text", files / "text", "--context", 128, "-o", files / "out"]
    return main([str(item) for item in [*command, *options]])


def test_command_writes_table_numbers_and_plot(files, tiny_model, capsys):
    text = "u4 [1, 32], scale f16, zero u4"
    options = ["--formats", files / "formats", "--format", text]
    assert sweep_command(files, tiny_model, *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["format", FLOAT, "coarse", text]
    entries = json.loads((files / "out" / "sweep.json").read_text())
    assert [entry["name"] for entry in entries] == [FLOAT, "coarse", text]
    assert f"{entries[1]['kld_mean']:.4g} ± {entries[1]['kld_stderr']:.2g}" in lines[2]
    plot = ElementTree.parse(files / "out" / "sweep.svg")
    labels = {element.text for element in plot.iter("{http://www.w3.org/2000/svg}text")}
    assert {"coarse", text} <= labels
    assert sweep_command(files, tiny_model, *options, "--json") == 0
    assert json.loads(capsys.readouterr().out) == entries


def test_command_measures_every_arithmetic(files, tiny_model, capsys):
    divergences = []
    for compute in ("f32", "bf16", "int8"):
        options = ["--formats", files / "formats", "--compute", compute, "--json"]
        assert sweep_command(files, tiny_model, *options) == 0
        divergences.append(json.loads(capsys.readouterr().out)[1]["kld_mean"])
    assert len(set(divergences)) == 3


def test_a_format_that_fails_does_not_lose_the_others(files, tiny_model, capsys):
    options = ["--formats", files / "formats", "--format", UNFIT]
    assert sweep_command(files, tiny_model, *options) == 1
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[2].startswith("coarse") and "error" not in lines[2]
    assert lines[3].startswith(f"{UNFIT}  error: 'param.global' op {UNFIT} expects columns")
    assert captured.err == f"error: 1 of 2 formats have no result: {UNFIT}\n"
    entries = json.loads((files / "out" / "sweep.json").read_text())
    assert "kld_mean" in entries[1] and "no fallback format fits" in entries[2]["error"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "error: expects formats to compare: --formats FILE or --format FORMAT"),
        (["--format", "q4_0", "--tokens", "-1"], "error: tokens: expects a number from 0 on"),
        (["--format", "q4_0", "--context", "4096"], "error: context: expects at most"),
        (["--formats", "{tmp}/absent"], "absent: "),
    ],
)
def test_errors_are_one_paragraph(files, tiny_model, capsys, options, message):
    filled = [option.format(tmp=files) for option in options]
    assert sweep_command(files, tiny_model, *filled) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("error:") == 1
    assert message in captured.err.replace("\n", " ")


def test_bad_text_is_pointed_at(files, tiny_model, capsys):
    (files / "formats").write_text("good = i4 [1, 32], scale f16\nbad = i4 [1, 32], scale g16\n")
    assert sweep_command(files, tiny_model, "--formats", files / "formats") == 1
    lines = capsys.readouterr().err.splitlines()
    assert "formats:2:25: expects an element: i1" in " ".join(lines).replace("\n", " ")
    assert lines[-2:] == ["  bad = i4 [1, 32], scale g16", "                          ^"]
    for command in (["--format", "i4 [1 32]"], ["--format", "i8", "--rule", "*=i4 [1 32]"]):
        compiling = ["compile", str(tiny_model), *command, "-o", str(files / "made")]
        assert main(compiling) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1].endswith("      ^"), lines
        assert lines[-2].endswith("i4 [1 32]")


def test_names_and_texts_of_formats(tmp_path):
    shipped = read_formats()
    assert shipped["q8_0"] == "i8 [1, 32], scale f16, round away exact"
    file = tmp_path / "file"
    file.write_text("codebook two = [0, 1]\nx = codebook @two [4], scale f16\n")
    assert read_formats(file) == {"x": "codebook [0, 1] [1, 4], scale f16"}
    assert canonical_format("X", file) == read_formats(file)["x"]
    assert canonical_format("Q8_0") == shipped["q8_0"]


def point(name, bits, divergence):
    measured = quern.Evaluation(100, 10.0, 0.1, divergence, divergence / 10, divergence, 0.9)
    return Row(name, "i4", bits, 1000, measured)


def test_plot_has_points_line_and_no_date(tmp_path):
    rows = [point("a", 4, 0.1), point("b", 5, 0.2), point("c", 6, 0.0), point("d", 8, 1e-9)]
    write_plot([*rows, Row("failed", "i4", error="why")], tmp_path / "one.svg")
    write_plot([*rows, Row("failed", "i4", error="why")], tmp_path / "two.svg")
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    assert "failed" not in drawn
    plot = importlib.import_module("quern.plot")
    assert [name for *_, name in plot._frontier(plot._points(rows))] == ["a", "c"]
    with pytest.raises(quern.QuernError, match="cannot be written"):
        write_plot(rows, tmp_path / "absent" / "plot.svg")
