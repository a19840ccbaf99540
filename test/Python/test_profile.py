# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Profiles: what they say adds up, and agrees with the model's weights."""

import importlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import quern
from quern.cli import main
from quern.profile_page import Frame, flame_graph, format_page
from quern.profile_table import format_profile
from quern.roofline import Limits, Step, Work, steps_of, work_of
from support import needs_compiler

PEAKS = {"f32": 1e11, "int8": 4e11, "bf16": 2e11}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of 10 GB/s and the PEAKS."""
    probe = importlib.import_module("quern.probe")
    monkeypatch.setattr(probe, "read_bandwidth", lambda threads: 1e10)
    monkeypatch.setattr(probe, "peak", lambda threads, compute: PEAKS[compute])


@pytest.fixture(scope="module")
def artifact(compile_once, tiny_model):
    return compile_once(tiny_model, "q4_0", compute="int8")


@pytest.fixture(scope="module")
def model(artifact):
    with quern.Model(artifact, threads=2) as loaded:
        yield loaded


def kernel(kind, **facts):
    return {"kind": kind, "rows": "tokens", "reads": {}, "weights": [], **facts}


def matrix(rows, columns, size):
    return {"shape": [rows, columns], "bytes": size}


CACHE = {"key": 3, "value": 2, "window": 0}
STEP = Step(tokens=5, position=100, logit_rows=2)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            kernel("linear", reads={"x": 64}, writes=128, weights=[matrix(32, 16, 300)]),
            Work(300, 5 * (64 + 128), 0, 5 * 2 * 32 * 16),
        ),
        (
            # A bias is no matrix.
            kernel("linear", weights=[matrix(8, 4, 30), {"shape": [8], "bytes": 32}]),
            Work(62, 0, 0, 5 * 2 * 8 * 4),
        ),
        (
            kernel("linear", rows="logits", reads={"x": 64}, weights=[matrix(9, 4, 40)]),
            Work(40, 2 * 64, 0, 2 * 2 * 9 * 4),
        ),
        (
            # Two of three experts of 8 rows each, at least, and each row with one.
            kernel(
                "linear", rows_per_token=2, width=8, reads={"x": 64},
                weights=[{"role": "w", **matrix(24, 4, 30)}],
            ),
            Work(20, 5 * 2 * 64, 0, 5 * 2 * 2 * 8 * 4),
        ),
        (
            # One row of 4 bytes for each token.
            kernel("embedding", writes=64, weights=[matrix(100, 16, 400)]),
            Work(5 * 4, 5 * 64, 0, 0),
        ),
        (
            kernel("kv_append", reads={"key": 8, "value": 8}, cache=CACHE),
            Work(0, 5 * 16, 5 * 5, 0),
        ),
        (
            # Tokens 100 to 104 see 101 to 105 keys.
            kernel("attention", width=16, cache=CACHE),
            Work(0, 0, 105 * 5, 4 * 16 * (101 + 102 + 103 + 104 + 105)),
        ),
        (
            # Token 100 sees 93 to 100, token 104 97 to 104.
            kernel("attention", width=16, cache={**CACHE, "window": 8}),
            Work(0, 0, (105 - 93) * 5, 4 * 16 * 5 * 8),
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_work(listed, expected):
    assert work_of(listed, STEP) == expected


def test_no_logits_no_work():
    listed = kernel("linear", rows="logits", reads={"x": 64}, weights=[matrix(9, 4, 40)])
    assert work_of(listed, Step(5, 0, 0)) == Work()


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 10])
def test_steps_are_the_chunks_of_a_run(rows):
    steps = list(steps_of(10, 7, rows, 4))
    assert [(step.tokens, step.position) for step in steps] == [(4, 7), (4, 11), (2, 15)]
    # Logits are wanted for the last ones.
    wanted = [0] * (10 - rows) + [1] * rows
    assert [step.logit_rows for step in steps] == [
        sum(wanted[0:4]), sum(wanted[4:8]), sum(wanted[8:10])
    ]  # fmt: skip


def test_roofline_is_the_slower_of_memory_and_arithmetic():
    limits = Limits(10.0, {"f32": 100.0, "int8": 400.0})
    work = Work(weight_bytes=20, activation_bytes=5, cache_bytes=5, operations=600)
    assert limits.seconds(work, "f32") == 6
    assert limits.seconds(work, "int8") == 3


@needs_compiler
def test_list_of_kernels_has_every_weight(model):
    listed = model.kernels()
    assert listed["isa"] == model.isa
    read = {
        weight["name"]: weight["bytes"]
        for kernel in listed["kernels"]
        for weight in kernel["weights"]
    }
    for tensor in model.manifest["tensors"]:
        assert read[tensor["name"]] == tensor["bytes"], tensor["name"]
    layers = model.manifest["model"]["layers"]
    assert {kernel.get("layer") for kernel in listed["kernels"]} == {None, *range(layers)}


@needs_compiler
def test_times_of_every_worker_add_up(model):
    tokens = np.arange(40, dtype=np.int32)
    with model.session() as session, model.profiling() as last_times:
        for count in (40, 1):
            session.prefill(tokens[:count])
            times = last_times()
            assert times.busy.shape == (2, len(model.kernels()["kernels"]))
            sums = times.busy.sum(axis=1) + times.wait.sum(axis=1) + times.start_wait
            assert sums == pytest.approx([times.wall_seconds] * 2, rel=1e-9)
            # Nobody does nothing but wait, and no kernel takes no time.
            assert (times.busy.sum(axis=1) > 0).all()
            assert (times.busy.max(axis=0) > 0).all()
    with pytest.raises(quern.QuernError, match="expects profiling to be on, but it is off"):
        last_times()


@needs_compiler
def test_profiling_changes_no_result(model):
    tokens = np.arange(50, dtype=np.int32)
    with model.session() as session:
        plain = session.prefill(tokens, 50)
    with model.session() as session, model.profiling():
        assert (session.prefill(tokens, 50) == plain).all()


@pytest.fixture(scope="module")
def result(model):
    with pytest.MonkeyPatch.context() as patch:
        probe = importlib.import_module("quern.probe")
        patch.setattr(probe, "read_bandwidth", lambda threads: 1e10)
        patch.setattr(probe, "peak", lambda threads, compute: PEAKS[compute])
        return quern.profile(model, prompt_tokens=30, generate_tokens=4, repeat=1)


@needs_compiler
def test_profile_counts_what_the_model_does(model, result):
    prefill, decode = result.phases
    assert (prefill.name, prefill.tokens, prefill.position, prefill.runs) == ("prefill", 30, 0, 1)
    assert (decode.name, decode.tokens, decode.position, decode.runs) == ("decode", 1, 30, 4)
    tensors = {tensor["name"]: tensor for tensor in model.manifest["tensors"]}
    last_layer = max(part.layer for part in result.phases[0].kernels if part.layer is not None)
    for phase in result.phases:
        for part in phase.kernels:
            if part.kind != "linear":
                continue
            rows, columns = tensors[part.name]["shape"]
            # Behind the last attention only the token with logits is left.
            is_before = any(f".{x}_proj." in part.name for x in "qkv")
            is_late = part.layer is None or (part.layer == last_layer and not is_before)
            tokens = 1 if is_late else phase.tokens
            assert part.operations == 2 * rows * columns * tokens
            assert part.weight_bytes == tensors[part.name]["bytes"]
            assert (part.compute, part.format, part.isa) == ("int8", "q4_0", model.isa)
            assert part.tile is not None
            least = max(part.bytes / 1e10, part.operations / PEAKS["int8"])
            assert part.roofline_seconds == pytest.approx(least)
            assert part.bound == ("memory" if least == part.bytes / 1e10 else "arithmetic")
            assert part.share == pytest.approx(least / part.seconds)


@needs_compiler
def test_groups_are_sums(result):
    for phase in result.phases:
        for groups in (phase.groups(), phase.kinds()):
            assert sum(group.calls for group in groups) == len(phase.kernels)
            for field in ("seconds", "wait_seconds", "bytes", "operations", "roofline_seconds"):
                total = sum(getattr(part, field) for part in phase.kernels)
                assert sum(getattr(group, field) for group in groups) == pytest.approx(total)
            assert [group.seconds for group in groups] == sorted(
                (group.seconds for group in groups), reverse=True
            )
        names = [group.name for group in phase.groups()]
        assert "model.layers.*.mlp.down_proj.weight" in names
    # A run of its own: nothing is lost to medians.
    prefill = result.phases[0]
    parts = prefill.busy_seconds + prefill.wait_seconds + prefill.start_seconds
    assert parts == pytest.approx(prefill.wall_seconds, rel=1e-6)
    assert prefill.call_seconds > 0


@needs_compiler
def test_json(result):
    values = json.loads(json.dumps(result.as_dict()))
    assert set(values) == {
        "cpu",
        "isa",
        "threads",
        "compute",
        "read_bytes_per_second",
        "operations_per_second",
        "phases",
    }
    assert values["operations_per_second"] == {"f32": 1e11, "int8": 4e11}
    for phase in values["phases"]:
        assert set(phase) == {
            "name",
            "tokens",
            "position",
            "runs",
            "wall_seconds",
            "plain_seconds",
            "call_seconds",
            "start_seconds",
            "busy_seconds",
            "wait_seconds",
            "kernels",
            "groups",
            "kinds",
        }
        for part in phase["kernels"] + phase["groups"] + phase["kinds"]:
            assert set(part) == {
                "name",
                "kind",
                "function",
                "layer",
                "calls",
                "isa",
                "compute",
                "tile",
                "format",
                "seconds",
                "wait_seconds",
                "weight_bytes",
                "activation_bytes",
                "cache_bytes",
                "bytes",
                "operations",
                "roofline_seconds",
                "roofline_share",
                "bound",
            }


@needs_compiler
def test_table(result):
    text = format_profile(result, top=3)
    prefill = text[: text.index("decode:")]
    assert f"{result.isa}, 2 threads, compute int8" in prefill
    assert "limits: 10.00 GB/s, 100.0 G f32 operations/s, 400.0 G int8 operations/s" in prefill
    groups = prefill[: prefill.index("the 3 slowest calls")]
    for group in result.phases[0].groups():
        assert f"{group.name} ({group.kind}" in groups
    slowest = max(result.phases[0].kernels, key=lambda part: part.seconds)
    after = prefill[prefill.index("the 3 slowest calls") :].splitlines()
    assert slowest.name in after[2]
    assert [line.split("%  ")[1] for line in after[5:12]] == [
        "kernels",
        "barriers",
        "start",
        "sum",
        "wall clock",
        "with the caller's share",
        "the same without profiling",
    ]
    assert "slowest" not in format_profile(result, top=0)


class Page(HTMLParser):
    """Checks nesting and collects tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@needs_compiler
def test_page_needs_nothing_beside_itself(result):
    text = format_page(result)
    page = Page(text)
    tags = {tag for tag, _ in page.found}
    assert not tags & {"script", "link", "img", "iframe", "object", "use"}
    names = {name for _, attributes in page.found for name in attributes}
    assert not names & {"src", "href", "xlink:href"}
    assert not re.search(r"url\(|@import|https?:", text)
    for phase in result.phases:
        for part in phase.kernels:
            assert any(part.name in data for data in page.texts)
    # A box for the whole, for each kind, group and call, and two for waiting.
    boxes = sum(
        3 + len(phase.kinds()) + len(phase.groups()) + len(phase.kernels) for phase in result.phases
    )
    assert sum(tag == "rect" for tag, _ in page.found) == boxes


def test_flame_graph():
    children = (Frame("<b>", 1.0, 0.5), Frame("c", 2.0, None, (Frame("d", 0.5, 2.0),)))
    page = Page(flame_graph(Frame("a", 4.0, None, children)))
    boxes = [attributes for tag, attributes in page.found if tag == "rect"]
    places = [[float(box[name]) for name in ("x", "y", "width")] for box in boxes]
    assert places == [[0, 0, 1200], [0, 22, 300], [300, 22, 600], [300, 44, 150]]
    # From red to green, never beyond; grey is no kernel.
    fills = [box["fill"] for box in boxes]
    assert fills == ["#ddd", "hsl(60 65% 72%)", "#ddd", "hsl(120 65% 72%)"]
    assert page.texts[2] == "<b>: 1000.000 ms, 50.0 % of the roofline"


@needs_compiler
def test_command(artifact, tmp_path, capsys):
    page = tmp_path / "profile.html"
    arguments = ["bench", str(artifact), "--prompt-tokens", "8", "--generate-tokens", "2"]
    assert main([*arguments, "--repeat", "1", "--profile", "--json", "--html", str(page)]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [phase["name"] for phase in values["phases"]] == ["prefill", "decode"]
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main([*arguments, "--repeat", "1", "--profile", "--top", "1"]) == 0
    assert "the 1 slowest calls" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--html", "x.html"], 1, "--html: expects --profile as well"),
        (["--profile"], 1, "was compiled by a version of quern without profiles; compile the mod"),
        (["--profile", "--batch", "1"], 2, "not allowed with argument"),
        (["--profile", "--top", "-1"], 1, "top: expects a number from 0 on, but got -1"),
    ],
)
def test_errors(fake, capsys, arguments, status, message):
    try:
        code = main(["bench", str(fake), "--prompt-tokens", "8", *arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == status
    assert message in " ".join(capsys.readouterr().err.split())


@needs_compiler
def test_page_that_cannot_be_written(artifact, tmp_path, capsys):
    arguments = ["--prompt-tokens", "8", "--generate-tokens", "2", "--repeat", "1", "--profile"]
    assert main(["bench", str(artifact), *arguments, "--html", str(tmp_path)]) == 1
    assert "cannot be written: Is a directory" in " ".join(capsys.readouterr().err.split())
