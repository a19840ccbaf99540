# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The quantized checkpoints that tests read: what writes their weights, what their
configurations say, the formats that arrive, and the models that they are of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pytest
import quern
from checkpoint_files import write_checkpoint
from quern import synth

NAME = "model.layers.0.mlp.down_proj.weight"  # [256, 512]
MODULE = NAME.removesuffix(".weight")


def synthesize(folder: Path, shape: synth.Shape, seed: int) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "checkpoint", shape)
        quern.synthesize("checkpoint", folder, seed=seed)
    return folder


# The folders that fixtures of these names have.
SHAPES = {
    # One matrix of queries, keys and values, of 96, 32 and 32 rows.
    "fused": synth.SHAPES["tiny-phi3"],
    # Nine matrices of 64 rows that the model has as one; layer 0 has none.
    "experts": synth.SHAPES["tiny-qwen3-moe"],
    "biased": synth.Shape(96, 160, 2, 6, 2, 16, 320, 256, family="qwen2"),
}


def ct_weights(bits: int, strategy: str, **more: Any) -> dict[str, Any]:
    return {"num_bits": bits, "type": "int", "strategy": strategy, "symmetric": True, **more}


def ct_floats(strategy: str, **more: Any) -> dict[str, Any]:
    return {"num_bits": 8, "type": "float", "strategy": strategy, "symmetric": True, **more}


FP8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic"}
BNB4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
BNB8 = {"quant_method": "bitsandbytes", "load_in_8bit": True}
SCALAR = np.array([1200.0], np.float32)

# What writes the weights, the configuration, and the format that they arrive in.
CASES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "gptq": (files.gptq(4, 128), files.gptq_config(4, 128), "u4 [1, 128], scale f16, zero u4"),
    "gptq-2": (files.gptq(2, 32), files.gptq_config(2, 32), "u2 [1, 32], scale f16, zero u2"),
    "gptq-3": (files.gptq(3, 64), files.gptq_config(3, 64), "u3 [1, 64], scale f16, zero u3"),
    "gptq-8": (files.gptq(8), files.gptq_config(8), "u8 [1, *], scale f16, zero u8"),
    "gptq-sym": (
        files.gptq(4, 32, sym=True),
        files.gptq_config(4, 32, sym=True),
        "u4 [1, 32], scale f16, zero u4",
    ),
    "gptq-v2": (
        files.gptq(4, 64, v2=True, dtype="BF16"),
        files.gptq_config(4, 64, v2=True),
        "u4 [1, 64], scale bf16, zero u4",
    ),
    "gptq-v2-3": (
        files.gptq(3, v2=True),
        files.gptq_config(3, v2=True),
        "u3 [1, *], scale f16, zero u3",
    ),
    "gptq-act": (
        files.gptq(4, 128, desc_act=True),
        files.gptq_config(4, 128, desc_act=True),
        "u4 [1, 128], scale f16, zero u4",
    ),
    "gptq-act-3": (
        files.gptq(3, 32, desc_act=True, v2=True),
        files.gptq_config(3, 32, desc_act=True, v2=True),
        "u3 [1, 32], scale f16, zero u3",
    ),
    "awq": (files.awq(128), files.awq_config(128), "u4 [1, 128], scale f16, zero u4"),
    "awq-rows": (files.awq(), files.awq_config(), "u4 [1, *], scale f16, zero u4"),
    "awq-gemv": (
        files.awq(32, "gemv"),
        files.awq_config(32, "GEMV"),
        "u4 [1, 32], scale f16, zero u4",
    ),
    "awq-gemv-128": (
        files.awq(128, "gemv"),
        files.awq_config(128, "gemv"),
        "u4 [1, 128], scale f16, zero u4",
    ),
    "awq-gemv-fast": (
        files.awq_fast(64),
        files.awq_config(64, "gemv_fast"),
        "u4 [1, 64], scale f16, add f16",
    ),
    **{
        f"ct-pack-{bits}": (
            files.ct_pack(bits, 128),
            files.ct_config("pack-quantized", ct_weights(bits, "group", group_size=128)),
            f"i{bits} [1, 128], scale bf16",
        )
        for bits in (2, 3, 4, 5, 6, 7, 8)
    },
    "ct-pack-channel": (
        files.ct_pack(4),
        files.ct_config("pack-quantized", ct_weights(4, "channel")),
        "i4 [1, *], scale bf16",
    ),
    "ct-pack-padded": (
        files.ct_pack(3, 64, padded=True),
        files.ct_config("pack-quantized", ct_weights(3, "group", group_size=64)),
        "i3 [1, 64], scale bf16",
    ),
    "ct-pack-zeros": (
        files.ct_pack(4, 32, symmetric=False, dtype="F16"),
        files.ct_config("pack-quantized", ct_weights(4, "group", group_size=32, symmetric=False)),
        "u4 [1, 32], scale f16, zero u4",
    ),
    "ct-pack-order": (
        files.ct_pack(4, 128, actorder=True),
        files.ct_config("pack-quantized", ct_weights(4, "group", group_size=128, actorder="group")),
        "i4 [1, 128], scale bf16",
    ),
    "ct-int-tensor": (
        files.ct_int("tensor"),
        files.ct_config("int-quantized", ct_weights(8, "tensor")),
        "i8 [*, *], scale f32",
    ),
    "ct-int-channel": (
        files.ct_int("channel", symmetric=False),
        files.ct_config("int-quantized", ct_weights(8, "channel", symmetric=False)),
        "i8 [1, *], scale f32, zero i8",
    ),
    "ct-int-group": (
        files.ct_int("group", 64, dtype="BF16"),
        files.ct_config("naive-quantized", ct_weights(8, "group", group_size=64)),
        "i8 [1, 64], scale bf16",
    ),
    "ct-float-tensor": (
        files.float8("tensor", dtype="BF16"),
        files.ct_config("float-quantized", ct_floats("tensor")),
        "f8E4M3FN [*, *], scale bf16",
    ),
    "ct-float-channel": (
        files.float8("channel"),
        files.ct_config("float-quantized", ct_floats("channel")),
        "fp8_channel",
    ),
    "ct-float-block": (
        files.float8("block", [128, 128]),
        files.ct_config("float-quantized", ct_floats("block", block_structure=[128, 128])),
        "fp8_block",
    ),
    "ct-nvfp4": (
        files.nvfp4(divides=True),
        files.ct_config(
            "nvfp4-pack-quantized", ct_floats("tensor_group", group_size=16, num_bits=4)
        ),
        "nvfp4_divisor",
    ),
    "ct-mxfp4": (
        files.microscaled(4),
        files.ct_config("mxfp4-pack-quantized", ct_floats("group", group_size=32, num_bits=4)),
        "mxfp4",
    ),
    "ct-mxfp8": (
        files.microscaled(8),
        files.ct_config("mxfp8-quantized", ct_floats("group", group_size=32)),
        "mxfp8",
    ),
    "bnb-nf4": (files.bnb4("nf4"), BNB4, "bnb_nf4"),
    "bnb-fp4": (files.bnb4("fp4"), BNB4, "bnb_fp4"),
    "bnb-nested": (files.bnb4("nf4", nested=True), BNB4, "bnb_nf4_nested"),
    "bnb-nested-fp4": (files.bnb4("fp4", nested=True, storage="BF16"), BNB4, "bnb_fp4_nested"),
    "bnb-int8": (files.bnb8(), BNB8, "i8 [1, *], scale (f32 [*, *], divisor f32)"),
    "fp8": (
        files.float8("block", [128, 128], scale=".weight_scale_inv"),
        {**FP8, "weight_block_size": [128, 128]},
        "fp8_block",
    ),
    "fbgemm": (
        files.float8("channel", more={".input_scale_ub": ("F32", SCALAR)}),
        {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0},
        "fp8_channel",
    ),
    "modelopt-fp8": (
        files.float8("tensor", squeeze=True, more={".input_scale": ("F32", SCALAR)}),
        {"quant_method": "modelopt", "quant_algo": "FP8"},
        "fp8_tensor",
    ),
    "modelopt-nvfp4": (
        files.nvfp4(divides=False),
        {"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16},
        "nvfp4",
    ),
    **{
        f"hqq-{bits}": (
            files.hqq(bits, 64, "BF16" if bits == 6 else "F16"),
            files.HQQ_CONFIG,
            f"u{bits} [1, 64], scale {'bf16' if bits == 6 else 'f16'}, zero ",
        )
        for bits in (1, 2, 4, 6, 8)
    },
}


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.astype(np.float32).tobytes() == expected.astype(np.float32).tobytes()


TORCHAO = {"quant_method": "torchao", "quant_type": {"default": {}}}


def torch_type(name: str) -> dict[str, str]:
    return {"_type": "torch.dtype", "_data": name}


F32 = torch_type("float32")
MX = {
    "elem_dtype": torch_type("float8_e4m3fn"),
    "orig_dtype": F32,
    "kernel_preference": {"_type": "KernelPreference", "_data": "EMULATED"},
    "act_quant_kwargs": None,
    "is_swizzled_scales": False,
}
INTX = {"target_dtype": torch_type("int8"), "dtype": F32, "activation_quantization": None}
# The block of each matrix, with rows of `NAME` for whole ones, other attributes,
# and the format.
TORCHAO_CASES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "Int4Tensor": ([1, 32], {}, "i4 [1, 32], scale bf16, add bf16"),
    "Int8Tensor": ([1, 512], {"dtype": F32}, "i8 [1, *], scale f32"),
    "IntxUnpackedToInt8Tensor": ([1, 32], INTX, "i8 [1, 32], scale f32, zero i8"),
    "Float8Tensor": ([1, 512], {"dtype": F32}, "fp8_channel"),
    "MXTensor": (32, MX, "mxfp8"),
    "NVFP4Tensor": (16, {"orig_dtype": F32}, "nvfp4"),
}


def torchao_notes(kind: str, **more: Any):
    block, fields, _ = TORCHAO_CASES[kind]

    def notes(tensors):
        texts = files.torchao_notes(kind, tensors, block, **{**fields, **more})
        for name, text in texts.items():
            facts = json.loads(text) if name.endswith(".weight") else {}
            if "_data" in facts and block == [1, 512] and "down_proj" not in name:
                facts["_data"]["block_size"] = [1, 256]
            texts[name] = json.dumps(facts) if facts else text
        return texts

    return notes


CHANNELS = files.ct_config("int-quantized", ct_weights(8, "tensor"))
SMALL_CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "gptq": (files.gptq(4, 32), files.gptq_config(4, 32)),
    "gptq-3": (files.gptq(3), files.gptq_config(3)),
    "awq": (files.awq(32), files.awq_config(32)),
    "ct-pack": (
        files.ct_pack(4, 32, symmetric=False),
        files.ct_config("pack-quantized", ct_weights(4, "group", group_size=32, symmetric=False)),
    ),
    "ct-int-tensor": (files.ct_int("tensor"), CHANNELS),
    "ct-nvfp4": CASES["ct-nvfp4"][:2],
    "modelopt-fp8": CASES["modelopt-fp8"][:2],
    "fp8": (
        files.float8("block", [32, 32], scale=".weight_scale_inv"),
        {**FP8, "weight_block_size": [32, 32]},
    ),
    "bnb-nf4": CASES["bnb-nf4"][:2],
    "bnb-int8": CASES["bnb-int8"][:2],
    "hqq": (files.hqq(4, 32), files.HQQ_CONFIG),
}


def unfused(values):
    """The weights that the model has of those that a folder of Phi-3 has."""
    result = {}
    for name, value in values.items():
        if "qkv_proj" in name:
            for part, rows in zip("qkv", np.split(value, [96, 128]), strict=True):
                result[name.replace("qkv", part)] = rows
        elif "gate_up" in name:
            for part, rows in zip(("gate", "up"), np.split(value, 2), strict=True):
                result[name.replace("gate_up", part)] = rows
        else:
            result[name] = value
    return result


def stacked(values):
    result: dict[str, list[Any]] = {}
    for name, value in values.items():
        before, found, after = name.partition(".experts.")
        ours = before + found + after.partition(".")[2] if found else name
        result.setdefault(ours, []).append(value)
    return {name: np.concatenate(parts) for name, parts in result.items()}


def refusal(source, folder, store, config, change=lambda tensors: None) -> str:
    write_checkpoint(source, folder / "model", store, config, change=change)
    with pytest.raises(quern.QuernError) as raised:
        quern.import_to_text(folder / "model")
    return str(raised.value).replace(str(folder / "model"), "F")
