# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Windows and scores, against their definitions written out."""

import importlib

import numpy as np
import pytest
import quern
from quern import evaluate as evaluate_function
from quern.evaluate import windows
from test_runtime import formula

BOS = 256


@pytest.fixture(scope="module")
def model(fake):
    with quern.Model(fake) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def other(make_fake):
    with quern.Model(make_fake(shift=0.25)) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def tokens():
    return np.random.default_rng(1).integers(0, 256, 300, dtype=np.int32)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum())


def by_definition(tokens, context, bos, score_from, shift=0.0):
    """(losses, predictions of model, predictions of the reference)."""
    step = context - (bos is not None)
    losses, predictions, references = [], [], []
    for begin in range(0, len(tokens), step):
        window = ([] if bos is None else [bos]) + tokens[begin : begin + step].tolist()
        for place in range(max(1, score_from), len(window)):
            before = window[place - 1]
            predictions.append(log_softmax(formula(before, place - 1)))
            references.append(log_softmax(formula(before, place - 1, shift)))
            losses.append(-predictions[-1][window[place]])
    return np.array(losses), np.array(predictions), np.array(references)


@pytest.mark.parametrize("bos", [BOS, None])
@pytest.mark.parametrize(
    ("context", "score_from"),
    [(2, 0), (2, 1), (7, 0), (7, 2), (64, 1), (64, 40), (128, 0)],
)
def test_perplexity(model, tokens, bos, context, score_from):
    losses, _, _ = by_definition(tokens, context, bos, score_from)
    result = evaluate_function(model, tokens, context, bos, score_from)
    assert result.tokens == len(losses)
    assert result.perplexity == pytest.approx(np.exp(losses.mean()), rel=1e-6)
    stderr = np.exp(losses.mean()) * losses.std(ddof=1) / np.sqrt(len(losses))
    assert result.perplexity_stderr == pytest.approx(stderr, rel=1e-5)
    assert set(result.as_dict()) == {"tokens", "perplexity", "perplexity_stderr"}


@pytest.mark.parametrize("rows_at_once", [1, 5, 1000])
def test_divergence(model, other, tokens, monkeypatch, rows_at_once):
    # The package has a function of the module's name.
    module = importlib.import_module("quern.evaluate")
    monkeypatch.setattr(module, "_LOGIT_BYTES", rows_at_once * 4 * 320)
    losses, predictions, references = by_definition(tokens, 64, BOS, 3, shift=0.25)
    divergences = (np.exp(references) * (references - predictions)).sum(axis=1)
    result = evaluate_function(model, tokens, 64, BOS, 3, against=other)
    assert result.tokens == len(losses)
    assert result.kld_mean == pytest.approx(divergences.mean(), rel=1e-5)
    stderr = divergences.std(ddof=1) / np.sqrt(len(divergences))
    assert result.kld_stderr == pytest.approx(stderr, rel=1e-5)
    assert result.kld_p99 == pytest.approx(np.quantile(divergences, 0.99), rel=1e-5)
    same = (predictions.argmax(axis=1) == references.argmax(axis=1)).mean()
    assert result.same_top == pytest.approx(same)
    assert 0 < same < 1


def test_a_model_does_not_diverge_from_itself(model, tokens):
    result = evaluate_function(model, tokens, 64, BOS, against=model)
    assert (result.kld_mean, result.kld_p99, result.same_top) == (0.0, 0.0, 1.0)


def test_each_token_is_scored_once_with_bos(tokens):
    for context in (2, 10, 100, 301, 1000):
        pieces = list(windows(tokens, context, BOS))
        assert all(piece[0] == BOS and len(piece) <= context for piece in pieces)
        assert np.array_equal(np.concatenate([piece[1:] for piece in pieces]), tokens)


def test_a_last_window_of_one_token_has_no_prediction(tokens):
    assert [len(piece) for piece in windows(tokens[:21], 10, None)] == [10, 10]


def test_progress_ends_at_one(model, tokens):
    told = []
    evaluate_function(model, tokens, 64, BOS, progress=lambda share, text: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 129}, "context: expects at most 128, .* but got 129"),
        ({"context": 1}, "context: expects at least 2 tokens, but got 1"),
        (
            {"context": 64, "score_from": 64},
            "score-from: expects a position from 0 to 63",
        ),
        (
            {"context": 64, "score_from": -1},
            "score-from: expects a position from 0 to 63",
        ),
    ],
)
def test_errors(model, tokens, options, message):
    with pytest.raises(quern.QuernError, match=message):
        evaluate_function(model, tokens, bos=BOS, **options)


def test_nothing_to_score(model):
    with pytest.raises(quern.QuernError, match="expects a token to score"):
        evaluate_function(model, np.empty(0, np.int32), 64, BOS)
