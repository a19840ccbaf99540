# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""docs/HowTo/ConvertACheckpoint.md: which conversions of checkpoints are exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quern
from checkpoint_cases import CASES
from checkpoint_files import write_checkpoint
from quern.cli import main
from support import ROOT, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
EMBEDDING = "model.embed_tokens.weight"
NAMES = [
    EMBEDDING,
    *(f"model.layers.3.{n}.weight" for n in ("self_attn.q_proj", "mlp.down_proj")),
]


def same_weights(before: Path, after: Path) -> None:
    ours, theirs = quern.ReferenceModel(before), quern.ReferenceModel(after)
    for name in NAMES:
        assert ours.weight(name).tobytes() == theirs.weight(name).tobytes(), name


# A folder, the type of ggml that holds it without loss, one that does not.
GGUF = [
    ("awq", "int4_g128_asym", "q5_0", "q4_1"),
    ("awq", "u4 [1, 32], scale f16, zero u4", "q8_0", "q4_0"),
    ("gptq/v1", "int4_g128", "q5_0", "q4_0"),
    ("gptq/v2", "u3 [1, 64], scale f16, zero u3", "q4_0", "q4_1"),
    ("compressed-tensors", "int4_g128", "q4_0", "q4_1"),
]


@pytest.mark.parametrize(("container", "format", "exact", "bounded"), GGUF, ids=str)
def test_a_checkpoint_becomes_gguf(tmp_path, capfd, container, format, exact, bounded):
    once, out = tmp_path / "once", tmp_path / "m.gguf"
    quern.export_model(QUERN_6M, once, container, format)
    command = ["transcode", str(once), "--rule", f"{EMBEDDING}=bf16", "-o", str(out)]
    assert main([*command, "--to", f"{bounded}/gguf"]) != 0
    assert f"to {bounded}, bounded" in capfd.readouterr().err
    assert not out.exists()
    assert main([*command, "--to", f"{exact}/gguf"]) == 0
    same_weights(once, out)


# Types that hold AWQ's numbers with a bounded error, and the columns of their blocks.
NEAR = {"q4_1": 32, "q5_1": 32, "q4_k": 256, "q5_k": 256, "q6_k": 256}


@pytest.mark.parametrize("type", NEAR)
def test_what_is_bounded_is_near(tmp_path, type):
    """The root of the mean square of a block's errors is within the bound."""
    once, out = tmp_path / "once", tmp_path / "m.gguf"
    quern.export_model(QUERN_6M, once, "awq", "int4_g128_asym")
    rules = [(EMBEDDING, "bf16")]
    quern.export_model(once, out, "gguf", type, rules=rules, encoding="re-encode")
    (bound,) = quern.classify_transcodings(["int4_g128_asym"], [type])
    before, after = quern.ReferenceModel(once), quern.ReferenceModel(out)
    for name in NAMES[1:]:
        blocks = before.weight(name).reshape(-1, NEAR[type])
        error = np.sqrt(np.mean((after.weight(name).reshape(blocks.shape) - blocks) ** 2, axis=1))
        largest = np.abs(blocks).max(axis=1)
        assert error.max() > 0, name
        assert (error <= bound.relative_error * largest + bound.absolute_error).all(), name


@pytest.mark.client("onnx", "onnx", "write")
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_gptq_checkpoint_becomes_onnx(tmp_path, bits):
    onnx_weights = pytest.importorskip("onnx_weights", exc_type=ImportError)
    format = f"u{bits} [1, 128], scale f16, zero u{bits}"
    quern.export_model(QUERN_6M, tmp_path / "gptq", "gptq", format)
    quern.export_model(tmp_path / "gptq", tmp_path / "m.onnx", "onnx")
    weights = onnx_weights.Weights(tmp_path / "m.onnx")
    model = quern.ReferenceModel(tmp_path / "gptq")
    for name in NAMES[1:]:
        assert weights.numbers(name).tobytes() == model.weight(name).tobytes(), name


def test_three_bits_become_four(tmp_path):
    """ONNX has no type of three bits; four hold the same numbers."""
    onnx_weights = pytest.importorskip("onnx_weights", exc_type=ImportError)
    format = "u3 [1, 128], scale f16, zero u3"
    quern.export_model(QUERN_6M, tmp_path / "gptq", "gptq", format)
    wider = "u4 [1, 128], scale f16, zero u4/onnx"
    command = ["transcode", str(tmp_path / "gptq"), "--to", wider]
    command += ["--rule", f"{EMBEDDING}=bf16", "-o", str(tmp_path / "m.onnx")]
    assert main(command) == 0
    weights = onnx_weights.Weights(tmp_path / "m.onnx")
    model = quern.ReferenceModel(tmp_path / "gptq")
    for name in NAMES[1:]:
        assert weights.numbers(name).tobytes() == model.weight(name).tobytes(), name


def test_onnx_has_no_order_of_columns(wide, tmp_path):
    store, config, _ = CASES["gptq-act"]
    write_checkpoint(wide, tmp_path / "gptq", store, config)
    with pytest.raises(quern.QuernError, match="columns ordered"):
        quern.export_model(tmp_path / "gptq", tmp_path / "m.onnx", "onnx")
