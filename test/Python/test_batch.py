# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps of several tokens: what is reported, with times and limits given."""

import importlib

import pytest
import quern
from quern.batch import format_batches
from quern.cli import main
from support import needs_compiler


@pytest.fixture
def machine(monkeypatch):
    """A machine of 10 GB/s and 100 G operations/s, and the runs that were made."""
    probe = importlib.import_module("quern.probe")
    monkeypatch.setattr(probe, "read_bandwidth", lambda threads: 1e10)
    monkeypatch.setattr(probe, "peak", lambda threads, compute: 1e11)
    runs = []
    monkeypatch.setattr(
        importlib.import_module("quern.batch"),
        "time_run",
        lambda session, tokens, logits: (
            runs.append((session.position, len(tokens), len(logits)))
            or {1: 0.1, 2: 0.1, 4: 0.3, 8: 0.4}[len(tokens)]
        ),
    )
    return runs


@pytest.fixture(scope="module")
def artifact(compile_once, tiny_model):
    return compile_once(tiny_model, "q4_0", compute="int8")


@needs_compiler
def test_rows(artifact, machine):
    with quern.Model(artifact, threads=1) as model:
        result = quern.benchmark_batches(
            model, [4, 1, 8, 2, 4], prompt_tokens=20, generate_tokens=4, repeat=2
        )
        weights = {tensor["name"]: tensor for tensor in model.manifest["tensors"]}
    round_of_runs = [(20, 1, 1)] * 4 + [(20, 2, 2)] * 2 + [(20, 4, 4)] + [(20, 8, 8)]
    assert machine == 2 * round_of_runs
    assert result.position == 20
    assert [(row.tokens, row.tokens_per_second, row.is_cliff) for row in result.rows] == [
        (1, 10, False),
        (2, 20, False),
        (4, pytest.approx(13.333333), True),
        (8, 20, False),
    ]
    # Operations of the products alone; attention over a few tokens is little.
    products = [weight["shape"] for weight in weights.values() if len(weight["shape"]) == 2]
    operations = 2 * sum(rows * columns for rows, columns in products)
    assert result.rows[1].operations_share == pytest.approx(2 * operations / 1e11 / 0.1, rel=0.2)
    size = sum(weight["bytes"] for weight in weights.values())
    assert result.rows[1].read_share == pytest.approx(size / 1e10 / 0.1, rel=0.2)
    lines = format_batches(result).splitlines()
    assert lines[0].endswith("compute int8, after 20 tokens")
    assert [line.endswith("cliff") for line in lines[2:]] == [False, False, True, False]


@needs_compiler
def test_a_context_too_short_for_the_prompt(artifact, machine):
    with quern.Model(artifact) as model:
        context = model.max_context
        result = quern.benchmark_batches(model, [1, 8], context, generate_tokens=1, repeat=1)
    assert result.position == context - 8
    assert machine == [(context - 8, 1, 1), (context - 8, 8, 8)]


@needs_compiler
def test_command(artifact, capsys):
    arguments = ["--batch", "1,3", "--prompt-tokens", "8", "--repeat", "1", "--json"]
    assert main(["bench", str(artifact), *arguments]) == 0
    values = importlib.import_module("json").loads(capsys.readouterr().out)
    assert set(values) == {
        "cpu",
        "isa",
        "threads",
        "compute",
        "position",
        "read_bytes_per_second",
        "operations_per_second",
        "rows",
    }
    assert [row["tokens"] for row in values["rows"]] == [1, 3]
    assert set(values["rows"][0]) == {
        "tokens",
        "seconds",
        "tokens_per_second",
        "operations_share",
        "read_share",
        "is_cliff",
    }
    for row in values["rows"]:
        assert row["tokens_per_second"] == pytest.approx(row["tokens"] / row["seconds"])


@pytest.mark.parametrize(
    ("sizes", "status", "message"),
    [
        ("1,x", 2, "expects numbers of tokens with commas between, but got '1,x'"),
        ("", 2, "expects numbers of tokens with commas between, but got ''"),
        ("0,4", 1, "batch: expects numbers from 1 to 127, but got 0, 4"),
        ("128", 1, "batch: expects numbers from 1 to 127, but got 128"),
    ],
)
def test_errors(fake, capsys, sizes, status, message):
    try:
        code = main(["bench", str(fake), "--batch", sizes])
    except SystemExit as stop:
        code = stop.code
    assert code == status
    assert message in " ".join(capsys.readouterr().err.split())
