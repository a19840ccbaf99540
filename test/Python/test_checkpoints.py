# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantized checkpoints of Hugging Face, whole: read with their encodings, to the
bit, compiled, run, and held against folders of the numbers they stand for."""

from __future__ import annotations

import json

import checkpoint_files as files
import numpy as np
import pytest
import quern
from checkpoint_cases import (
    BNB4,
    CASES,
    FP8,
    NAME,
    SMALL_CASES,
    TORCHAO,
    TORCHAO_CASES,
    ct_weights,
    refusal,
    same_bits,
    stacked,
    torchao_notes,
    unfused,
)
from checkpoint_files import write_checkpoint
from numpy_families import numpy_model
from numpy_llama import NumpyLlama
from quern.cli import main
from support import ROOT, all_logits, needs_compiler, open_variants

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"


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
        "bnb-nested", "bnb-int8", "hqq-2",
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


@pytest.mark.parametrize("kind", TORCHAO_CASES)
def test_torchao(wide, tmp_path, kind):
    store, format = files.torchao(kind), TORCHAO_CASES[kind][2]
    folder = tmp_path / "model"
    values = write_checkpoint(wide, folder, store, TORCHAO, notes=torchao_notes(kind))
    model = quern.ReferenceModel(folder)
    for weight, expected in values.items():
        assert same_bits(model.weight(weight), expected), weight
    text = quern.import_to_text(folder)
    named = f"tensor<256x512xf32, #{format}>" in text
    assert named or f"= #qt.format<{format}" in text


# ---------------------------------------------------------------------------
# Rows of stored matrices, and several of them as one
# ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SMALL_CASES, "gptq-act"])
def test_fused_projections(fused, tmp_path, name):
    act = (files.gptq(4, 32, desc_act=True), files.gptq_config(4, 32, desc_act=True))
    store, config = SMALL_CASES.get(name, act)
    values = write_checkpoint(fused, tmp_path / "model", store, config)
    model = quern.ReferenceModel(tmp_path / "model")
    for weight, expected in unfused(values).items():
        assert same_bits(model.weight(weight), expected), weight


@pytest.mark.parametrize("name", SMALL_CASES)
def test_experts(experts, tmp_path, name):
    store, config = SMALL_CASES[name]
    values = write_checkpoint(experts, tmp_path / "model", store, config)
    model = quern.ReferenceModel(tmp_path / "model")
    for weight, expected in stacked(values).items():
        assert same_bits(model.weight(weight), expected), weight


@pytest.mark.parametrize("name", ["gptq", "ct-int-tensor", "ct-nvfp4", "fp8", "bnb-nf4"])
@pytest.mark.parametrize("model", ["fused", "experts"])
def test_parts_in_kernels(request, tmp_path, compile_once, model, name):
    store, config = SMALL_CASES[name]
    source = request.getfixturevalue(model)
    write_checkpoint(source, tmp_path / "model", store, config, tmp_path / "numbers")
    tokens = np.random.default_rng(2).integers(0, 320, 24)
    expected = numpy_model(tmp_path / "numbers", np.float64).logits(tokens)
    artifact = compile_once(tmp_path / "model", "", kv_cache="f32")
    for isa, compiled in open_variants(artifact).items():
        np.testing.assert_allclose(
            all_logits(compiled, tokens), expected, rtol=0,
            atol=1e-4 * np.abs(expected).max(), err_msg=isa,
        )  # fmt: skip


QKV = "model.layers.0.self_attn.qkv_proj"
EXPERT = "model.layers.1.mlp.experts.{}.gate_proj"


def test_blocks_that_parts_would_cut(fused, tmp_path):
    store, config = CASES["fp8"][:2]
    assert refusal(fused, tmp_path, store, config) == (
        f"F/model.safetensors: tensor '{QKV}.weight': weight "
        "'model.layers.0.self_attn.q_proj.weight': expects parts that begin and end with blocks "
        "of 128 rows in plane 'scale', but got one at row 96"
    )
    store, config = CASES["bnb-nested"][:2]
    assert refusal(fused, tmp_path, store, config) == (
        f"F/model.safetensors: tensor '{QKV}.weight': weight "
        "'model.layers.0.self_attn.q_proj.weight': expects parts that begin and end with blocks "
        "of 16384 elements, each row of 96, in plane 'scale.scale', but got one at row 96"
    )


def test_experts_that_are_not_alike(experts, tmp_path):
    def mixed(name, weight):
        return files.ct_pack(8 if ".experts.4." in name else 4, 32)(name, weight)

    config = files.ct_config("mixed-precision", ct_weights(4, "group", group_size=32))
    group = config["config_groups"]["group_0"]
    group["format"] = "pack-quantized"
    weights = ct_weights(8, "group", group_size=32)
    other = {**group, "targets": ["re:.*experts.4[.]"], "weights": weights}
    config["config_groups"]["group_1"] = other
    assert refusal(experts, tmp_path, mixed, config) == (
        f"F/model.safetensors: weight '{EXPERT.format(4)}.weight': expects what expert 0 has, "
        "format i4 [1, 32], scale bf16, because one matrix holds all experts of a layer, but got "
        "format i8 [1, 32], scale bf16"
    )


def test_experts_some_of_which_are_numbers(experts, tmp_path):
    def mixed(name, weight):
        if ".experts.4." in name:
            return {".weight": ("F32", weight)}, weight
        return files.awq(32)(name, weight)

    assert refusal(experts, tmp_path, mixed, files.awq_config(32)).endswith(
        "because one matrix holds all experts of a layer, but got numbers"
    )


def test_experts_whose_columns_have_an_order(experts, tmp_path):
    store, config = files.gptq(4, 32, desc_act=True), files.gptq_config(4, 32, desc_act=True)
    assert refusal(experts, tmp_path, store, config) == (
        f"F/model.safetensors: tensor '{EXPERT.format(0)}.qweight': expects columns of experts "
        "in their order, because one matrix holds all experts of a layer, but got a g_idx that "
        "changes it; quantize without desc_act"
    )


def test_experts_of_which_one_is_missing(experts, tmp_path):
    store, config = SMALL_CASES["awq"]

    def change(tensors):
        del tensors[f"{EXPERT.format(3)}.scales"]

    assert refusal(experts, tmp_path, store, config, change) == (
        f"F/model.safetensors: tensor '{EXPERT.format(3)}.qweight': expects "
        f"'{EXPERT.format(3)}.scales' beside it, but there is none"
    )
