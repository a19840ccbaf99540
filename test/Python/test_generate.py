# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Generation on the formula of fake_model.c."""

import numpy as np
import pytest
import quern
from test_runtime import formula


@pytest.fixture(scope="module")
def model(fake):
    with quern.Model(fake) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def tokenizer(fake):
    return quern.Tokenizer(fake)


def greedy(prompt, count):
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(np.argmax(formula(ids[-1], len(ids) - 1))))
    return ids[len(prompt) :]


def test_tokens_are_those_of_the_formula(model):
    with model.session() as session:
        tokens = list(quern.generate_tokens(session, [5, 6, 7], 20))
        assert tokens == greedy([5, 6, 7], 20)
        # The last token has been told, not run.
        assert session.position == 3 + 19


def test_a_stop_token_ends_and_is_not_told(model):
    expected = greedy([5, 6, 7], 20)
    stop = expected[10]
    with model.session() as session:
        tokens = list(quern.generate_tokens(session, [5, 6, 7], 20, stop_ids=frozenset({stop})))
    assert tokens == expected[: expected.index(stop)]


def test_text_is_that_of_the_tokens(model, tokenizer):
    ids = tokenizer.encode_prompt("Hello")
    expected = tokenizer.decode(greedy(ids, 30))
    assert "".join(quern.generate(model, tokenizer, "Hello", 30)) == expected


def test_text_ends_with_the_context(model, tokenizer):
    prompt = "x" * 120
    ids = tokenizer.encode_prompt(prompt)
    text = "".join(quern.generate(model, tokenizer, prompt, 1000))
    assert text == tokenizer.decode(greedy(ids, 128 + 1 - len(ids)))


def test_seeds_reproduce_text(model, tokenizer):
    def write(seed):
        sampling = quern.SamplingOptions(temperature=2.0, seed=seed)
        return "".join(quern.generate(model, tokenizer, "Hello", 30, sampling))

    assert write(1) == write(1)
    assert write(1) != write(2)


@pytest.mark.parametrize(
    ("prompt", "count", "message"),
    [
        ("x" * 128, 1, "the prompt: expects at most 128 tokens, .* but got 129"),
        ("x", -1, "max tokens: expects at least 0, but got -1"),
    ],
)
def test_errors(model, tokenizer, prompt, count, message):
    with pytest.raises(quern.QuernError, match=message):
        list(quern.generate(model, tokenizer, prompt, count))


def test_no_tokens_at_all(model):
    with (
        model.session() as session,
        pytest.raises(quern.QuernError, match="at least one token"),
    ):
        list(quern.generate_tokens(session, [], 1))
