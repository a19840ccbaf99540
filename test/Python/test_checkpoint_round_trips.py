# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints that we write and read again: the same numbers, and written once
more the same bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import quern
from checkpoint_readers import read_folder
from support import ROOT, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
BODY = "model.layers.*_proj.weight"

CASES = [
    ("gptq/v1", "int4_g128"),
    ("gptq/v1", "i3 [1, 64], scale f16"),
    ("gptq/v2", "int4_g128_asym"),
    ("gptq/v2", "u3 [1, 64], scale f16, zero u3"),
    ("gptq/v2", "u8 [1, *], scale f16, zero u8"),
    ("awq", "int4_g128"),
    ("awq", "int4_g128_asym"),
    ("compressed-tensors", "int4_g128"),
    ("compressed-tensors", "int4_g128_asym"),
    ("compressed-tensors", "int5_g32"),
    ("compressed-tensors", "int8_tensor"),
    ("compressed-tensors/int-quantized", "int8_channel"),
    ("compressed-tensors/int-quantized", "i8 [1, 32], scale f32, zero i8"),
    ("compressed-tensors", "fp8_channel"),
    ("compressed-tensors", "fp8_tensor"),
    ("compressed-tensors", "fp8_block"),
    ("compressed-tensors", "nvfp4_divisor"),
    ("compressed-tensors", "mxfp4"),
    ("compressed-tensors", "mxfp8"),
    ("bnb", "bnb_nf4"),
    ("bnb", "bnb_fp4_nested"),
    ("fp8", "fp8_block"),
]


@pytest.mark.parametrize(("container", "format"), CASES, ids=str)
def test_there_and_back(tmp_path, container, format):
    once, twice = tmp_path / "once", tmp_path / "twice"
    quern.export_model(QUERN_6M, once, container, format)
    expected = quern.ReferenceModel(QUERN_6M, rules=[(BODY, format)])
    found = quern.ReferenceModel(once)
    for part in ("self_attn.v_proj", "mlp.gate_proj", "mlp.down_proj"):
        name = f"model.layers.4.{part}.weight"
        np.testing.assert_array_equal(found.weight(name), expected.weight(name), err_msg=part)
    quern.export_model(once, twice, container)
    before, after = read_folder(once)[0], read_folder(twice)[0]
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if ".quant_state." in name:
            assert_states_are_equal(after[name].tobytes(), tensor.tobytes())
            continue
        assert after[name].dtype == tensor.dtype and after[name].shape == tensor.shape, name
        assert after[name].tobytes() == tensor.tobytes(), name


def assert_states_are_equal(after: bytes, before: bytes) -> None:
    """bitsandbytes' JSON of a weight; codes that were read stand for numbers in float32."""
    assert json.loads(before)["dtype"] == "bfloat16"
    assert json.loads(after) == json.loads(before) | {"dtype": "float32"}


def test_from_container_to_container(tmp_path):
    """Codes go along: an AWQ checkpoint is a GPTQ checkpoint, and back."""
    quern.export_model(QUERN_6M, tmp_path / "awq", "awq", "int4_g128_asym")
    quern.export_model(tmp_path / "awq", tmp_path / "gptq", "gptq")
    quern.export_model(tmp_path / "gptq", tmp_path / "pack", "compressed-tensors")
    quern.export_model(tmp_path / "pack", tmp_path / "back", "awq")
    first, last = (read_folder(tmp_path / name)[0] for name in ("awq", "back"))
    assert first.keys() == last.keys()
    assert all(first[name].tobytes() == last[name].tobytes() for name in first)


def test_a_checkpoint_becomes_a_file(tmp_path):
    """One command: AWQ's weights as types of ggml, the rest as it is."""
    quern.export_model(QUERN_6M, tmp_path / "awq", "awq", "int4_g128")
    rules = [("model.embed_tokens.weight", "q8_0")]
    quern.export_model(tmp_path / "awq", tmp_path / "m.gguf", "gguf", "q8_0", rules=rules)
    tokens = list(range(40, 72))
    paths = (tmp_path / "awq", tmp_path / "m.gguf")
    logits = [quern.ReferenceModel(path).logits(tokens) for path in paths]
    assert np.abs(logits[0] - logits[1]).max() < 0.03 * np.abs(logits[0]).max()
