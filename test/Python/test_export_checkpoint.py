# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models written as quantized checkpoints: their tensors mean, by the formulas of
those who read them, what our own decoder says; safetensors reads the files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import quern
from numpy.typing import NDArray
from quern.cli import main
from safetensors import safe_open
from support import ROOT, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
Tensors = dict[str, NDArray]


def fields(words: NDArray, bits: int) -> NDArray[np.int64]:
    """The codes of little-endian words, the lowest bits first, of a last axis."""
    stream = np.unpackbits(
        np.ascontiguousarray(words).view(np.uint8), axis=-1, bitorder="little"
    ).astype(np.int64)
    count = stream.shape[-1] // bits
    groups = stream[..., : count * bits].reshape(*stream.shape[:-1], count, bits)
    return groups @ (1 << np.arange(bits))


def spread(values: NDArray, shape: tuple[int, int]) -> NDArray:
    """Blocks of a matrix of scales, each as often as it has elements."""
    down, across = (-(-extent // count) for extent, count in zip(shape, values.shape, strict=True))
    return values.repeat(down, 0)[: shape[0]].repeat(across, 1)[:, : shape[1]]


def read_gptq(tensors: Tensors, name: str, config: dict) -> NDArray:
    bits = config["bits"]
    codes = fields(tensors[f"{name}.qweight"].T, bits)  # [out, in]
    zeros = fields(tensors[f"{name}.qzeros"], bits).T  # [out, groups]
    scales = tensors[f"{name}.scales"].T.astype(np.float32)
    groups = tensors[f"{name}.g_idx"]
    assert config["checkpoint_format"] == "gptq_v2"
    return (codes - zeros[:, groups]).astype(np.float32) * scales[:, groups]


AWQ_ORDER = [0, 4, 1, 5, 2, 6, 3, 7]


def read_awq(tensors: Tensors, name: str, config: dict) -> NDArray:
    def unpack(words):
        codes = fields(words, 4)
        return codes.reshape(len(codes), -1, 8)[..., AWQ_ORDER].reshape(len(codes), -1).T

    codes, zeros = unpack(tensors[f"{name}.qweight"]), unpack(tensors[f"{name}.qzeros"])
    scales = tensors[f"{name}.scales"].T.astype(np.float32)
    shape = codes.shape
    return (codes - spread(zeros, shape)).astype(np.float32) * spread(scales, shape)


def read_compressed(tensors: Tensors, name: str, config: dict) -> NDArray:
    (group,) = config["config_groups"].values()
    arguments = group["weights"]
    bits, form = arguments["num_bits"], config["format"]
    scales = tensors[f"{name}.weight_scale"].astype(np.float32)
    if form == "pack-quantized":
        shape = tuple(tensors[f"{name}.weight_shape"].tolist())
        codes = fields(tensors[f"{name}.weight_packed"], bits)[:, : shape[1]] - (1 << (bits - 1))
        if not arguments["symmetric"]:
            zeros = fields(np.ascontiguousarray(tensors[f"{name}.weight_zero_point"].T), bits)
            zeros = zeros.T[: shape[0]] - (1 << (bits - 1))
            codes = codes - spread(zeros, shape)
        return codes.astype(np.float32) * spread(scales, shape)
    if form == "float-quantized":
        codes = tensors[f"{name}.weight"].astype(np.float32)
        return codes * spread(scales, codes.shape)
    table = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    table = np.concatenate([table, -table])
    codes = table[fields(tensors[f"{name}.weight_packed"], 4)]
    if form == "nvfp4-pack-quantized":
        scales = scales / tensors[f"{name}.weight_global_scale"].astype(np.float32)
    else:
        assert form == "mxfp4-pack-quantized"
        scales = np.float32(2) ** (tensors[f"{name}.weight_scale"].astype(np.float32) - 127)
    return codes * spread(scales, codes.shape)


def read_bnb(tensors: Tensors, name: str, config: dict) -> NDArray:
    kind = config["bnb_4bit_quant_type"]
    state = json.loads(tensors[f"{name}.weight.quant_state.bitsandbytes__{kind}"].tobytes())
    packed = tensors[f"{name}.weight"]
    assert packed.shape[1:] == (1,) and state["quant_type"] == kind
    codes = np.stack([packed >> 4, packed & 15], -1).reshape(-1)
    values = tensors[f"{name}.weight.quant_map"][codes[: np.prod(state["shape"])]]
    scales = tensors[f"{name}.weight.absmax"].repeat(state["blocksize"])[: len(values)]
    return (values * scales).reshape(state["shape"])


def read_fp8(tensors: Tensors, name: str, config: dict) -> NDArray:
    codes = tensors[f"{name}.weight"].astype(np.float32)
    scales = tensors[f"{name}.weight_scale_inv"].astype(np.float32)
    height, width = config.get("weight_block_size", codes.shape)
    return codes * scales.repeat(height, 0)[: len(codes)].repeat(width, 1)[:, : codes.shape[1]]


def read_tensors(path: Path) -> Tensors:
    """Types that numpy lacks by ml_dtypes."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    types = {
        "F8_E4M3": ml_dtypes.float8_e4m3fn, "BF16": ml_dtypes.bfloat16, "F16": np.float16,
        "F32": np.float32, "I32": np.int32, "I64": np.int64, "U8": np.uint8, "I8": np.int8,
    }  # fmt: skip
    found = {}
    for name, facts in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = (begin + offset for offset in facts["data_offsets"])
            array = np.frombuffer(data[first:last], types[facts["dtype"]])
            found[name] = array.reshape(facts["shape"])
    return found


CASES = [
    ("gptq", "u4 [1, 128], scale f16, zero u4", read_gptq),
    ("gptq", "u8 [1, 32], scale f16, zero u8", read_gptq),
    ("gptq", "u2 [1, 64], scale bf16, zero u2", read_gptq),
    ("gptq", "u3 [1, 64], scale f16, zero u3", read_gptq),
    ("gptq", "u4 [1, *], scale f16, zero u4", read_gptq),
    ("awq", "u4 [1, 64], scale f16, zero u4", read_awq),
    ("compressed-tensors", "i4 [1, 32], scale bf16", read_compressed),
    ("compressed-tensors", "i8 [1, *], scale f32", read_compressed),
    ("compressed-tensors", "i3 [1, 64], scale f16", read_compressed),
    ("compressed-tensors", "u4 [1, 64], scale f16, zero u4", read_compressed),
    ("compressed-tensors", "u8 [1, *], scale f32, zero u8", read_compressed),
    ("compressed-tensors", "fp8_channel", read_compressed),
    ("compressed-tensors", "fp8_tensor", read_compressed),
    ("compressed-tensors", "nvfp4_divisor", read_compressed),
    ("compressed-tensors", "mxfp4", read_compressed),
    ("bnb", "bnb_nf4", read_bnb),
    ("bnb", "bnb_fp4", read_bnb),
    ("bnb", "codebook @nf4 [1, 128] flat, scale f32", read_bnb),
    ("fp8", "fp8_block", read_fp8),
]


@pytest.mark.parametrize(("container", "format", "read"), CASES, ids=str)
def test_what_readers_compute(tmp_path, container, format, read):
    out = tmp_path / "out"
    quern.export_model(QUERN_6M, out, container, format)
    config = json.loads((out / "config.json").read_text())["quantization_config"]
    tensors = read_tensors(out / "model.safetensors")
    model = quern.ReferenceModel(QUERN_6M, rules=[("model.layers.*_proj.weight", format)])
    for part in ("self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj"):
        name = f"model.layers.1.{part}"
        found = read(tensors, name, config)
        np.testing.assert_array_equal(found, model.weight(f"{name}.weight"), err_msg=part)
    # What is not a linear layer of the model's body is as it was.
    before = read_tensors(QUERN_6M / "model.safetensors")
    for name in ("model.embed_tokens.weight", "model.norm.weight"):
        assert tensors[name].tobytes() == before[name].tobytes()
    with safe_open(out / "model.safetensors", "numpy") as file:
        assert set(file.keys()) == set(tensors) and file.metadata() == {"format": "pt"}


def test_the_folder(tmp_path):
    out = tmp_path / "out"
    report = quern.export_model(QUERN_6M, out, "gptq", "int4_g128_asym")
    assert report["types"] == {"BF16": 14, "F16": 42, "I32": 126}
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in out.iterdir()} == names
    config = json.loads((out / "config.json").read_text())
    assert config.pop("quantization_config") == {
        "quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": False,
        "lm_head": False, "checkpoint_format": "gptq_v2", "pack_dtype": "int32",
    }  # fmt: skip
    assert config == json.loads((QUERN_6M / "config.json").read_text())
    tokenizer = (out / "tokenizer.json").read_bytes()
    assert tokenizer == (QUERN_6M / "tokenizer.json").read_bytes()


def test_groups_of_formats(tmp_path):
    """compressed-tensors may have several; others say one for all."""
    rules = [("*.mlp.*", "fp8_channel"), ("*.0.self_attn.q_proj.weight", "bf16")]
    quern.export_model(QUERN_6M, tmp_path / "out", "compressed-tensors", "int4_g128", rules=rules)
    config = json.loads((tmp_path / "out" / "config.json").read_text())["quantization_config"]
    assert config["format"] == "mixed-precision"
    assert config["ignore"] == ["model.layers.0.self_attn.q_proj"]
    first, second = config["config_groups"].values()
    assert first["format"] == "pack-quantized" and len(first["targets"]) == 23
    assert second["format"] == "float-quantized" and len(second["targets"]) == 18
    rules = [("*.mlp.*", "u8 [1, 32], scale f16, zero u8")]
    message = error_of(QUERN_6M, tmp_path / "no", "gptq", "int4_g128_asym", rules=rules)
    assert message.startswith("expects one format for all weights that are quantized, but got u4")


def error_of(*arguments: object, **options: object) -> str:
    with pytest.raises(quern.QuernError) as raised:
        quern.export_model(*arguments, **options)
    return str(raised.value)


LAYER = "weight 'model.layers.0.self_attn.q_proj.weight': expects a format that "


@pytest.mark.parametrize(
    ("container", "format", "message"),
    [
        ("gptq", "q4_k", LAYER + "gptq holds: integers of 2, 3, 4 or 8 bits without sign in "
         "groups of columns with zero points, such as int4_g128_asym; but got q4_k (u4 [1, 32], scale (u6 [1, 8], scale f16), "
         "min (u6 [1, 8], scale f16)); give the weight another by --format or --rule"),
        ("awq", "u8 [1, 32], scale f16, zero u8", LAYER + "awq holds: integers of 4 bits without"),
        ("bnb", "nf4", LAYER + "bnb holds: bnb_nf4 and bnb_fp4; but got nf4 ("),
        ("fp8", "int8_channel", LAYER + "fp8 holds: fp8_block and fp8_tensor; but got int8_"),
        ("compressed-tensors", "iq4_nl", LAYER + "compressed-tensors holds: integers of 2 to 8"),
        ("gptq", "", "expects weights in a format that gptq holds: integers of 2, 3, 4 or 8 "
         "bits without sign in groups of columns with zero points, such as int4_g128_asym; but all are numbers; quantize the "
         "model by --format"),
        ("onnx", "", "expects a container that models can be written as, gguf, compressed-tensors, "
         "gptq, awq, bnb, fp8, but got 'onnx'"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_container_does_not_hold(tmp_path, container, format, message):
    found = error_of(QUERN_6M, tmp_path / "out", container, format)
    assert found.startswith(message), found
    assert list(tmp_path.iterdir()) == []


def test_an_embedding_is_not_quantized(tmp_path):
    rules = [("model.embed_tokens.weight", "int4_g128_asym")]
    assert error_of(QUERN_6M, tmp_path / "out", "gptq", "int4_g128_asym", rules=rules) == (
        "weight 'model.embed_tokens.weight': expects numbers, because gptq quantizes linear "
        "layers only, but got int4_g128_asym (u4 [1, 128], scale f16, zero u4); have it decoded "
        "by --rule 'model.embed_tokens.weight=bf16'"
    )


def test_from_a_file(tmp_path):
    """A GGUF file becomes a folder: configuration and tokenizer from its
    metadata, codes of Q8_0 as they are."""
    quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf", "q8_0")
    rules = [("model.embed_tokens.weight", "bf16")]
    out = tmp_path / "out"
    quern.export_model(tmp_path / "m.gguf", out, "compressed-tensors", rules=rules)
    config = json.loads((out / "config.json").read_text())
    assert config["num_hidden_layers"] == 6 and config["rms_norm_eps"] == 1e-05
    tensors = read_tensors(out / "model.safetensors")
    name = "model.layers.2.self_attn.k_proj"
    found = read_compressed(tensors, name, config["quantization_config"])
    expected = quern.ReferenceModel(tmp_path / "m.gguf").weight(f"{name}.weight")
    np.testing.assert_array_equal(found, expected)
    text = "She opened the door"
    ours, theirs = quern.Tokenizer(out), quern.Tokenizer(QUERN_6M)
    np.testing.assert_array_equal(ours.encode_prompt(text), theirs.encode_prompt(text))


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    message = error_of(QUERN_6M, tmp_path / "out", "gptq", "int4_g128_asym")
    assert message.startswith(f"{tmp_path}/out: is not replaced: it is not empty")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_a_killed_run_leaves_no_folder(tmp_path, fraction):
    script = textwrap.dedent(f"""
        import os, quern, signal
        def progress(stage, done):
            if stage == "weights" and done >= {fraction}:
                os.kill(os.getpid(), signal.SIGKILL)
        quern.export_model({str(QUERN_6M)!r}, {str(tmp_path / "out")!r}, "awq", "int4_g128_asym",
                           progress=progress)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()


def test_commands(tmp_path, capfd):
    out = str(tmp_path / "out")
    arguments = ("--format", "int4_g128_asym", "--container", "awq", "-o", out)
    assert main(("quantize", str(QUERN_6M), *arguments)) == 0
    assert "14 BF16, 42 F16, 84 I32" in capfd.readouterr().out
