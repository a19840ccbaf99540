# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a benchmark reports, with the machine's limits given."""

import importlib

import pytest
import quern
from quern.probe import MachineLimits


@pytest.fixture
def measured(monkeypatch):
    """Calls of the machine probe, which answers 1 GB/s and 10 G operations/s."""
    calls = []

    def measure(threads, compute):
        calls.append((threads, compute))
        return MachineLimits(1e9, 1e10)

    monkeypatch.setattr(importlib.import_module("quern.probe"), "measure", measure)
    return calls


@pytest.fixture(scope="module")
def model(fake):
    with quern.Model(fake) as loaded:
        yield loaded


def test_shares_follow_from_the_speeds(model, measured):
    result = quern.benchmark(model, prompt_tokens=100, generate_tokens=10, repeat=3)
    assert (result.isa, result.cpu, result.threads) == ("formula", "a test", 2)
    assert measured == [(2, "int8")]
    assert result.weight_bytes == 11520
    # The fake model is an embedding of 320 x 64 that is its head as well.
    assert result.read_share == pytest.approx(result.decode_tokens_per_second * 11520 / 1e9)
    operations = result.prefill_tokens_per_second * 2 * 320 * 64 / 100
    assert result.operations_share == pytest.approx(operations / 1e10)


def test_keys(model, measured):
    assert set(quern.benchmark(model, 8, 8, 1).as_dict()) == {
        "cpu",
        "isa",
        "threads",
        "compute",
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "weight_bytes",
        "read_bytes_per_second",
        "read_share",
        "operations_per_second",
        "operations_share",
    }


def test_a_prompt_as_long_as_the_context(model, measured):
    assert quern.benchmark(model, 128, 64, 1).decode_tokens_per_second > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((129, 1, 1), "prompt-tokens: expects a number from 1 to 128, but got 129"),
        ((1, 128, 1), "generate-tokens: expects a number from 1 to 127, but got 128"),
        ((0, 1, 1), "prompt-tokens: expects a number from 1 to 128, but got 0"),
        ((1, 1, 0), "repeat: expects at least 1, but got 0"),
    ],
)
def test_errors(model, measured, options, message):
    with pytest.raises(quern.QuernError, match=message):
        quern.benchmark(model, *options)
    assert measured == []
