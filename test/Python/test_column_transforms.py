# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Formats that end in column transforms: kernels against the interpreter in both
compute modes, sizes, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import quern
from quern import synth
from quern.cli import main
from quern.formats import bits_per_weight, read_formats
from support import (
    ROOT,
    check_perplexities,
    needs_compiler,
)

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
NAMED = ["int4_g128_act_order", "int8_outliers", "int4_g32_hadamard", "int4_g32_scaled"]
# Every kind, some twice, and with a block of several rows.
CHAIN = (
    "i4 [16, 32], scale f16, columns rotated 32, columns apart 3 (i8 [1, *], scale f16), "
    "columns scaled bf16, columns ordered, columns rotated 8"
)
GATE = "model.layers.2.mlp.gate_proj.weight"


@pytest.fixture(scope="module")
def novel():
    tokenizer = quern.Tokenizer(QUERN_6M)
    text = (ROOT / "examples" / "quern-6m-eval.txt").read_text("utf-8")
    return tokenizer.encode(text[:2000])[:300], tokenizer.bos_id


def test_all_named_formats_are_tested():
    assert [name for name, text in read_formats().items() if ", columns " in text] == NAMED


# A product that is rounded otherwise may give an activation another code.
@pytest.mark.parametrize(("compute", "rel"), [("f32", 1e-3), ("int8", 1e-2)])
@pytest.mark.parametrize("format", [*NAMED, CHAIN])
def test_kernels_are_the_interpreter(compile_once, novel, capfd, format, compute, rel):
    model = quern.ReferenceModel(QUERN_6M, format, compute=compute)
    out = compile_once(QUERN_6M, format, compute=compute)
    check_perplexities(capfd, f"{format}, {compute}", model, out, *novel, rel=rel)


# The embedding and the logits of quern-6m share their weight; here they do not,
# and rows of logits have no padding, which those of a residual have.
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_logits_of_odd_width(tmp_path, monkeypatch, capfd, tied):
    shape = replace(synth.SHAPES["tiny-llama"], vocabulary=333, tied=tied)
    monkeypatch.setitem(synth.SHAPES, "odd", shape)
    quern.synthesize("odd", tmp_path / "model")
    format = "i8 [1, 32], scale f32, columns apart 5 f16, columns ordered"
    quern.compile_model(tmp_path / "model", tmp_path / "out", format)
    model = quern.ReferenceModel(tmp_path / "model", format)
    tokens = np.random.default_rng(1).integers(0, 333, 90)
    check_perplexities(capfd, "333 words", model, tmp_path / "out", tokens, None)


# bf16 rounds activations after they were transformed.
def test_bfloat16(compile_once, novel, capfd):
    model = quern.ReferenceModel(QUERN_6M, CHAIN, compute="bf16")
    out = compile_once(QUERN_6M, CHAIN, compute="bf16")
    check_perplexities(capfd, "bf16", model, out, *novel)


# The search and the rule both code the transformed matrix.
@pytest.mark.parametrize("solver", ["rtn", "mse"])
@pytest.mark.parametrize("format", [*NAMED, CHAIN])
def test_weights_are_near_what_they_were(format, solver):
    exact = quern.ReferenceModel(QUERN_6M).weight(GATE).astype(np.float64)
    coded = quern.ReferenceModel(QUERN_6M, format, solver=solver).weight(GATE)
    error = np.sqrt(np.square(coded - exact).mean() / np.square(exact).mean())
    assert error < (0.02 if format.startswith("int8") else 0.2)


def test_inspect(compile_once):
    found = quern.inspect(compile_once(QUERN_6M, "int8_outliers", compute="f32"))
    tensors = {tensor.name: tensor for tensor in found.tensors}
    gate = tensors[GATE]
    assert (gate.encoding, gate.part_of) == ("int8_outliers", "")
    parts = {name: tensor for name, tensor in tensors.items() if tensor.part_of == GATE}
    assert {name.removeprefix(GATE): tensor.shape for name, tensor in parts.items()} == {
        ".apart": [768, 8],
        ".apart.column": [1, 8],
        ".apart.rest": [1, 256],
    }
    # The place of each column is only needed where rows are looked up.
    tied = [name for name, tensor in tensors.items() if name.endswith(".apart.place")]
    assert tied == ["model.embed_tokens.weight.apart.place"]
    parts = 8 * sum(tensor.bytes for tensor in parts.values())
    stored = gate.bits_per_weight + parts / (768 * 256)
    # Padding of small tensors and the numbers of the columns that are left.
    assert bits_per_weight("int8_outliers", 768, 256) < stored < 9.3
    assert 8.2 < found.bits_per_weight < 9.3


def test_refusals(tmp_path, tiny_model, capsys):
    with pytest.raises(quern.QuernError, match="expects no column transforms"):
        quern.compile_model(
            tiny_model, tmp_path / "out", "q8_0", kv_cache="i8 [1, 16], scale f32, columns ordered"
        )
    # 96 columns have runs of 32, but not of 64.
    report = quern.compile_model(
        tiny_model, tmp_path / "out", "i4 [1, 32], scale f16, columns rotated 64"
    )
    assert any("expects columns divisible by 64 (columns rotated)" in n for n in report["notes"])
    text = "i4 [1, 32], scale f16, columns sorted"
    assert main(["compile", str(tiny_model), "--format", text, "-o", str(tmp_path / "x")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "expects 'ordered', 'apart', 'scaled' or 'rotated', but got 'sorted'" in " ".join(lines)
    assert lines[-2].index("sorted") == lines[-1].index("^")
