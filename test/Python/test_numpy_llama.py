# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The independent forward pass meets what is known of the given models."""

import json

import numpy as np
import pytest
import quern
from numpy_llama import NumpyLlama, inverse_frequencies, scores
from support import DATA, needs_data

# Model, text, context, tokens scored, perplexity: from MANIFEST.md.
PERPLEXITIES = [
    ("quern-6m", "novels", 512, 102668, 31.962),
    ("stories260K", "tinystories_val", 512, 194310, 4.28942),
    ("babyllama-tok105", "tinystories_val", 256, 399876, 2.35235),
]


def encode_text(name, text):
    tokenizer = quern.Tokenizer(DATA / "lm" / name)
    return tokenizer, tokenizer.encode((DATA / "text" / f"{text}.txt").read_text("utf-8"))


@pytest.mark.slow
@needs_data("lm", "text")
@pytest.mark.parametrize(("name", "text", "context", "count", "perplexity"), PERPLEXITIES)
def test_perplexity_of_the_manifest(name, text, context, count, perplexity):
    tokenizer, tokens = encode_text(name, text)
    losses = scores(NumpyLlama(DATA / "lm" / name), tokens, context, tokenizer.bos_id)
    assert len(losses) == count
    assert np.exp(losses.mean()) == pytest.approx(perplexity, rel=1e-4)


@needs_data("lm/stories260K")
def test_golden_greedy_text():
    folder = DATA / "lm" / "stories260K"
    tokenizer, model = quern.Tokenizer(folder), NumpyLlama(folder)
    ids = [tokenizer.bos_id]
    for _ in range(200):
        ids.append(int(model.logits(np.array(ids))[-1].argmax()))
    golden = (folder / "golden_greedy_200.txt").read_text("utf-8")
    assert tokenizer.decode(ids[1:]) == golden


@needs_data("lm/stories260K", "lm/stories260K-wide256", "text/tinystories_val.txt")
def test_the_widened_model_is_the_same_function():
    _, tokens = encode_text("stories260K", "tinystories_val")
    narrow = NumpyLlama(DATA / "lm" / "stories260K").logits(tokens[:300])
    wide = NumpyLlama(DATA / "lm" / "stories260K-wide256").logits(tokens[:300])
    np.testing.assert_allclose(wide, narrow, atol=1e-4)


def test_double_precision_agrees_with_single(tiny_model):
    tokens = np.random.default_rng(0).integers(0, 320, 100)
    single = NumpyLlama(tiny_model).logits(tokens)
    double = NumpyLlama(tiny_model, np.float64).logits(tokens)
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, atol=1e-4)


def test_batches_are_independent(tiny_model):
    tokens = np.random.default_rng(0).integers(0, 320, (3, 20))
    model = NumpyLlama(tiny_model, np.float64)
    each = [model.logits(row) for row in tokens]
    np.testing.assert_allclose(model.logits(tokens), each, atol=1e-9)


def test_later_tokens_change_nothing(tiny_model):
    tokens = np.random.default_rng(0).integers(0, 320, 50)
    model = NumpyLlama(tiny_model, np.float64)
    np.testing.assert_allclose(model.logits(tokens)[:30], model.logits(tokens[:30]), atol=1e-9)


def test_a_window_forgets(tmp_path):
    quern.synthesize("tiny-mistral", tmp_path)
    model = NumpyLlama(tmp_path, np.float64)
    assert model.window == 24
    # Two layers reach back twice 23 positions.
    tokens = np.random.default_rng(0).integers(0, 320, 60)
    changed = tokens.copy()
    changed[59 - 46] = (changed[59 - 46] + 1) % 320
    assert not np.array_equal(model.logits(tokens)[-1], model.logits(changed)[-1])
    changed = tokens.copy()
    changed[59 - 47] = (changed[59 - 47] + 1) % 320
    np.testing.assert_array_equal(model.logits(tokens)[-1], model.logits(changed)[-1])


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ("tiny-qwen2", "self_attn.k_proj.bias"),
        ("tiny-qwen3", "self_attn.q_norm.weight"),
    ],
)
def test_family_weights_are_used(tmp_path, shape, name):
    quern.synthesize(shape, tmp_path)
    model = NumpyLlama(tmp_path, np.float64)
    tokens = np.arange(10)
    before = model.logits(tokens)
    model.weights["model.layers.1." + name] += np.linspace(
        0, 1, len(model.weights["model.layers.1." + name])
    )
    assert np.abs(model.logits(tokens) - before).max() > 1e-4


def test_llama3_frequencies():
    # Llama 3.2 1B. The fastest are kept, the slowest are divided by 32, and
    # index 15, 8192 * 500000^(-15/32) / 2 pi = 2.7778 turns, is a blend.
    scaling = {
        "rope_type": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    config = {"rope_theta": 500000.0, "rope_scaling": scaling}
    plain = 500000.0 ** (-np.arange(32) / 32)
    found = inverse_frequencies(config, 64)
    np.testing.assert_allclose(found[:14], plain[:14], rtol=1e-12)
    np.testing.assert_allclose(found[18:], plain[18:] / 32, rtol=1e-12)
    smooth = (8192 * plain[15] / (2 * np.pi) - 1) / 3
    assert 0.58 < smooth < 0.6
    assert found[15] == pytest.approx((1 - smooth) * plain[15] / 32 + smooth * plain[15])


def test_shards_are_joined(tiny_model, tmp_path):
    whole = tmp_path / "whole"
    quern.synthesize("tiny-llama", whole)
    content = (whole / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__")
    weight_map = {}
    for number, (name, entry) in enumerate(header.items()):
        begin, end = entry["data_offsets"]
        single = {name: {**entry, "data_offsets": [0, end - begin]}}
        text = json.dumps(single).encode()
        file = f"part-{number}.safetensors"
        data = content[8 + length + begin : 8 + length + end]
        (whole / file).write_bytes(len(text).to_bytes(8, "little") + text + data)
        weight_map[name] = file
    (whole / "model.safetensors").unlink()
    (whole / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    tokens = np.arange(20)
    expected = NumpyLlama(tiny_model).logits(tokens)
    np.testing.assert_array_equal(NumpyLlama(whole).logits(tokens), expected)
    assert len(quern.inspect(whole).tensors) == len(weight_map)
