# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models written as quantized checkpoints: their tensors mean, by the formulas of
those who read them, what our own decoder says; safetensors reads the files."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import quern
from checkpoint_readers import READERS, fields, read_folder, read_tensors
from quern.cli import main
from safetensors import safe_open
from support import ROOT, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
BODY = "model.layers.*_proj.weight"  # what --format is for

CASES = [
    ("gptq", "int4_g128"),
    ("gptq", "i2 [1, 64], scale bf16"),
    ("gptq", "i3 [1, 64], scale f16"),
    ("gptq", "i8 [1, *], scale f16"),
    ("gptq", "u4 [1, 128], scale f16, zero u4"),
    ("gptq", "u8 [1, 32], scale f16, zero u8"),
    ("gptq", "u2 [1, 64], scale bf16, zero u2"),
    ("gptq", "u3 [1, 64], scale f16, zero u3"),
    ("gptq", "u4 [1, *], scale f16, zero u4"),
    ("gptq/v1", "int4_g128_asym"),
    ("gptq/v1", "u3 [1, 64], scale f16, zero u3"),
    ("gptq/v2", "int4_g128"),
    ("gptq/v2", "i3 [1, 64], scale f16"),
    ("awq", "int4_g128"),
    ("awq", "u4 [1, 64], scale f16, zero u4"),
    ("compressed-tensors", "int4_g128"),
    ("compressed-tensors", "i4 [1, 32], scale bf16"),
    ("compressed-tensors", "i8 [1, *], scale f32"),
    ("compressed-tensors", "i3 [1, 64], scale f16"),
    ("compressed-tensors", "int5_g32"),
    ("compressed-tensors", "u4 [1, 64], scale f16, zero u4"),
    ("compressed-tensors", "u8 [1, *], scale f32, zero u8"),
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
    ("bnb", "bnb_fp4"),
    ("bnb", "bnb_nf4_nested"),
    ("bnb", "bnb_fp4_nested"),
    ("bnb", "codebook @nf4 [1, 128] flat, scale f32"),
    ("fp8", "fp8_block"),
]


@pytest.mark.parametrize(("container", "format"), CASES, ids=str)
def test_what_readers_compute(tmp_path, container, format):
    out = tmp_path / "out"
    quern.export_model(QUERN_6M, out, container, format)
    config = json.loads((out / "config.json").read_text())["quantization_config"]
    tensors = read_tensors(out / "model.safetensors")
    model = quern.ReferenceModel(QUERN_6M, rules=[(BODY, format)])
    read = READERS[container.split("/")[0]]
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
    assert config["ignore"] == ["model.layers.0.self_attn.q_proj", "lm_head"]
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


@pytest.mark.parametrize(
    ("container", "said"),
    [("gptq", ("gptq", True)), ("gptq/v1", ("gptq", True)), ("gptq/v2", ("gptq_v2", True))],
)
def test_signed_codes_are_kept(tmp_path, container, said):
    """Offset binary with the zero point of zero: the same codes in all."""
    quern.export_model(QUERN_6M, tmp_path / "gptq", container, "int4_g128")
    quern.export_model(QUERN_6M, tmp_path / "awq", "awq", "int4_g128")
    quern.export_model(QUERN_6M, tmp_path / "pack", "compressed-tensors", "int4_g128")
    gptq, awq, pack = (read_folder(tmp_path / name)[0] for name in ("gptq", "awq", "pack"))
    config = json.loads((tmp_path / "gptq" / "config.json").read_text())["quantization_config"]
    assert (config["checkpoint_format"], config["sym"]) == said
    name = "model.layers.3.mlp.up_proj"
    codes = fields(pack[f"{name}.weight_packed"], 4)
    assert len(np.unique(codes)) == 15  # scales are amax / 7
    np.testing.assert_array_equal(fields(gptq[f"{name}.qweight"].T, 4), codes)
    stored = 8 - (config["checkpoint_format"] == "gptq")
    assert np.all(fields(gptq[f"{name}.qzeros"], 4) == stored)
    assert np.all(fields(awq[f"{name}.qzeros"], 4) == 8)
    for tensors in (gptq, awq):
        scales = tensors[f"{name}.scales"].T
        assert scales.tobytes() == pack[f"{name}.weight_scale"].tobytes()


LAYER = "weight 'model.layers.0.self_attn.q_proj.weight': expects "
GROUPS = (
    "integers of 2, 3, 4 or 8 bits in groups of columns or in rows, with signs or with zero "
    "points, such as int4_g128 and int4_g128_asym; but "
)


@pytest.mark.parametrize(
    ("container", "format", "message"),
    [
        ("gptq", "q4_k", LAYER + "a format that gptq holds: " + GROUPS + "got q4_k (u4 [1, 32], "
         "scale (u6 [1, 8], scale f16), min (u6 [1, 8], scale f16)); give the weight another by "
         "--format or --rule"),
        ("awq", "u8 [1, 32], scale f16, zero u8", LAYER + "a format that awq holds: integers of "
         "4 bits in groups"),
        ("bnb", "nf4", LAYER + "a format that bnb holds: bnb_nf4, bnb_fp4, bnb_nf4_nested and "
         "bnb_fp4_nested; but got nf4 ("),
        ("bnb/fp4", "bnb_nf4", LAYER + "a format that bnb holds"),
        ("fp8", "fp8_tensor", LAYER + "a format that fp8 holds: fp8_block; but got fp8_tensor ("),
        ("compressed-tensors", "iq4_nl", LAYER + "a format that compressed-tensors holds: "),
        ("compressed-tensors", "nvfp4", LAYER + "a format that compressed-tensors holds: "),
        ("gptq", "", "expects weights in a format that gptq holds: " + GROUPS + "all are numbers; "
         "quantize the model by quern quantize --format"),
        ("onnx-like", "", "expects a container that models can be written as, gguf, onnx, "
         "openvino, compressed-tensors, gptq, awq, bnb, fp8, but got 'onnx-like'"),
        ("gptq/v3", "int4_g128", "expects a variant, v1, v2, behind 'gptq/', but got 'v3'"),
        ("fp8/e4m3", "fp8_block", "expects no variant behind 'fp8/', but got 'e4m3'"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_container_does_not_hold(tmp_path, container, format, message):
    found = error_of(QUERN_6M, tmp_path / "out", container, format)
    assert found.startswith(message), found
    assert list(tmp_path.iterdir()) == []


def change_tensor(folder: Path, name: str, change) -> None:
    """Replaces a BF16 tensor of a folder's file by what `change` makes of its bits."""
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    begin = 8 + int.from_bytes(data[:8], "little")
    first, last = json.loads(data[8:begin])[name]["data_offsets"]
    bits = np.frombuffer(data[begin + first : begin + last], np.uint16)
    data[begin + first : begin + last] = change(bits).tobytes()
    path.write_bytes(data)


def test_a_zero_point_that_v1_has_no_place_for(tmp_path):
    """A group of positive numbers has a zero point of 0, which v2 can store."""
    folder = tmp_path / "model"
    shutil.copytree(QUERN_6M, folder)
    name = "model.layers.0.self_attn.q_proj.weight"
    change_tensor(folder, name, lambda bits: bits & 0x7FFF)
    message = error_of(folder, tmp_path / "v1", "gptq/v1", "int4_g128_asym")
    assert message == (
        f"weight '{name}': plane 'zero': expects codes of at least 1, because they are stored "
        "less 1, but got 0"
    )
    assert not (tmp_path / "v1").exists()
    quern.export_model(folder, tmp_path / "v2", "gptq/v2", "int4_g128_asym")
    zeros = read_folder(tmp_path / "v2")[0][name.replace("weight", "qzeros")]
    assert not zeros.any()


def test_extents_that_do_not_fit(tmp_path):
    """16 rows of 3 bits are no whole words; which numbers, and what to do, is said."""
    quern.synthesize("tiny-mqa", tmp_path / "model")
    found = error_of(tmp_path / "model", tmp_path / "out", "gptq", "i3 [1, *], scale f16")
    assert found == (
        "weight 'model.layers.0.self_attn.k_proj.weight': expects extents that gptq holds in "
        "i3 [1, *], scale f16, but got [16, 96]: qzeros: in 'rows*3/32': expects a multiple of "
        "32, but got 48; give the weight another by --rule"
    )
    rules = [("*.k_proj.weight", "bf16"), ("*.v_proj.weight", "bf16")]
    quern.export_model(
        tmp_path / "model", tmp_path / "out", "gptq", "i3 [1, *], scale f16", rules=rules
    )
    config = json.loads((tmp_path / "out" / "config.json").read_text())["quantization_config"]
    assert config["group_size"] == -1
    assert "-:^model.layers.1.self_attn.v_proj$" in config["dynamic"]


def test_an_embedding_is_not_quantized(tmp_path):
    rules = [("model.embed_tokens.weight", "int4_g128_asym")]
    assert error_of(QUERN_6M, tmp_path / "out", "gptq", "int4_g128_asym", rules=rules) == (
        "weight 'model.embed_tokens.weight': expects numbers, because gptq quantizes linear "
        "layers only, but got int4_g128_asym (u4 [1, 128], scale f16, zero u4); have it decoded "
        "by quern quantize --rule 'model.embed_tokens.weight=bf16'"
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
    found = READERS["compressed-tensors"](tensors, name, config["quantization_config"])
    expected = quern.ReferenceModel(tmp_path / "m.gguf").weight(f"{name}.weight")
    np.testing.assert_array_equal(found, expected)
    text = "She opened the door"
    ours, theirs = quern.Tokenizer(out), quern.Tokenizer(QUERN_6M)
    np.testing.assert_array_equal(ours.encode_prompt(text), theirs.encode_prompt(text))


def test_shards(tmp_path):
    """Each file has weights whole, and the index says where a tensor is."""
    quern.export_model(QUERN_6M, tmp_path / "one", "gptq", "int4_g128")
    quern.export_model(QUERN_6M, tmp_path / "many", "gptq", "int4_g128", shard_bytes=2_000_000)
    one, _ = read_folder(tmp_path / "one")
    many, files = read_folder(tmp_path / "many")
    assert one.keys() == many.keys() and len(files) == 3
    assert all(one[name].tobytes() == many[name].tobytes() for name in one)
    index = json.loads((tmp_path / "many" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in one.values())
    for number, names in enumerate(files, 1):
        file = f"model-{number:05}-of-00003.safetensors"
        assert {name for name, place in index["weight_map"].items() if place == file} == names
        assert sum(many[name].nbytes for name in names) <= 2_000_000 or len(names) == 1
        modules = {name.removesuffix(".qweight") for name in names if name.endswith(".qweight")}
        for module in modules:
            assert {f"{module}.{end}" for end in ("qzeros", "scales", "g_idx")} <= names


def test_tokens_of_a_file(tmp_path):
    quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf", "q8_0")
    out, rules = tmp_path / "out", [("model.embed_tokens.weight", "bf16")]
    quern.export_model(tmp_path / "m.gguf", out, "compressed-tensors", rules=rules)
    before, after = (json.loads((path / "config.json").read_text()) for path in (QUERN_6M, out))
    for key in ("bos_token_id", "eos_token_id"):
        assert after[key] == before[key] is not None


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    message = error_of(QUERN_6M, tmp_path / "out", "gptq", "int4_g128_asym")
    assert message.startswith(f"{tmp_path}/out: is not replaced: it is not empty")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def run_export(out: Path, prepare: str) -> subprocess.CompletedProcess[str]:
    script = textwrap.dedent(f"""
        import os, quern, resource, signal
        {prepare}
        quern.export_model({str(QUERN_6M)!r}, {str(out)!r}, "awq", "int4_g128_asym",
                           progress=progress)
    """)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_a_killed_run_leaves_no_folder(tmp_path, fraction):
    out = tmp_path / "out"
    done = run_export(
        out,
        "progress = lambda stage, done: stage == 'weights' and done >= "
        f"{fraction} and os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert done.returncode == -signal.SIGKILL
    assert not out.exists()
    quern.export_model(QUERN_6M, out, "awq", "int4_g128_asym")
    assert (out / "model.safetensors").exists()


def test_a_full_disk_names_the_file(tmp_path):
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); progress = None; " + (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, {resource.RLIM_INFINITY}))"
    )
    done = run_export(tmp_path / "out", limit)
    assert done.returncode == 1
    assert "/model.safetensors: cannot be given " in done.stderr
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shape", "weight", "what"),
    [
        ("tiny-phi3", "self_attn.q_proj", "a part of the tensor 'model.layers.0.self_attn.qkv_"),
        ("tiny-gpt2", "self_attn.q_proj", "a part of the tensor 'transformer.h.0.attn."),
        ("tiny-mixtral", "mlp.experts.gate_proj", "one of the tensors 'model.layers.0.block_"),
    ],
)
def test_models_whose_tensors_are_fused(tmp_path, shape, weight, what):
    quern.synthesize(shape, tmp_path / "model")
    found = error_of(tmp_path / "model", tmp_path / "out", "gptq", "i4 [1, *], scale f16")
    expected = (
        f"weight 'model.layers.0.{weight}.weight': expects a weight that is a tensor of the "
        "model's files, because checkpoints of models whose tensors are fused or stacked are not "
        f"written, but got {what}"
    )
    assert found.startswith(expected), found
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("shape", ["tiny-mistral", "tiny-qwen2", "tiny-gemma2", "tiny-gemma3"])
def test_families(tmp_path, shape):
    """Whatever is no linear layer is carried along: windows, biases, caps."""
    model, out = tmp_path / "model", tmp_path / "out"
    quern.synthesize(shape, model)
    quern.export_model(model, out, "compressed-tensors", "int4_g32")
    before, after = (read_folder(path)[0] for path in (model, out))
    config = json.loads((out / "config.json").read_text())
    quantization = config.pop("quantization_config")
    assert config == json.loads((model / "config.json").read_text())
    for name, tensor in before.items():
        if name.endswith("_proj.weight"):
            module = name.removesuffix(".weight")
            found = READERS["compressed-tensors"](after, module, quantization)
            assert np.abs(found - tensor.astype(np.float32)).max() < 0.02
        else:
            assert after[name].tobytes() == tensor.tobytes(), name


def test_commands(tmp_path, capfd):
    out = str(tmp_path / "out")
    arguments = ("--format", "int4_g128_asym", "--container", "awq", "-o", out)
    assert main(("quantize", str(QUERN_6M), *arguments)) == 0
    assert "14 BF16, 42 F16, 84 I32" in capfd.readouterr().out
    out = str(tmp_path / "shards")
    options = ("--format", "int4_g128_asym", "--container", "gptq/v2", "--shard-size", "2MB")
    assert main(("quantize", str(QUERN_6M), *options, "-o", out)) == 0
    assert len(list(Path(out).glob("*.safetensors"))) == 3
    with pytest.raises(SystemExit):
        main(("export", str(QUERN_6M), "--container", "awq", "--shard-size", "2XB", "-o", out))
    assert "expects a number of bytes such as 500MB or 5GB" in capfd.readouterr().err
