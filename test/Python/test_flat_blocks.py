# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models in formats whose blocks cross rows: kernels, which read blocks
within rows, against the interpreter, which decodes the format as it is written."""

import numpy as np
import pytest
import quern
from support import all_logits, needs_compiler, open_variants

pytestmark = needs_compiler

# The model's matrices have 96 and 160 columns.
FORMATS = {
    # Blocks of 36 end every 12 or 4 columns.
    "u4 [36] flat, scale f16, zero f16": "u4 [1, 4], scale f16, zero f16",
    # Two levels, and a mean of all scales.
    "codebook @nf4 [64] flat, scale (codebook @dynamic8 [3], scale f32, mean f32)": (
        "codebook @nf4 [1, 32], scale (codebook @dynamic8 [1, 1], scale f32, mean f32)"
    ),
    # Blocks of 9 would end every column.
    "i4 [9] flat, scale f16": "f32",
}


def logits_of(model, format, compute):
    tokens = np.random.default_rng(3).integers(0, 320, 40)
    reference = quern.ReferenceModel(model, format, compute=compute, kv_cache="f32")
    return tokens, all_logits(reference, tokens)


@pytest.mark.parametrize("compute", ["f32", "int8"])
@pytest.mark.parametrize("format", FORMATS)
def test_kernels_read_blocks_that_cross_rows(compile_once, tiny_model, format, compute):
    tokens, expected = logits_of(tiny_model, format, compute)
    # Sums in another order; in int8, activations next to a tie, too.
    tolerance = (1e-4 if compute == "f32" else 2e-2) * np.abs(expected).max()
    # Blocks that end with the rows are other weights.
    plain = format.replace("[36] flat", "[12]").replace("[64] flat", "[32]")
    plain = plain.replace("[9] flat", "[8]").replace("@dynamic8 [3]", "@dynamic8 [1]")
    assert np.abs(logits_of(tiny_model, plain, compute)[1] - expected).max() > 2 * tolerance
    out = compile_once(tiny_model, format, compute=compute, kv_cache="f32")
    variants = open_variants(out)
    assert variants
    for model in variants.values():
        with model:
            np.testing.assert_allclose(all_logits(model, tokens), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("format", FORMATS)
def test_what_aligned_blocks_cost_is_told(tiny_model, tmp_path, format):
    report = quern.compile_model(tiny_model, tmp_path / "out", format, target="host")
    packed = {tensor.name: tensor.encoding for tensor in quern.inspect(tmp_path / "out").tensors}
    assert packed["model.layers.0.mlp.down_proj.weight"] == FORMATS[format]
    told = [note for note in report["notes"] if "that cross rows of 160 columns" in note]
    assert len(told) == 1 and "bits a weight in place of" in told[0]
    assert ("kept in f32" in told[0]) == (FORMATS[format] == "f32")
