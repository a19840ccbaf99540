# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What docs/HowTo/ConvertACheckpoint.md promises of weights: from one container to
another they are the same numbers where that is said, and near them elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import quern
from support import ROOT, all_logits, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
EMBEDDING = "model.embed_tokens.weight"
PARTS = ("self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
         "mlp.down_proj")  # fmt: skip
NAMES = [f"model.layers.{layer}.{part}.weight" for layer in (0, 5) for part in PARTS]

# Container, format; the type of ggml that holds its numbers.
EXACT = [
    ("awq", "int4_g128_asym", "q8_0"),
    ("awq", "int4_g128", "q8_0"),
    ("gptq/v2", "int4_g128_asym", "q8_0"),
    ("gptq/v1", "int4_g32", "q8_0"),
    ("compressed-tensors", "int4_g32_asym", "q8_0"),
    ("compressed-tensors", "int4_g128", "q4_0"),
    ("compressed-tensors", "int4_g32", "q4_0"),
    ("compressed-tensors", "int8_g32_f16", "q8_0"),
    ("compressed-tensors", "mxfp4", "mxfp4"),
]
FORMATS = {"int8_g32_f16": "i8 [1, 32], scale f16"}


def checkpoint(folder, container, format):
    quern.export_model(QUERN_6M, folder, container, FORMATS.get(format, format))
    return folder


@pytest.mark.parametrize(("container", "format", "type"), EXACT)
def test_gguf_has_the_same_numbers(tmp_path, container, format, type):
    source = checkpoint(tmp_path / "source", container, format)
    rules = [(EMBEDDING, "bf16")]
    options = {"rules": rules, "encoding": "transcode"}
    quern.export_model(source, tmp_path / "m.gguf", "gguf", type, **options)
    before, after = quern.ReferenceModel(source), quern.ReferenceModel(tmp_path / "m.gguf")
    for name in NAMES:
        np.testing.assert_array_equal(after.weight(name), before.weight(name), err_msg=name)


@pytest.mark.parametrize("type", ["q4_1", "q5_1", "q4_k", "q5_k", "q6_k"])
def test_gguf_of_fewer_bits_is_near(tmp_path, type):
    """Not exact, so that it is asked for; then within the bound of the root of the
    mean square of a block."""
    source = checkpoint(tmp_path / "source", "awq", "int4_g128_asym")
    options = {"rules": [(EMBEDDING, "bf16")]}
    with pytest.raises(quern.QuernError, match="int4_g128_asym to .*, bounded"):
        quern.export_model(source, tmp_path / "m.gguf", "gguf", type, encoding="transcode",
                           **options)  # fmt: skip
    quern.export_model(source, tmp_path / "m.gguf", "gguf", type, encoding="re-encode", **options)
    bound = quern.classify_transcodings(["int4_g128_asym"], [type])[0].relative_error
    before, after = quern.ReferenceModel(source), quern.ReferenceModel(tmp_path / "m.gguf")
    for name in NAMES:
        blocks = before.weight(name).reshape(-1, 32)
        error = np.sqrt(np.mean((after.weight(name).reshape(-1, 32) - blocks) ** 2, axis=1))
        largest = np.abs(before.weight(name).reshape(-1, 256)).max(axis=1).repeat(8)
        assert error.max() > 0 and (error <= bound * np.sqrt(8) * largest + 1e-3).all(), name
