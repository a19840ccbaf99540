# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Perplexity of a compiled model, and its distance from another.

A text is tokenized whole, without special tokens, and cut into windows of N
tokens without overlap. Where the tokenizer adds BOS, each window begins with it
and holds N - 1 tokens of the text; BOS itself is never scored. Without BOS the
first token of each window has nothing before it and is not scored either. The
last, shorter window counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import QuernError

# Logits of one call: windows are run in pieces so that a large vocabulary does
# not need gigabytes.
_LOGIT_BYTES = 32 << 20


class PredictorSession(Protocol):
    """The part of `quern.Session` that an evaluation needs."""

    def reset(self) -> None: ...

    def prefill(
        self, tokens: NDArray[np.int32], rows: int = 1
    ) -> NDArray[np.float32]: ...

    def __enter__(self) -> PredictorSession: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


class Predictor(Protocol):
    """The part of `quern.Model` that an evaluation needs."""

    @property
    def path(self) -> Path: ...

    @property
    def max_context(self) -> int: ...

    @property
    def vocabulary(self) -> int: ...

    def session(self, capacity: int = 0) -> PredictorSession: ...


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    tokens: tokens scored.
    perplexity: exp of the mean negative log-likelihood of a token.
    perplexity_stderr: its standard error.
    kld_mean, kld_stderr, kld_p99: mean, its standard error and 99th percentile
        of the Kullback-Leibler divergence from the reference's prediction of a
        token to the model's, in nats; None without a reference.
    same_top: share of the tokens, in [0, 1], whose likeliest prediction is that
        of the reference; None without one.
    """

    tokens: int
    perplexity: float
    perplexity_stderr: float
    kld_mean: float | None = None
    kld_stderr: float | None = None
    kld_p99: float | None = None
    same_top: float | None = None

    def as_dict(self) -> dict[str, float]:
        """The keys of `quern eval --json`: those with a value."""
        return {key: value for key, value in vars(self).items() if value is not None}


def windows(
    tokens: NDArray[np.int32], context: int, bos: int | None
) -> Iterator[NDArray[np.int32]]:
    """Windows of at most `context` tokens of which at least one can be scored."""
    step = context if bos is None else context - 1
    if step < 1 or context < 2:
        raise QuernError(f"context: expects at least 2 tokens, but got {context}")
    for begin in range(0, len(tokens), step):
        window = tokens[begin : begin + step]
        if bos is not None:
            window = np.concatenate([np.asarray([bos], np.int32), window])
        if len(window) >= 2:
            yield window


def evaluate(
    model: Predictor,
    tokens: NDArray[np.int32],
    context: int = 512,
    bos: int | None = None,
    score_from: int = 0,
    against: Predictor | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Evaluation:
    """Scores the predictions of `tokens` at positions of at least `score_from`.

    tokens: the whole text, without BOS. bos: what each window begins with.
    context: tokens of a window, BOS included. score_from: position in its
    window, from 0, of the first token that is scored. against: the reference.
    progress: is told the share that is done and the perplexity so far.
    """
    _check_windows(model, against, context, score_from)
    pieces = list(windows(tokens, context, bos))
    losses: list[NDArray[np.float64]] = []
    divergences: list[NDArray[np.float64]] = []
    agreements, total, count = 0, 0.0, 0
    rows = max(1, _LOGIT_BYTES // (4 * model.vocabulary))
    with model.session(context) as session, _maybe_session(against, context) as other:
        for done, window in enumerate(pieces, start=1):
            for scored in _score_window(session, other, window, score_from, rows):
                losses.append(scored.losses)
                divergences.append(scored.divergences)
                agreements += scored.agreements
                total, count = total + scored.losses.sum(), count + len(scored.losses)
            if progress and count:
                progress(done / len(pieces), f"perplexity {_exp(total / count):.5g}")
    if not losses:
        raise QuernError(
            f"the text: expects a token to score at position {score_from} or later of a "
            f"window of {context}, but got {len(tokens)} tokens in {len(pieces)} windows"
        )
    return _summarize(
        np.concatenate(losses),
        np.concatenate(divergences) if against else None,
        agreements,
    )


class _NoSession:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _maybe_session(
    model: Predictor | None, context: int
) -> PredictorSession | _NoSession:
    return _NoSession() if model is None else model.session(context)


def _check_windows(
    model: Predictor, against: Predictor | None, context: int, score_from: int
) -> None:
    for candidate in (model, against):
        if candidate and context > candidate.max_context:
            raise QuernError(
                f"context: expects at most {candidate.max_context}, the context of "
                f"{candidate.path}, but got {context}"
            )
    if against and against.vocabulary != model.vocabulary:
        raise QuernError(
            f"{against.path}: expects the vocabulary of {model.path}, {model.vocabulary} "
            f"tokens, but got {against.vocabulary}"
        )
    if not 0 <= score_from < context:
        raise QuernError(
            f"score-from: expects a position from 0 to {context - 1}, but got {score_from}"
        )


@dataclass(frozen=True)
class _Scores:
    losses: NDArray[np.float64]
    divergences: NDArray[np.float64]
    agreements: int


def _score_window(
    session: PredictorSession,
    other: PredictorSession | None,
    window: NDArray[np.int32],
    score_from: int,
    rows: int,
) -> Iterator[_Scores]:
    """Runs a window in pieces of `rows` tokens and scores what each predicts."""
    session.reset()
    if other:
        other.reset()
    # The last token of a window predicts nothing that is scored.
    inputs, targets = window[:-1], window[1:]
    for begin in range(0, len(inputs), rows):
        piece = inputs[begin : begin + rows]
        wanted = targets[begin : begin + rows]
        # Row r predicts the token at position begin + r + 1 of the window.
        skip = min(len(piece), max(0, score_from - 1 - begin))
        count = len(piece) - skip
        logits = session.prefill(piece, rows=count)
        reference = other.prefill(piece, rows=count) if other else None
        if count:
            yield _score(logits, reference, wanted[skip:])


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    values = logits.astype(np.float64)
    values -= values.max(axis=-1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=-1, keepdims=True))
    return values


def _score(
    logits: NDArray[np.float32],
    reference: NDArray[np.float32] | None,
    targets: NDArray[np.int32],
) -> _Scores:
    model = _log_softmax(logits)
    losses = -model[np.arange(len(targets)), targets]
    if not np.isfinite(losses).all():
        raise QuernError(
            "expects finite logits, but the model gave infinite or NaN ones"
        )
    if reference is None:
        return _Scores(losses, np.empty(0), 0)
    expected = _log_softmax(reference)
    divergences = (np.exp(expected) * (expected - model)).sum(axis=-1)
    same = int((reference.argmax(axis=-1) == logits.argmax(axis=-1)).sum())
    return _Scores(losses, divergences, same)


def _summarize(
    losses: NDArray[np.float64],
    divergences: NDArray[np.float64] | None,
    agreements: int,
) -> Evaluation:
    perplexity = _exp(float(losses.mean()))
    # First order: d exp(m) = exp(m) dm.
    stderr = perplexity * _standard_error(losses)
    if divergences is None:
        return Evaluation(len(losses), perplexity, stderr)
    return Evaluation(
        len(losses),
        perplexity,
        stderr,
        kld_mean=float(divergences.mean()),
        kld_stderr=_standard_error(divergences),
        kld_p99=float(np.quantile(divergences, 0.99)),
        same_top=agreements / len(losses),
    )


def _exp(value: float) -> float:
    """Infinite, rather than an error, where a broken model's loss is too large."""
    return math.exp(value) if value < 709 else math.inf


def _standard_error(values: NDArray[np.float64]) -> float:
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1) / math.sqrt(len(values)))
