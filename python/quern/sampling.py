# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Choosing the next token from logits, reproducibly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import QuernError

_MASK = 2**64 - 1


def philox(counter: int, key: int) -> int:
    """The first of the four words of Philox4x64-10 for a 64-bit counter and key.

    A counter-based generator (Salmon and others, "Parallel random numbers: as
    easy as 1, 2, 3", SC 2011): the number of a step depends on nothing but the
    seed and the step, and on no library's version.
    """
    c0, c1, c2, c3 = counter & _MASK, 0, 0, 0
    k0, k1 = key & _MASK, 0
    for _ in range(10):
        left, right = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (
            (right >> 64) ^ c1 ^ k0,
            right & _MASK,
            (left >> 64) ^ c3 ^ k1,
            left & _MASK,
        )
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & _MASK, (k1 + 0xBB67AE8584CAA73B) & _MASK
    return c0


@dataclass(frozen=True)
class SamplingOptions:
    """How to choose a token.

    temperature: divides the logits; 0 always takes the likeliest token.
    top_k: keep this many of the likeliest tokens; 0 keeps all.
    top_p: of those, keep the fewest whose probabilities reach this sum.
    seed: of the random numbers.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise QuernError(
                f"temperature: expects at least 0, but got {self.temperature}"
            )
        if self.top_k < 0:
            raise QuernError(f"top-k: expects at least 0, but got {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise QuernError(
                f"top-p: expects more than 0 and at most 1, but got {self.top_p}"
            )
        if not 0 <= self.seed <= _MASK:
            raise QuernError(
                f"seed: expects a number from 0 to {_MASK}, but got {self.seed}"
            )


class Sampler:
    """Draws one token a step; two samplers of the same options draw the same."""

    def __init__(self, options: SamplingOptions) -> None:
        self.options = options
        self._step = 0

    def draw(self, logits: NDArray[np.float32]) -> int:
        """A token from logits [vocabulary]."""
        step, self._step = self._step, self._step + 1
        if not np.isfinite(logits).all():
            raise QuernError(
                "expects finite logits, but the model gave infinite or NaN ones"
            )
        if self.options.temperature == 0:
            return int(np.argmax(logits))
        tokens, weights = self._candidates(logits)
        sums = np.cumsum(weights)
        # 53 bits make the largest double below one.
        point = (philox(step, self.options.seed) >> 11) * 2.0**-53 * sums[-1]
        chosen = int(np.searchsorted(sums, point, side="right"))
        return int(tokens[min(chosen, len(tokens) - 1)])

    def _candidates(
        self, logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Tokens to choose from and their unscaled probabilities."""
        options = self.options
        behind = logits.astype(np.float64) - float(logits.max())
        # A tiny temperature takes what is behind to minus infinity, weight 0.
        with np.errstate(over="ignore"):
            weights = np.exp(behind / options.temperature)
        tokens = np.arange(len(logits))
        if 0 < options.top_k < len(logits):
            least = np.partition(logits, -options.top_k)[-options.top_k]
            tokens = _likeliest_first(np.flatnonzero(logits >= least), logits)
            tokens = tokens[: options.top_k]
        if options.top_p < 1:
            wanted = options.top_p * weights[tokens].sum()
            # Together, tokens below this have less than 1 - top_p: the likeliest
            # alone weighs 1. There is no need to sort them.
            least = (1 - options.top_p) / len(tokens)
            tokens = _likeliest_first(tokens[weights[tokens] >= least], logits)
            sums = np.cumsum(weights[tokens])
            tokens = tokens[: int(np.searchsorted(sums, wanted, side="left")) + 1]
        return tokens, weights[tokens]


def _likeliest_first(
    tokens: NDArray[np.int64], logits: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Sorts tokens; of equals the smaller id comes first."""
    ascending = np.sort(tokens)
    return ascending[np.argsort(-logits[ascending], kind="stable")]
