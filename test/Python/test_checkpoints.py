# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantized checkpoints of Hugging Face, whole: read with their encodings, to the
bit, compiled, run, and held against folders of the numbers they stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pytest
import quern
from checkpoint_files import write_checkpoint
from numpy_llama import NumpyLlama
from quern import synth
from quern.cli import main
from support import ROOT, all_logits, needs_compiler, open_variants

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
WIDE = synth.Shape(256, 512, layers=2, heads=4, kv_heads=2, head_dim=64, vocabulary=320, context=64)
NAME = "model.layers.0.mlp.down_proj.weight"  # [256, 512]
MODULE = NAME.removesuffix(".weight")


def synthesize(folder: Path, shape: synth.Shape, seed: int) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "checkpoint", shape)
        quern.synthesize("checkpoint", folder, seed=seed)
    return folder


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    return synthesize(tmp_path_factory.mktemp("wide") / "model", WIDE, 3)


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    shape = synth.Shape(96, 160, 2, 6, 2, 16, 320, 256, family="qwen2")
    return synthesize(tmp_path_factory.mktemp("biased") / "model", shape, 6)


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
}


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.astype(np.float32).tobytes() == expected.astype(np.float32).tobytes()


# ---------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_to_the_bit(wide, tmp_path, name):
    """What every weight stands for is what NumPy says."""
    store, config, format = CASES[name]
    values = write_checkpoint(wide, tmp_path / "model", store, config)
    model = quern.ReferenceModel(tmp_path / "model")
    for weight, expected in values.items():
        assert same_bits(model.weight(weight), expected), weight
    text = quern.import_to_text(tmp_path / "model")
    assert f"@{NAME} : tensor<256x512xf32, #" in text
    if "[" in format:
        assert f"= #qt.format<{format}" in text
    else:
        assert f"tensor<256x512xf32, #{format}>" in text


@pytest.mark.parametrize(
    "name",
    [
        "gptq", "gptq-3", "gptq-8", "gptq-act", "awq", "ct-pack-5", "ct-pack-zeros",
        "ct-pack-order", "ct-int-channel", "ct-float-block", "ct-nvfp4", "ct-mxfp8",
        "bnb-nested", "bnb-int8",
    ],
)  # fmt: skip
def test_in_kernels(wide, tmp_path, compile_once, name):
    """Codes that were packed as they are, through kernels."""
    store, config, _ = CASES[name]
    write_checkpoint(wide, tmp_path / "model", store, config, tmp_path / "numbers")
    tokens = np.random.default_rng(2).integers(0, 320, 24)
    expected = NumpyLlama(tmp_path / "numbers", np.float64).logits(tokens)
    artifact = compile_once(tmp_path / "model", "", kv_cache="f32")
    for isa, model in open_variants(artifact).items():
        np.testing.assert_allclose(
            all_logits(model, tokens), expected, rtol=0, atol=1e-4 * np.abs(expected).max(),
            err_msg=isa,
        )  # fmt: skip


def test_biases(biased, tmp_path, compile_once):
    store = files.gptq(4, 32, desc_act=True)
    config = files.gptq_config(4, 32, desc_act=True)
    write_checkpoint(biased, tmp_path / "model", store, config, tmp_path / "numbers")
    tokens = np.random.default_rng(2).integers(0, 320, 24)
    expected = NumpyLlama(tmp_path / "numbers", np.float64).logits(tokens)
    artifact = compile_once(tmp_path / "model", "", kv_cache="f32")
    for model in open_variants(artifact).values():
        np.testing.assert_allclose(
            all_logits(model, tokens), expected, rtol=0, atol=1e-4 * np.abs(expected).max()
        )


def test_blocks_at_edges(biased, tmp_path):
    """Rows and columns that blocks do not divide, as in the last blocks of
    DeepSeek's weights, and blocks of bitsandbytes that cross rows."""
    for store, config in (
        (
            files.float8("block", [64, 64], scale=".weight_scale_inv"),
            {**FP8, "weight_block_size": [64, 64]},
        ),
        (files.bnb4("nf4", 64), BNB4),
    ):
        values = write_checkpoint(biased, tmp_path / "model", store, config)
        model = quern.ReferenceModel(tmp_path / "model")
        for weight, expected in values.items():
            assert same_bits(model.weight(weight), expected), weight


def test_commands(tmp_path, capsys):
    """A real model, by the names of folders alone."""
    write_checkpoint(
        QUERN_6M, tmp_path / "model", files.gptq(4, 64, desc_act=True),
        files.gptq_config(4, 64, desc_act=True), tmp_path / "numbers",
    )  # fmt: skip
    main(["compile", str(tmp_path / "model"), "--target", "host", "-o", str(tmp_path / "out")])
    assert "bits per weight" in capsys.readouterr().out
    text = tmp_path / "text.txt"
    whole = (ROOT / "examples" / "quern-6m-eval.txt").read_text()
    text.write_text(whole[:4000])
    main(
        ["eval", str(tmp_path / "out"), "--text", str(text), "--json",
         "--against", str(tmp_path / "numbers")]
    )  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    assert report["kld_mean"] < 1e-5
    main(["inspect", str(tmp_path / "model")])
    assert "qweight" in capsys.readouterr().out


def test_another_format_is_coded_again(wide, tmp_path):
    store, config, _ = CASES["gptq-act"]
    values = write_checkpoint(wide, tmp_path / "model", store, config, tmp_path / "numbers")
    numbers = quern.ReferenceModel(tmp_path / "numbers", "Q8_0")
    again = quern.ReferenceModel(tmp_path / "model", "Q8_0")
    for name in filter(files.is_projection, values):
        np.testing.assert_array_equal(again.weight(name), numbers.weight(name))


def test_groups_and_ignored_modules(wide, tmp_path):
    """Each module takes the group that names it most closely; ignored ones, and
    those of no group, are plain."""
    down, first = files.ct_pack(4, 128), files.ct_int("channel")

    def store(name, weight):
        if ".layers.1." in name:
            return {".weight": ("F32", weight)}, weight
        return (down if "down_proj" in name else first)(name, weight)

    weights = ct_weights(8, "channel")
    config = {
        "quant_method": "compressed-tensors",
        "format": "mixed-precision",
        "config_groups": {
            "a": {"targets": ["Linear"], "weights": weights, "format": "int-quantized"},
            "b": {
                "targets": ["re:.*mlp[.]down_proj$"],
                "weights": ct_weights(4, "group", group_size=128),
                "format": "pack-quantized",
            },
        },
        "ignore": ["lm_head", "re:model\\.layers\\.1\\."],
    }
    values = write_checkpoint(wide, tmp_path / "model", store, config)
    model = quern.ReferenceModel(tmp_path / "model")
    for weight, expected in values.items():
        assert same_bits(model.weight(weight), expected), weight


def test_dynamic_bits(wide, tmp_path):
    def store(name, weight):
        if "q_proj" in name:
            return {".weight": ("F32", weight)}, weight
        return files.gptq(8 if "down_proj" in name else 4, 64)(name, weight)

    config = files.gptq_config(4, 64)
    config["dynamic"] = {"-:.*q_proj": {}, "+:.*\\.down_proj$": {"bits": 8}}
    values = write_checkpoint(wide, tmp_path / "model", store, config)
    model = quern.ReferenceModel(tmp_path / "model")
    for weight, expected in values.items():
        assert same_bits(model.weight(weight), expected), weight


def test_the_stored_map_of_nested_scales_counts(wide, tmp_path):
    store = files.bnb4("nf4", nested=True, levels=files.dynamic_map() * np.float32(0.5))
    values = write_checkpoint(wide, tmp_path / "model", store, BNB4)
    model = quern.ReferenceModel(tmp_path / "model")
    assert same_bits(model.weight(NAME), values[NAME])


@pytest.mark.parametrize(
    ("name", "file", "facts"),
    [
        ("gptq", "quantize_config.json", {"bits": 4, "group_size": 128}),
        ("awq", "quant_config.json", {"w_bit": 4, "q_group_size": 128, "version": "GEMM"}),
        ("modelopt-nvfp4", "hf_quant_config.json", {"quantization": {"quant_algo": "NVFP4"}}),
    ],
)
def test_older_files(wide, tmp_path, name, file, facts):
    values = write_checkpoint(wide, tmp_path / "model", CASES[name][0], None)
    (tmp_path / "model" / file).write_text(json.dumps(facts))
    model = quern.ReferenceModel(tmp_path / "model")
    assert same_bits(model.weight(NAME), values[NAME])


# ---------------------------------------------------------------------------
# Errors: rows 80 to 94 of the list of bad inputs
# ---------------------------------------------------------------------------


def error_of(folder: Path, wide: Path, name: str, change=lambda t: None, **config: Any) -> str:
    """What importing says of a folder with `change`d tensors, or compiling, where
    what is wrong are numbers."""
    store, facts, _ = CASES[name]
    write_checkpoint(wide, folder / "model", store, {**facts, **config}, change=change)
    with pytest.raises(quern.QuernError) as raised:
        quern.compile_model(folder / "model", folder / "out", target="host")
    assert not (folder / "out").exists()
    return str(raised.value).replace(str(folder / "model"), "F")


def part(end: str) -> str:
    return MODULE + end


def replaced(end: str, value, dtype: str | None = None):
    """Gives a tensor of one weight another array, or what `value` makes of its."""

    def change(tensors):
        kind, array = tensors[part(end)]
        new = value(array) if callable(value) else value
        tensors[part(end)] = (dtype or kind, new)

    return change


def removed(end: str):
    def change(tensors):
        del tensors[part(end)]

    return change


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"bits": 0}, "'quantization_config.bits': expects an integer from 1 to 32, but got "),
        ({"bits": 5}, "'quantization_config.bits': expects 2, 3, 4 or 8, but got 5"),
        ({"bits": "4"}, "'quantization_config.bits': expects an integer from 1 to 32, but got "),
        (
            {"group_size": 0},
            "'quantization_config.group_size': expects a number of columns, or -1 for whole "
            "rows, but got 0",
        ),
        (
            {"checkpoint_format": "gptq_p"},
            "'quantization_config.checkpoint_format': expects 'gptq' or 'gptq_v2', but got "
            "'gptq_p'",
        ),
        (
            {"pack_dtype": "int16"},
            "'quantization_config.pack_dtype': expects 'int32', but got 'int16'",
        ),
        (
            {"quant_method": "quip"},
            "'quantization_config.quant_method': expects one of 'gptq', 'awq', "
            "'compressed-tensors', 'bitsandbytes', 'fp8', 'fbgemm_fp8', 'modelopt', but got "
            "'quip'",
        ),
        (
            {"dynamic": {"(?=a)": {"bits": 8}}},
            "'quantization_config.dynamic.(?=a)': pattern '(?=a)': expects a simple pattern, "
            "but got '(?', which is not '(?:'",
        ),
    ],
)
def test_row_80_parameters(wide, tmp_path, config, message):
    assert error_of(tmp_path, wide, "gptq", **config).startswith(f"F/config.json: {message}")


def test_row_80_groups_that_do_not_divide(wide, tmp_path):
    assert error_of(tmp_path, wide, "gptq", group_size=96) == (
        "weight 'model.layers.0.self_attn.q_proj.weight': expects a group size that divides its "
        "256 columns, but got 96"
    )


def spoiled(index: int, value: int):
    def change(array):
        array = array.copy()
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoiled(3, 4), "expects groups from 0 to 3, but got 4 for column 3"),
        (spoiled(3, -1), "expects groups from 0 to 3, but got -1 for column 3"),
        (spoiled(3, 1), "expects 128 columns in each group, but got 127 in group 0"),
    ],
)
def test_row_81_groups(wide, tmp_path, change, message):
    found = error_of(tmp_path, wide, "gptq", replaced(".g_idx", change))
    assert found == f"F/model.safetensors: tensor '{part('.g_idx')}': {message}"


def test_row_81_length(wide, tmp_path):
    assert error_of(tmp_path, wide, "gptq", replaced(".g_idx", lambda a: a[:-1])).endswith(
        f"weight '{NAME}' of [256, 512]: '{part('.g_idx')}': expects shape [512], but got [511]"
    )


def test_row_82_shapes(wide, tmp_path):
    """All that do not fit are said."""

    def change(tensors):
        replaced(".qzeros", lambda a: a[:-1])(tensors)
        replaced(".scales", lambda a: a.astype(np.int32), "I32")(tensors)
        replaced(".qweight", lambda a: a[:, :-1])(tensors)

    assert error_of(tmp_path, wide, "gptq", change) == (
        f"F/model.safetensors: weight '{NAME}' of [256, 512]: "
        f"'{part('.qweight')}': expects shape [64, 256], but got [64, 255]; "
        f"'{part('.qzeros')}': expects shape [4, 32], but got [3, 32]; "
        f"'{part('.scales')}': expects F16 or BF16 or F32, but got I32"
    )


def test_row_82_missing(wide, tmp_path):
    assert error_of(tmp_path, wide, "gptq", removed(".scales")) == (
        f"F/model.safetensors: tensor '{part('.qweight')}': expects '{part('.scales')}' beside "
        "it, but there is none"
    )


def test_row_83_zero_points_that_wrap(wide, tmp_path):
    """A zero point of 0, which v1 stores as -1."""
    change = replaced(".qzeros", lambda a: a | 15)
    assert error_of(tmp_path, wide, "gptq", change) == (
        f"weight '{NAME}': F/model.safetensors: tensor '{part('.qweight')}': plane 'zero': "
        "expects stored numbers of at most 14, because they are codes less 1, but got 15, which "
        "some programs take for 0 and others for 16"
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"version": "marlin"},
            "version': expects 'gemm', 'gemv' or 'gemv_fast', but got 'marlin'",
        ),
        ({"bits": 3}, "bits': expects 4, but got 3"),
        ({"zero_point": False}, "zero_point': expects true, but got false"),
    ],
)
def test_row_84_awq(wide, tmp_path, config, message):
    found = error_of(tmp_path, wide, "awq", **config)
    assert found == f"F/config.json: 'quantization_config.{message}"


def test_row_84_rows_that_fill_no_word(tmp_path):
    shape = synth.Shape(96, 164, 2, 6, 2, 16, 320, 256)
    folder = synthesize(tmp_path / "odd", shape, 1)
    store, config = files.awq(), files.awq_config()

    def pad(name, weight):
        rows = -(-len(weight) // 8) * 8
        padded = np.pad(weight, ((0, rows - len(weight)), (0, 0)), constant_values=1)
        return store(name, padded)

    write_checkpoint(folder, tmp_path / "model", pad, config)
    with pytest.raises(quern.QuernError, match="expects a multiple of 8, but got 164"):
        quern.import_to_text(tmp_path / "model")


@pytest.mark.parametrize(
    ("end", "change", "message"),
    [
        (
            ".weight_packed",
            lambda a: a[:, :-1],
            f"weight '{NAME}' of [256, 512]: '{part('.weight_packed')}': expects shape "
            "[256, 48], but got [256, 47]",
        ),
        (
            ".weight_shape",
            lambda a: -a,
            f"tensor '{part('.weight_shape')}': expects the extents of the weight, [256, 512], "
            "but got [-256, -512]",
        ),
        (
            ".weight_shape",
            lambda a: a[::-1],
            f"tensor '{part('.weight_shape')}': expects the extents of the weight, [256, 512], "
            "but got [512, 256]",
        ),
    ],
)
def test_row_85_packing(wide, tmp_path, end, change, message):
    found = error_of(tmp_path, wide, "ct-pack-3", replaced(end, change))
    assert found == f"F/model.safetensors: {message}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "expects divisors that are not zero, but got 0 in plane 'scale.scale' for all rows, "
            "all columns"),
        (np.inf, "expects finite values, but got infinity in plane 'scale.scale' for all rows, "
                 "all columns"),
        (np.nan, "expects finite values, but got NaN in plane 'scale.scale' for all rows, all "
                 "columns"),
    ],
)  # fmt: skip
def test_row_86_global_scale(wide, tmp_path, value, message):
    change = replaced(".weight_global_scale", np.array([value], np.float32))
    assert error_of(tmp_path, wide, "ct-nvfp4", change).endswith(message)


def ct_error(tmp_path, wide, **config):
    return error_of(tmp_path, wide, "ct-pack-4", **config)


def test_row_87_unknown_formats(wide, tmp_path):
    prefix = "F/config.json: 'quantization_config."
    assert ct_error(tmp_path, wide, format="marlin-24").startswith(
        f"{prefix}config_groups.group_0.format': expects one of 'dense', "
        "'naive-quantized', 'pack-quantized', "
    )
    weights = ct_weights(4, "group", group_size=128, zero_domain="float")
    groups = {"g": {"targets": ["Linear"], "weights": weights}}
    assert ct_error(tmp_path, wide, config_groups=groups) == (
        f"{prefix}config_groups.g.weights.zero_domain': expects arguments of quantization that "
        "are known, but got another"
    )
    assert ct_error(tmp_path, wide, transform_config={"config_groups": {"R1": {}}}) == (
        f"{prefix}transform_config': expects none, but got one"
    )


def test_row_87_numbers_that_are_no_kind(wide, tmp_path):
    weights = ct_weights(4, "group", group_size=128)
    groups = {"g": {"targets": ["Linear"], "weights": weights, "format": "int-quantized"}}
    assert ct_error(tmp_path, wide, config_groups=groups) == (
        "F/model.safetensors: weight 'model.layers.0.self_attn.q_proj.weight': "
        "compressed-tensors/int-quantized: expects type=int, bits=8, symmetric=1 or type=int, "
        "bits=8, symmetric=0, but got type=int, bits=4, symmetric=1"
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a" * 600_000, "expects a pattern of at most 1024 bytes, but got 600000"),
        ("((a{99}){99}){99}", "expects a simple pattern, but got more than 8192 states"),
        ("(a)\\1", "expects a simple pattern, but got the escape '\\1'"),
    ],
)
def test_row_87_patterns(wide, tmp_path, pattern, message):
    found = ct_error(tmp_path, wide, ignore=["re:" + pattern])
    assert found.startswith("F/config.json: 'quantization_config.ignore': pattern '")
    assert found.endswith(message)


def test_row_87_patterns_that_would_take_for_ever(wide, tmp_path):
    """They do not."""
    store, config, _ = CASES["ct-pack-4"]
    config = {**config, "ignore": ["re:(([a-z_.]*)*)*!", "re:(.*)*.*.*.*.*=$"]}
    values = write_checkpoint(wide, tmp_path / "model", store, config)
    assert same_bits(quern.ReferenceModel(tmp_path / "model").weight(NAME), values[NAME])


def state(**fields):
    """Changes fields of quant_state; None takes one out."""
    end = ".weight.quant_state.bitsandbytes__nf4"

    def change(array):
        facts = json.loads(array.tobytes()) | fields
        facts = {key: value for key, value in facts.items() if value is not None}
        return np.frombuffer(json.dumps(facts).encode(), np.uint8)

    return replaced(end, change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced(".weight.quant_state.bitsandbytes__nf4", np.frombuffer(b"no", np.uint8)), None),
        (state(blocksize=63), "'blocksize': expects a power of two from 32 to 4096, but got 63"),
        (state(blocksize=64.0), "'blocksize': expects an integer from 32 to 4096, but got "),
        (state(shape=[256, 511]), "'shape': expects [256, 512], but got [256, 511]"),
        (
            state(dtype="os.system"),
            "'dtype': expects 'float32', 'float16' or 'bfloat16', but got 'os.system'",
        ),
        (state(quant_type="fp4"), "'quant_type': expects 'nf4', but got 'fp4'"),
        (state(nested_offset=None), "'nested_offset': expects a value, but there is none"),
        (
            state(nested_dtype="float16"),
            "'nested_dtype': expects 'float32', but got 'float16'",
        ),
    ],
)
def test_row_88_quant_state(wide, tmp_path, change, message):
    found = error_of(tmp_path, wide, "bnb-nested", change)
    where = part(".weight.quant_state.bitsandbytes__nf4")
    assert found.startswith(f"F/model.safetensors: tensor '{where}': {message or ''}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            removed(".weight.nested_quant_map"),
            f"F/model.safetensors: expects a tensor '{part('.weight.nested_quant_map')}'",
        ),
        (
            removed(".weight.nested_absmax"),
            f"F/model.safetensors: tensor '{part('.weight')}': expects "
            f"'{part('.weight.nested_absmax')}' beside it, but there is none",
        ),
        (
            replaced(".weight.absmax", lambda a: a[:-1]),
            f"F/model.safetensors: weight '{NAME}' of [256, 512]: '{part('.weight.absmax')}': "
            "expects shape [2048], but got [2047]",
        ),
        (
            replaced(".weight.quant_map", lambda a: a[::-1]),
            f"F/model.safetensors: tensor '{part('.weight.quant_map')}': expects the table of "
            "'nf4', but got others",
        ),
        (
            replaced(".weight", lambda a: a[:-1]),
            f"F/model.safetensors: tensor '{part('.weight')}': expects 65536 bytes for a weight "
            "of [256, 512], but got 65535",
        ),
    ],
)
def test_row_89_scales_of_blocks(wide, tmp_path, change, message):
    assert error_of(tmp_path, wide, "bnb-nested", change).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            replaced(".weight_scale_inv", lambda a: a[:, :-1]),
            f"F/model.safetensors: weight '{NAME}' of [256, 512]: "
            f"'{part('.weight_scale_inv')}': expects shape [2, 4], but got [2, 3]",
        ),
        (
            removed(".weight_scale_inv"),
            f"F/model.safetensors: tensor '{NAME}': expects '{part('.weight_scale_inv')}' "
            "beside it, but there is none",
        ),
    ],
)
def test_row_91_scales_of_fp8(wide, tmp_path, change, message):
    assert error_of(tmp_path, wide, "fp8", change) == message


def test_row_94_pickles(wide, tmp_path):
    store, config, _ = CASES["gptq"]
    write_checkpoint(wide, tmp_path / "model", store, config)
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(quern.QuernError, match=r"pytorch_model\.bin is refused because"):
        quern.import_to_text(tmp_path / "model")


def test_tensors_that_belong_to_nothing(wide, tmp_path):
    def change(tensors):
        tensors[part(".qweight2")] = tensors[part(".qweight")]

    assert "unknown tensors: " in error_of(tmp_path, wide, "gptq", change)
