# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The sampler: its random numbers, its cuts, and that seeds reproduce."""

import numpy as np
import pytest
import quern
from quern.sampling import philox


@pytest.mark.parametrize("key", [0, 1, 12345, 2**64 - 1])
def test_philox_is_numpys(key):
    # NumPy's Philox4x64-10 counts up before it draws, four words at a time.
    words = np.random.Philox(key=key, counter=0).random_raw(16)
    assert [philox(counter, key) for counter in (1, 2, 3, 4)] == words[::4].tolist()


def draws(logits, count=2000, **options):
    sampler = quern.Sampler(quern.SamplingOptions(**options))
    return np.array([sampler.draw(np.asarray(logits, np.float32)) for _ in range(count)])


def test_greedy_takes_the_first_of_the_likeliest():
    assert draws([0.0, 3.0, 3.0, -1.0], count=3).tolist() == [1, 1, 1]


def test_tiny_temperatures_are_greedy():
    assert set(draws([0.0, 3.0, 2.9999, -1.0], count=50, temperature=1e-320)) == {1}


def test_a_seed_reproduces_and_another_differs():
    logits = np.linspace(-1, 1, 50)
    first = draws(logits, temperature=1.0, seed=5)
    assert first.tolist() == draws(logits, temperature=1.0, seed=5).tolist()
    assert first.tolist() != draws(logits, temperature=1.0, seed=6).tolist()


def test_a_seed_means_these_tokens():
    # Frozen: a change of it changes what users get for their seeds.
    tokens = draws(np.linspace(-2, 2, 10), count=12, temperature=0.9, seed=42)
    assert tokens.tolist() == [9, 9, 8, 9, 4, 9, 9, 9, 8, 9, 9, 9]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_those_of_the_softmax(temperature):
    logits = np.array([1.0, 0.0, -1.0, 2.0])
    expected = np.exp(logits / temperature)
    expected /= expected.sum()
    count = 20000
    found = np.bincount(draws(logits, count, temperature=temperature, seed=1), minlength=4)
    # Chi-square of 3 degrees of freedom exceeds 16.27 once in a thousand.
    assert ((found - count * expected) ** 2 / (count * expected)).sum() < 16.27


def test_top_k_keeps_the_likeliest():
    assert set(draws([0.0, 3.0, 1.0, 2.0], temperature=5.0, top_k=2)) == {1, 3}


def test_top_p_keeps_the_fewest_that_reach_it():
    logits = np.log([0.1, 0.5, 0.15, 0.25])
    assert set(draws(logits, temperature=1.0, top_p=0.74)) == {1, 3}
    assert set(draws(logits, temperature=1.0, top_p=0.76)) == {1, 2, 3}
    assert set(draws(logits, temperature=1.0, top_p=0.01)) == {1}


def test_of_equals_the_smaller_id_is_kept():
    assert set(draws([1.0, 2.0, 1.0, 1.0], temperature=5.0, top_k=2)) == {0, 1}


@pytest.mark.parametrize("top_k", [0, 5, 300])
@pytest.mark.parametrize("top_p", [0.001, 0.5, 0.999])
def test_cuts_keep_what_a_full_sort_keeps(top_k, top_p):
    logits = np.random.default_rng(top_k).normal(size=1000).astype(np.float32) * 3
    order = np.argsort(-logits, kind="stable")[: top_k or None]
    weights = np.exp(logits[order].astype(np.float64) / 0.7)
    share = np.cumsum(weights) / weights.sum()
    expected = order[: int((share < top_p).sum()) + 1]
    options = quern.SamplingOptions(temperature=0.7, top_k=top_k, top_p=top_p)
    kept, found = quern.Sampler(options)._candidates(logits)
    assert kept.tolist() == expected.tolist()
    weights = weights[: len(kept)]
    np.testing.assert_allclose(found / found.sum(), weights / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "temperature: expects at least 0, but got -1.0"),
        ({"temperature": float("nan")}, "temperature: expects at least 0, but got nan"),
        ({"top_k": -1}, "top-k: expects at least 0, but got -1"),
        ({"top_p": 0.0}, "top-p: expects more than 0 and at most 1, but got 0.0"),
        (
            {"seed": -1},
            "seed: expects a number from 0 to 18446744073709551615, but got -1",
        ),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(quern.QuernError, match=message):
        quern.SamplingOptions(**options)


def test_logits_must_be_finite():
    with pytest.raises(quern.QuernError, match="expects finite logits"):
        draws([0.0, float("nan")], count=1)
