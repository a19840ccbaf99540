# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantized checkpoints that are wrong: rows 80 to 94 of the list of bad inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pytest
import quern
from checkpoint_cases import (
    CASES,
    MODULE,
    NAME,
    TORCHAO,
    ct_weights,
    refusal,
    same_bits,
    synthesize,
    torchao_notes,
)
from checkpoint_files import write_checkpoint
from quern import synth
from support import needs_compiler

pytestmark = needs_compiler


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
            "'compressed-tensors', 'bitsandbytes', 'fp8', 'fbgemm_fp8', 'modelopt', 'hqq', "
            "'torchao', but got 'quip'",
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


def test_rules_that_name_no_module(wide, tmp_path):
    """Not even one: what was meant is somewhere else."""
    weights = ct_weights(4, "group", group_size=128)
    groups = {"g": {"targets": ["Conv1D", "re:.*query$"], "weights": weights}}
    assert ct_error(tmp_path, wide, config_groups=groups) == (
        "F/config.json: 'quantization_config.config_groups.g.targets': expects to name "
        "modules of the model, but none is named by 'Conv1D', 're:.*query$'"
    )
    dynamic = {"+:.*\\.query": {"bits": 8}}
    assert error_of(tmp_path, wide, "gptq", dynamic=dynamic) == (
        "F/config.json: 'quantization_config.dynamic': expects to name modules of the "
        "model, but none is named by '.*\\.query'"
    )


@pytest.mark.parametrize("name", ["gptq", "awq", "ct-pack-4", "bnb-nf4", "fp8", "modelopt-nvfp4"])
def test_weights_that_are_all_numbers(wide, tmp_path, name):
    config = CASES[name][1]
    store = lambda name, weight: ({".weight": ("F32", weight)}, weight)  # noqa: E731
    assert refusal(wide, tmp_path, store, config) == (
        "F/model.safetensors: expects weights that are quantized, as 'quantization_config' says, "
        "but got numbers alone; take it out of config.json if that is right"
    )


def test_row_87_numbers_that_are_no_kind(wide, tmp_path):
    weights = ct_weights(4, "group", group_size=128)
    groups = {"g": {"targets": ["Linear"], "weights": weights, "format": "int-quantized"}}
    assert ct_error(tmp_path, wide, config_groups=groups) == (
        "F/model.safetensors: weight 'model.layers.0.self_attn.q_proj.weight': "
        "compressed-tensors/int-quantized: expects type=int, bits=8, symmetric=1, strategy=tensor "
        "or type=int, bits=8, symmetric=1 or type=int, bits=8, symmetric=0, "
        "but got type=int, bits=4, symmetric=1"
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


def characters(text: str):
    return ("U8", np.frombuffer(text.encode(), np.uint8))


@pytest.mark.parametrize(
    ("end", "tensor", "message"),
    [
        (
            "compute_dtype",
            characters("__import__('os')"),
            "expects 'torch.float16', 'torch.bfloat16' or 'torch.float32', but got "
            "'__import__('os')'",
        ),
        (
            "shape",
            ("I64", np.array([512, 256], np.int64)),
            "expects the extents of the weight, [256, 512], but got [512, 256]",
        ),
        ("axis", ("I32", np.array(0, np.int32)), "expects 1, but got 0"),
        ("quant_zero", ("U8", np.array(1, np.uint8)), "expects 0, but got 1"),
        (
            "group_size",
            ("I32", np.array(-1, np.int32)),
            "expects a number of columns, but got -1",
        ),
        (
            "nbits",
            ("F32", np.array(1.58, np.float32)),
            "expects an integer, but got F32 of shape []",
        ),
    ],
)
def test_row_90_fields_of_hqq(wide, tmp_path, end, tensor, message):
    store = files.hqq(4, 64, **{end: tensor})
    only = lambda name, weight: (store if name == NAME else files.hqq(4, 64))(name, weight)  # noqa: E731
    assert refusal(wide, tmp_path, only, files.HQQ_CONFIG) == (
        f"F/model.safetensors: tensor '{part('.' + end)}': {message}"
    )


def test_row_90_products_of_shapes(wide, tmp_path):
    assert error_of(tmp_path, wide, "hqq-4", replaced(".W_q", lambda a: a[:-1])) == (
        f"F/model.safetensors: weight '{NAME}' of [256, 512]: '{part('.W_q')}': expects shape "
        "[1024, 64], but got [1023, 64]"
    )
    three = files.hqq(4, 64, nbits=("I32", np.array(3, np.int32)))
    assert refusal(wide, tmp_path / "three", three, files.HQQ_CONFIG).endswith(
        "hqq: expects bits=1|2|4 or bits=5|6|8, but got bits=3"
    )


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


def torchao_error(tmp_path, wide, kind="Int8Tensor", change=lambda notes: None, **more):
    def notes(tensors):
        texts = torchao_notes(kind, **more)(tensors)
        change(texts)
        return texts

    folder = tmp_path / "model"
    write_checkpoint(wide, folder, files.torchao(kind), TORCHAO, notes=notes)
    with pytest.raises(quern.QuernError) as raised:
        quern.import_to_text(folder)
    return str(raised.value).replace(str(folder), "F")


def test_row_93_classes(wide, tmp_path):
    def change(notes):
        notes[NAME] = notes[NAME].replace("Int8Tensor", "os.system")

    assert torchao_error(tmp_path, wide, change=change) == (
        f"F/model.safetensors: __metadata__: '{NAME}': '_type': expects one of 'Tensor', "
        "'Int4Tensor', 'Int8Tensor', 'IntxUnpackedToInt8Tensor', 'Float8Tensor', 'MXTensor', "
        "'NVFP4Tensor', but got 'os.system'"
    )


def test_row_93_names_of_nothing(wide, tmp_path):
    where = "F/model.safetensors: __metadata__: 'tensor_names': expects "

    def another(notes):
        notes["tensor_names"] = notes["tensor_names"].replace("]", ', "a.weight"]')

    assert torchao_error(tmp_path, wide, change=another) == (
        where + "a member of __metadata__ for tensor 'a.weight', but there is none"
    )

    def more_data(notes):
        notes[NAME] = notes[NAME].replace('"scale"', '"scale", "zero_point"')

    assert torchao_error(tmp_path, wide, change=more_data) == (
        f"{where}'{MODULE}._weight_zero_point' for tensor '{NAME}', but there is none"
    )

    def none(notes):
        del notes["tensor_names"]

    assert "expects 'tensor_names' in __metadata__" in torchao_error(tmp_path, wide, change=none)

    def no_list(notes):
        notes["tensor_names"] = "1"

    assert torchao_error(tmp_path, wide, change=no_list).startswith(
        "F/model.safetensors: __metadata__: 'tensor_names': 'names': expects an array of strings"
    )


def test_row_93_scales_in_another_order(wide, tmp_path):
    assert torchao_error(tmp_path, wide, "MXTensor", is_swizzled_scales=True).endswith(
        "but got elements=float8_e4m3fn, group=32, swizzled=1"
    )


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
