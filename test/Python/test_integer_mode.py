# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Integer mode: equal bits where that is promised, and elsewhere no farther from
exact mode than 8-bit activations explain. The bounds are derived in
sensitivity.py and printed beside what was measured."""

import re

import numpy as np
import pytest
import quern
from numpy_llama import NumpyLlama
from quern import synth
from sensitivity import Tape, bound_of_coded_activations
from support import ROOT, all_logits, log_softmax, needs_compiler, open_variants

QUERN_6M = ROOT / "examples" / "quern-6m"
FORMATS = ["int8_channel", "int4_g32", "int4_g32_asym", "q4_0", "q8_0", "q4_k", "q6_k", "mxfp4"]


@pytest.fixture(scope="module")
def window():
    tokenizer = quern.Tokenizer(QUERN_6M)
    text = (ROOT / "examples" / "quern-6m-eval.txt").read_text("utf-8")[:1200]
    return np.concatenate([[tokenizer.bos_id], tokenizer.encode(text)[:200]])


# Elements of these are rounded to 16 bits, which the bounds leave out: it is a
# hundredth of what the activations' 8 bits are.
WIDE_FORMATS = ["nf4", "fp8_channel"]


@pytest.fixture(scope="module", params=FORMATS + WIDE_FORMATS)
def case(request, tmp_path_factory):
    """(format, artifact in integer mode, columns that share an activation's scale)"""
    folder = tmp_path_factory.mktemp("integer")
    out, dump = folder / "out", folder / "dump"
    quern.compile_model(
        QUERN_6M, out, request.param, compute="int8", kv_cache="f32", dump_path=dump
    )
    quantized = (dump / "2-quantized.mlir").read_text()
    # Four inputs of products a layer, and that of the logits.
    (coded,) = set(re.findall(r"qt\.quantize .* to tensor<\?x\d+xf32, (#\w+)>", quantized))
    assert quantized.count("qt.quantize") == 6 * 4 + 1
    (group,) = re.findall(rf"{coded} = #qt\.format<i8 \[1, (\d+)\], scale f32>", quantized)
    return request.param, out, int(group)


@needs_compiler
def test_smaller_groups_are_more_accurate(window, tmp_path):
    exact = quern.ReferenceModel(QUERN_6M, "q8_0", kv_cache="f32")
    expected = all_logits(exact, window)
    found = {}
    for group in (16, 128):
        quern.compile_model(
            QUERN_6M, tmp_path / f"g{group}", "q8_0", compute="int8", target="host",
            activations=f"i8 [1, {group}], scale f32", kv_cache="f32",
        )  # fmt: skip
        with quern.Model(tmp_path / f"g{group}") as model:
            found[group] = divergence(expected, all_logits(model, window))
    assert found[16] < 0.5 * found[128]


@needs_compiler
@pytest.mark.parametrize(
    ("compute", "format", "message"),
    [
        ("f32", "int8_g32", "expects compute to be int8 beside a format of activations"),
        ("int8", "Q9_Z", "expects the name or text of a format, but got 'Q9_Z'"),
        ("int8", "int4_g32", "expects activations in f32, bf16 or i8 [1, G]"),
        ("int8", "int8_g32, scale", "scale"),
    ],
)
def test_formats_of_activations_that_are_none(tmp_path, compute, format, message):
    with pytest.raises(quern.QuernError, match=re.escape(message)):
        quern.compile_model(
            QUERN_6M, tmp_path / "out", "q4_0", compute=compute, activations=format, target="host"
        )
    assert not (tmp_path / "out").exists()


def decoded_model(reference):
    """The forward pass in NumPy with the weights that the interpreter decodes."""
    model = NumpyLlama(QUERN_6M, np.float64)
    for name in model.weights:
        model.weights[name] = reference.weight(name).astype(np.float64)
    return model


def divergence(expected, found):
    """Mean KL divergence of the predictions, in nats."""
    expected, found = log_softmax(expected), log_softmax(found)
    return float((np.exp(expected) * (expected - found)).sum(axis=-1).mean())


def mean_loss(logits, labels):
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


# Three ways through the same codes, and their distance from exact mode.
@needs_compiler
def test_distance_from_exact_mode(case, window, capfd):
    format, artifact, group = case
    inputs, labels = window[:-1], window[1:]
    reference = quern.ReferenceModel(QUERN_6M, format, compute="int8", kv_cache="f32")
    model = decoded_model(reference)
    exact, interpreted = model.logits(inputs), all_logits(reference, inputs)
    bound = bound_of_coded_activations(model, window, group)
    for isa, variant in open_variants(artifact).items():
        with variant:
            compiled = all_logits(variant, inputs)
        far = divergence(exact, compiled)
        near = divergence(interpreted, compiled)
        change = mean_loss(compiled, labels) - mean_loss(exact, labels)
        with capfd.disabled():
            print(
                f"\n{format} on {isa}: KL from exact mode {far:.3g} (uniform errors "
                f"{bound.likely_divergence:.3g}, bound {bound.divergence:.3g}), loss "
                f"{change:+.3g} (bound {bound.loss:.3g}), KL from the interpreter {near:.3g}"
            )
        assert far <= bound.divergence
        assert abs(change) <= bound.loss
        # Sums are rounded otherwise than the interpreter's, which moves codes
        # that lie at ties. Both are codings of the same activations: the
        # variance of the difference of two errors is at most the sum of theirs.
        assert near <= 2 * bound.divergence


# Rounding moves few codes: those within 10^-7 of their group's largest from a tie,
# about one in 10^4. Each changes a result by 10^-4 to 10^-3, and in a network of
# many layers that spreads to everything. In one layer, which has 1,536 codes a
# token, most tokens have the very codes of the interpreter, and what is left is
# the rounding of exact mode. The same holds of inputs rounded to bfloat16.
@needs_compiler
@pytest.mark.parametrize(
    ("format", "compute"),
    [*((format, "int8") for format in FORMATS), ("q4_k", "bf16"), ("mxfp4", "bf16")],
)
def test_codes_of_one_layer(tmp_path, monkeypatch, format, compute):
    one_layer = synth.Shape(256, 512, 1, heads=4, kv_heads=2, head_dim=64, vocabulary=320,
                            context=8)  # fmt: skip
    monkeypatch.setitem(synth.SHAPES, "one-layer", one_layer)
    model, out = tmp_path / "model", tmp_path / "out"
    quern.synthesize("one-layer", model)
    quern.compile_model(model, out, format, compute=compute, target="host")

    def single_tokens(model):
        return np.array([all_logits(model, np.array([token]))[0] for token in range(0, 320, 5)])

    expected = single_tokens(quern.ReferenceModel(model, format, compute=compute))
    exact = single_tokens(quern.ReferenceModel(model, format))
    with quern.Model(out) as compiled:
        found = single_tokens(compiled)
    largest = np.abs(expected).max(axis=1)
    errors = np.abs(found - expected).max(axis=1) / largest
    distances = np.abs(exact - expected).max(axis=1) / largest
    same = errors < 1e-5
    print(
        f"{format} in {compute}: {same.sum()} of {len(same)} tokens have the same codes, to "
        f"{errors[same].max(initial=0):.2g}; exact mode is {distances.min():.2g} away"
    )
    assert 2 * same.sum() > len(same)
    # The tolerance can tell one mode from the other.
    assert distances.min() > 1e-4


# AVX2 and AVX-512 compute the same operations in the same order, and threads
# only share out rows and columns.
@needs_compiler
def test_equal_bits(case, window):
    _, artifact, _ = case
    models = open_variants(artifact)
    models.pop("portable")  # has no fused multiply-add
    logits = {}
    for isa, model in models.items():
        with model:
            for threads in (1, 2, 3):
                model.set_threads(threads)
                logits[isa, threads] = all_logits(model, window)
    first, *others = logits.values()
    for other in others:
        np.testing.assert_array_equal(other, first)


# What the bounds rest on: the gradient, against finite differences.
def test_gradients_of_the_bound(monkeypatch, tiny_model):
    model = NumpyLlama(tiny_model, np.float64)
    tokens = np.random.default_rng(0).integers(0, 320, 12)
    tape = Tape(model, tokens)
    np.testing.assert_array_equal(tape.logits, model.logits(tokens))
    direction = np.random.default_rng(1).standard_normal(tape.logits.shape)
    norm, place, step = model._norm, (4, 33), 1e-4

    def shifted(name, shift):
        """The loss <direction, logits> with one input of products moved."""

        def moved(x, weight):
            y = norm(x, weight)
            y[0][place] += shift if weight == name else 0
            return y

        with monkeypatch.context() as patch:
            patch.setattr(model, "_norm", moved)
            return float((direction * model.logits(tokens)).sum())

    inputs = {
        "model.layers.0.input_layernorm.weight": tape.layers[0]["h"],
        "model.layers.1.post_attention_layernorm.weight": tape.layers[1]["h2"],
        "model.norm.weight": tape.final,
    }
    for name, x in inputs.items():

        def only_here(other, _, x=x):
            steps = np.zeros_like(other)
            steps[place] = other is x
            return steps

        monkeypatch.setattr("sensitivity.step_sizes", only_here)
        difference = (shifted(name, step) - shifted(name, -step)) / (2 * step)
        assert tape.sum_of_squares(direction, 4) == pytest.approx(difference**2, rel=1e-5)
