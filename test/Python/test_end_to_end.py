# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models, from the folder to the text: compiled kernels against the
reference interpreter, the forward pass in NumPy and the published facts.

Tests marked slow evaluate whole texts; `-m "not slow"` leaves them out.
"""

import json
import re

import numpy as np
import pytest
import quern
from numpy_families import numpy_model
from numpy_llama import NumpyLlama
from quern import synth
from quern.cli import main
from support import (
    DATA,
    ROOT,
    all_logits,
    check_perplexities,
    needs_compiler,
    needs_data,
    open_variants,
    reference_perplexity,
)

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
FORMATS = [
    *("f32", "f16", "bf16", "int8_channel", "int4_g32", "int4_g32_asym", "q4_0", "q8_0"),
    *("q4_k", "q6_k", "fp8_channel", "mxfp4", "nf4"),
]


@pytest.fixture(scope="module")
def novel():
    """600 tokens written in the manner of quern-6m's texts, and BOS."""
    tokenizer = quern.Tokenizer(QUERN_6M)
    text = (ROOT / "examples" / "quern-6m-eval.txt").read_text("utf-8")
    return tokenizer.encode(text[:3000])[:600], tokenizer.bos_id


@pytest.fixture(scope="module")
def story():
    """600 tokens for the stories models, and BOS."""
    tokenizer = quern.Tokenizer(DATA / "lm" / "stories260K")
    text = (DATA / "text" / "tinystories_val.txt").read_text("utf-8")[:3000]
    return tokenizer.encode(text)[:600], tokenizer.bos_id


# Every instruction set writes the published text.
@needs_data("lm/stories260K")
def test_golden_text(compile_once, capfd):
    folder = DATA / "lm" / "stories260K"
    golden = (folder / "golden_greedy_200.txt").read_bytes()
    out = compile_once(folder, "f32", kv_cache="f32")
    for isa in open_variants(out):
        capfd.readouterr()
        command = ["run", str(out), "--prompt", "", "--temperature", "0", "--isa", isa]
        assert main([*command, "--max-tokens", "200"]) == 0
        assert capfd.readouterr().out.encode() == golden


# The perplexities in shared/data/MANIFEST.md, through `quern eval`.
@needs_data("lm", "text")
@pytest.mark.parametrize(
    ("name", "text", "context", "count", "perplexity"),
    [
        ("stories260K", "tinystories_val", 512, 194310, 4.28942),
        ("quern-6m", "novels", 512, 102668, 31.962),
        pytest.param(
            *("stories260K-wide256", "tinystories_val", 512, 194310, 4.28942),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("babyllama-tok105", "tinystories_val", 256, 399876, 2.35235),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_published_perplexity(compile_once, capfd, name, text, context, count, perplexity):
    out = compile_once(DATA / "lm" / name, "f32", kv_cache="f32")
    file = DATA / "text" / f"{text}.txt"
    command = ["eval", out, "--text", file, "--context", context, "--json"]
    assert main([str(argument) for argument in command]) == 0
    result = json.loads(capfd.readouterr().out)
    with capfd.disabled():
        print(f"\n{name}: perplexity {result['perplexity']:.6g}, published {perplexity}")
    assert result["tokens"] == count
    assert result["perplexity"] == pytest.approx(perplexity, rel=1e-3)


# Three implementations that share no arithmetic.
@needs_data("lm/stories260K", "text/tinystories_val.txt")
def test_interpreter_numpy_and_kernels_agree(compile_once, story):
    folder = DATA / "lm" / "stories260K"
    tokens = np.concatenate([[story[1]], story[0][:255]])
    expected = NumpyLlama(folder, np.float64).logits(tokens)
    tolerance = 1e-4 * np.abs(expected).max()
    interpreted = all_logits(quern.ReferenceModel(folder, "f32", kv_cache="f32"), tokens)
    np.testing.assert_allclose(interpreted, expected, rtol=0, atol=tolerance)
    for model in open_variants(compile_once(folder, "f32", kv_cache="f32")).values():
        compiled = all_logits(model, tokens)
        np.testing.assert_allclose(compiled, expected, rtol=0, atol=tolerance)
        np.testing.assert_allclose(compiled, interpreted, rtol=0, atol=tolerance)


def test_interpreter_goes_on_and_back(tiny_model):
    model = quern.ReferenceModel(tiny_model, kv_cache="f32")
    tokens = np.random.default_rng(0).integers(0, model.vocabulary, 20)
    whole = model.logits(tokens, rows=20)
    assert (model.position, whole.shape) == (20, (20, 320))
    model.truncate(7)
    np.testing.assert_array_equal(model.prefill(tokens[7:19], rows=2), whole[17:19])
    np.testing.assert_array_equal(model.decode(int(tokens[19])), whole[19])
    with pytest.raises(quern.QuernError, match="expects a length from 0 to 20, but got 21"):
        model.truncate(21)
    with pytest.raises(quern.QuernError, match="expects tokens below 320, but got 320"):
        model.logits([320])
    with pytest.raises(quern.QuernError, match="no weight 'absent'"):
        model.weight("absent")


@pytest.mark.parametrize("format", FORMATS)
def test_formats_of_quern_6m(compile_once, novel, capfd, format):
    model = quern.ReferenceModel(QUERN_6M, format)
    check_perplexities(capfd, format, model, compile_once(QUERN_6M, format), *novel)


@pytest.mark.slow
@needs_data("lm/stories260K-wide256", "text/tinystories_val.txt")
@pytest.mark.parametrize("format", FORMATS)
def test_formats_of_wide_stories(compile_once, story, capfd, format):
    folder = DATA / "lm" / "stories260K-wide256"
    model = quern.ReferenceModel(folder, format)
    check_perplexities(capfd, f"wide {format}", model, compile_once(folder, format), *story)


@pytest.mark.parametrize("format", ["q4_k", "mxfp4"])
def test_formats_in_bf16(compile_once, novel, capfd, format):
    model = quern.ReferenceModel(QUERN_6M, format, compute="bf16")
    out = compile_once(QUERN_6M, format, compute="bf16")
    check_perplexities(capfd, f"{format} in bf16", model, out, *novel)


SMALL = {"layers": 2, "vocabulary": 320, "context": 256}
INVENTED_MODEL = synth.Shape(288, 576, heads=6, kv_heads=2, head_dim=48, **SMALL)
FAMILIES = {
    **{name: shape for name, shape in synth.SHAPES.items() if name.startswith("tiny-")},
    "mha": synth.Shape(96, 160, heads=6, kv_heads=6, head_dim=16, **SMALL),
    # Heads that together are wider than the model, and biases of their own.
    "qwen3-untied": synth.Shape(
        96, 160, heads=4, kv_heads=2, head_dim=32, tied=False, family="qwen3", **SMALL
    ),
}


# Biases, head norms, sliding windows, scaled rope; MHA, GQA, MQA; tied or not.
@pytest.mark.parametrize("name", FAMILIES)
def test_families(compile_once, tmp_path, monkeypatch, name):
    monkeypatch.setitem(synth.SHAPES, "tested", FAMILIES[name])
    quern.synthesize("tested", tmp_path / "model", seed=5)
    tokens = np.random.default_rng(1).integers(0, 320, 90)
    expected = numpy_model(tmp_path / "model", np.float64).logits(tokens)
    tolerance = 1e-4 * np.abs(expected).max()
    interpreted = all_logits(quern.ReferenceModel(tmp_path / "model", kv_cache="f32"), tokens)
    np.testing.assert_allclose(interpreted, expected, rtol=0, atol=tolerance)
    out = compile_once(tmp_path / "model", "", kv_cache="f32", target="host")
    for model in open_variants(out).values():
        with model.session() as session:
            logits = session.prefill(tokens[:61], rows=61)
            np.testing.assert_allclose(logits, expected[:61], rtol=0, atol=tolerance)
            for place in range(61, 90):
                logits = session.decode(int(tokens[place]))
                np.testing.assert_allclose(logits, expected[place], rtol=0, atol=tolerance)


# Weights that are parts or stacks of stored tensors, and every other op of the
# families, beside coded weights. Rounded activations may fall to the other side
# of a tie than the interpreter's, and once in a while another expert is chosen:
# then the usual token says whether the products are right.
@pytest.mark.parametrize("format", ["q4_k", "nf4", "int4_g32"])
@pytest.mark.parametrize("name", ["tiny-gemma2", "tiny-gpt2", "tiny-gpt-neox", "tiny-phi3"])
def test_families_in_formats(compile_once, tmp_path, name, format):
    check_coded(compile_once, tmp_path, name, format)


@pytest.mark.parametrize("format", ["", *FORMATS, "int8_channel", "nvfp4"])
def test_experts_in_formats(compile_once, tmp_path, format):
    check_coded(compile_once, tmp_path, "tiny-qwen3-moe", format)
    check_coded(compile_once, tmp_path, "tiny-mixtral", format)


def check_coded(compile_once, tmp_path, name, format):
    folder = tmp_path / name
    quern.synthesize(name, folder, seed=5)
    tokens = np.random.default_rng(1).integers(0, 320, 70)
    for compute, tolerance in (("f32", 1e-4), ("bf16", 1e-2), ("int8", 2e-2)):
        reference = quern.ReferenceModel(folder, format, compute=compute, kv_cache="f32")
        expected = all_logits(reference, tokens)
        out = compile_once(folder, format, compute=compute, kv_cache="f32", target="host")
        for model in open_variants(out).values():
            with model.session() as session:
                found = [session.prefill(tokens[:63], rows=63)]
                found += [session.decode(int(token))[None] for token in tokens[63:]]
            errors = np.linalg.norm(np.concatenate(found) - expected, axis=-1)
            errors /= np.linalg.norm(expected, axis=-1)
            worst = errors.max() if compute == "f32" else np.median(errors)
            assert worst <= tolerance, compute


def run_cli(capfd, *arguments):
    """Output and messages of a command that must succeed."""
    capfd.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    return capfd.readouterr()


# A format that nobody named, as text on the command line: 3-bit codes in groups
# of 48, 5-bit scales in super-groups of 6.
@pytest.mark.parametrize("compute", ["f32", "int8"])
def test_invented_format(tmp_path, monkeypatch, capfd, compute):
    invented = "i3 [1, 48], scale (u5 [1, 6], scale f16)"
    monkeypatch.setitem(synth.SHAPES, "invented", INVENTED_MODEL)
    model, out, text = (tmp_path / name for name in ("model", "out", "text"))
    run_cli(capfd, "synth", "--shape", "invented", "-o", model)
    command = ["compile", model, "--format", invented, "--compute", compute, "-o", out]
    run_cli(capfd, *command, "--dump", tmp_path / "dump")
    sizes = {tensor.name: tensor for tensor in quern.inspect(out).tensors}
    # 3 bits, a scale in 48 (of 5 bits, a byte in a panel) and 16 bits in 288.
    bits = sizes["model.layers.0.mlp.down_proj.weight"].bits_per_weight
    assert bits == pytest.approx(3 + 8 / 48 + 16 / 288)
    # Kernels read the codes: no weight is decoded beforehand.
    kernels = (tmp_path / "dump" / "4-kernels-portable.mlir").read_text()
    assert len(re.findall(r"qk\.kernel linear\(", kernels)) == 2 * 7 + 1
    assert "dequantize" not in kernels
    written = run_cli(capfd, "run", out, "--prompt", "ab", "--max-tokens", 8).out
    assert written.startswith("ab")
    text.write_text("The quick brown fox jumps over the lazy dog. " * 10)
    command = ["eval", out, "--text", text, "--context", 128, "--json"]
    result = json.loads(run_cli(capfd, *command).out)
    tokenizer = quern.Tokenizer(out)
    reference = quern.ReferenceModel(model, invented, compute=compute)
    tokens = tokenizer.encode(text.read_text("utf-8"))
    expected = reference_perplexity(reference, tokens, 128, tokenizer.bos_id)
    assert result["perplexity"] == pytest.approx(expected, rel=1e-3)


# The same on a trained model, where only some rows are multiples of 384.
def test_invented_format_by_rule(tmp_path, novel, capfd):
    invented = "i3 [1, 48], scale (u5 [1, 8], scale f16)"
    command = ["compile", QUERN_6M, "--format", "q8_0", "--rule", f"*.down_proj.*={invented}"]
    run_cli(capfd, *command, "--target", "host", "-o", tmp_path / "out")
    rules = [("*.down_proj.*", invented)]
    model = quern.ReferenceModel(QUERN_6M, "q8_0", rules=rules)
    check_perplexities(capfd, "invented", model, tmp_path / "out", *novel)
