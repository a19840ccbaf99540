# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GGUF files, whole: read, compiled, run, and held against the gguf package and
against Hugging Face folders of the same numbers."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
import quern
from gguf import GGMLQuantizationType as Type
from gguf_files import (
    FAMILIES,
    TYPES,
    gguf_models,
    random_blocks,
    synthesize_family,
    write_gguf,
)
from numpy_families import numpy_model
from numpy_llama import NumpyLlama
from quern import synth
from quern.cli import main
from support import (
    DATA,
    ODD_TEXTS,
    ROOT,
    all_logits,
    needs_compiler,
    needs_data,
    open_variants,
    same_tokens,
)

pytestmark = needs_compiler

U32, U64, F32, BOOL, STRING, ARRAY = (
    gguf.GGUFValueType[name] for name in ("UINT32", "UINT64", "FLOAT32", "BOOL", "STRING", "ARRAY")
)
QUERN_6M = ROOT / "examples" / "quern-6m"


def logits_of(artifact: Path, tokens: np.ndarray) -> dict[str, np.ndarray]:
    return {isa: all_logits(model, tokens) for isa, model in open_variants(artifact).items()}


def error_of(path: Path) -> str:
    with pytest.raises(quern.QuernError) as raised:
        quern.import_to_text(path)
    assert str(raised.value).startswith(f"{path}: "), raised.value
    return str(raised.value).removeprefix(f"{path}: ")


# ---------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------


@pytest.mark.client("gguf", "gguf", "read")
def test_every_type_to_the_bit(mixed):
    """What each block stands for is what the gguf package says, rows of queries
    and keys put back in order, and as the artifact's weights are read."""
    numbers = gguf_models.read_safetensors(mixed / "numbers" / "model.safetensors")
    held = {tensor.tensor_type for tensor in gguf.GGUFReader(mixed / "m.gguf").tensors}
    assert held == {Type.F32, *TYPES}
    model = quern.ReferenceModel(mixed / "m.gguf")
    for name, values in numbers.items():
        found = model.weight(name)
        assert found.tobytes() == values.tobytes(), name


@pytest.mark.client("gguf", "gguf", "read")
def test_every_type_in_kernels(mixed, compile_once):
    """Codes that were packed as they are, through kernels."""
    tokens = np.random.default_rng(2).integers(0, 320, 24)
    expected = NumpyLlama(mixed / "numbers", np.float64).logits(tokens)
    tolerance = 1e-4 * np.abs(expected).max()
    artifact = compile_once(mixed / "m.gguf", "", kv_cache="f32")
    described = {tensor.name: tensor for tensor in quern.inspect(artifact).tensors}
    stored = {tensor.name: tensor for tensor in quern.inspect(mixed / "m.gguf").tensors}
    for name in ("q_proj", "v_proj"):
        weight = described[f"model.layers.0.self_attn.{name}.weight"]
        assert weight.encoding == stored[f"blk.0.attn_{name[0]}.weight"].encoding
    for isa, logits in logits_of(artifact, tokens).items():
        np.testing.assert_allclose(logits, expected, rtol=0, atol=tolerance, err_msg=isa)


@pytest.mark.client("gguf", "gguf", "read")
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
def test_numbers_give_equal_logits(tmp_path, compile_once, dtype):
    """The same weights, the same codes, the same logits to the bit."""
    quern.synthesize("tiny-llama", tmp_path / "model", dtype=dtype)
    write_gguf(tmp_path / "model", tmp_path / "m.gguf")
    tokens = np.random.default_rng(3).integers(0, 320, 30)
    from_folder = logits_of(compile_once(tmp_path / "model", ""), tokens)
    from_file = logits_of(compile_once(tmp_path / "m.gguf", ""), tokens)
    for isa, logits in from_folder.items():
        np.testing.assert_array_equal(from_file[isa], logits, err_msg=isa)


@pytest.mark.client("gguf", "gguf", "read")
def test_q8_0_is_what_the_folder_is_quantized_to(tmp_path, compile_once):
    """ggml's Q8_0 and ours round alike, so the packed bytes are equal, too."""
    write_gguf(QUERN_6M, tmp_path / "m.gguf", lambda name: Type.Q8_0)
    from_file = compile_once(tmp_path / "m.gguf", "", compute="int8", target="host")
    from_folder = compile_once(QUERN_6M, "Q8_0", compute="int8", target="host")
    name = "weights.safetensors"
    assert payload(from_file / name) == payload(from_folder / name)


def payload(path: Path) -> bytes:
    """The bytes of the tensors of a safetensors file, without its header."""
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


@pytest.mark.client("gguf", "gguf", "read")
def test_q4_k_is_the_numbers_it_stands_for(tmp_path, compile_once):
    write_gguf(
        QUERN_6M, tmp_path / "m.gguf", lambda name: Type.Q4_K, dequantized=tmp_path / "numbers"
    )
    tokens = np.random.default_rng(4).integers(0, 4096, 30)
    from_file = logits_of(compile_once(tmp_path / "m.gguf", "", kv_cache="f32"), tokens)
    from_folder = logits_of(compile_once(tmp_path / "numbers", "", kv_cache="f32"), tokens)
    for isa, logits in from_folder.items():
        tolerance = 1e-4 * np.abs(logits).max()
        np.testing.assert_allclose(from_file[isa], logits, rtol=0, atol=tolerance, err_msg=isa)


@pytest.mark.client("gguf", "gguf", "read")
@pytest.mark.parametrize("name", ["tiny-llama3", "tiny-mqa", "tiny-qwen2", "tiny-qwen3"])
def test_families(tmp_path, compile_once, name):
    """Scaled rope, untied output, biases, norms of heads."""
    quern.synthesize(name, tmp_path / "model", seed=5)
    write_gguf(tmp_path / "model", tmp_path / "m.gguf")
    tokens = np.random.default_rng(1).integers(0, 320, 60)
    expected = NumpyLlama(tmp_path / "model", np.float64).logits(tokens)
    tolerance = 1e-4 * np.abs(expected).max()
    found = logits_of(compile_once(tmp_path / "m.gguf", "", kv_cache="f32"), tokens)
    for isa, logits in found.items():
        np.testing.assert_allclose(logits, expected, rtol=0, atol=tolerance, err_msg=isa)


@pytest.mark.parametrize("name", FAMILIES)
def test_families_with_files_of_their_own(tmp_path, compile_once, name):
    """Norms that hold one more, soft caps, windows and their frequencies, fused
    projections, factors of frequencies, experts: the module is the one that the
    folder becomes, and so are its logits."""
    synthesize_family(name, tmp_path / "model", seed=5, dtype="f32")
    write_gguf(tmp_path / "model", tmp_path / "m.gguf")
    assert shape_of_graph(tmp_path / "m.gguf") == shape_of_graph(tmp_path / "model")
    tokens = np.random.default_rng(1).integers(0, 320, 60)
    expected = numpy_model(tmp_path / "model", np.float64).logits(tokens)
    tolerance = 1e-4 * np.abs(expected).max()
    found = logits_of(compile_once(tmp_path / "m.gguf", "", kv_cache="f32"), tokens)
    for isa, logits in found.items():
        np.testing.assert_allclose(logits, expected, rtol=0, atol=tolerance, err_msg=isa)


def shape_of_graph(path: Path) -> list[str]:
    """The operations of the imported module, without the values of weights, and
    without numbers that went through another unit, such as frequencies."""
    text = quern.import_to_text(path)
    text = re.sub(r"inverse_frequencies = array<[^>]*>", "", text)
    text = re.sub(r"(magnitude|cap|scale|eps) ?=? [-+.e0-9]+( : f32)?", r"\1", text)
    lines = [line for line in text.splitlines() if "param.global" not in line]
    return [line for line in lines if not line.startswith("#")]


FLAT_TYPES = (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.IQ4_NL, Type.MXFP4)


@pytest.mark.parametrize("name", FAMILIES)
def test_codes_of_fused_tensors_and_of_experts(tmp_path, compile_once, name):
    """Rows of a tensor of blocks, and blocks of three extents, to the bit; the
    kernels take their codes."""
    wide = {"hidden": 256, "intermediate": 512, "heads": 4, "kv_heads": 2, "head_dim": 64}
    is_wide = name == "tiny-mixtral"
    synthesize_family(name, tmp_path / "model", seed=5, **(wide if is_wide else {}))
    kinds = itertools.cycle(TYPES if is_wide else FLAT_TYPES)
    numbers = tmp_path / "numbers"
    write_gguf(
        tmp_path / "model", tmp_path / "m.gguf",
        lambda name: None if name.endswith(".gate.weight") else next(kinds), dequantized=numbers,
    )  # fmt: skip
    from_file = quern.ReferenceModel(tmp_path / "m.gguf")
    from_folder = quern.ReferenceModel(numbers)
    for weight in re.findall(r"param.global @(\S+)", quern.import_to_text(numbers)):
        found, expected = from_file.weight(weight), from_folder.weight(weight)
        np.testing.assert_array_equal(found, expected, err_msg=weight)
    tokens = np.random.default_rng(2).integers(0, 320, 30)
    expected = numpy_model(numbers, np.float64).logits(tokens)
    tolerance = 1e-4 * np.abs(expected).max()
    artifact = compile_once(tmp_path / "m.gguf", "", kv_cache="f32")
    assert {tensor.encoding for tensor in quern.inspect(artifact).tensors} > {"q4_0", "q8_0"}
    for isa, logits in logits_of(artifact, tokens).items():
        np.testing.assert_allclose(logits, expected, rtol=0, atol=tolerance, err_msg=isa)


def test_windows_by_layer(tmp_path):
    """A list says it for each layer, a number for every so many, and silence is
    the family's way."""
    synthesize_family("tiny-gemma3", tmp_path / "model", layers=7)
    write_gguf(tmp_path / "model", tmp_path / "m.gguf")
    key = "sliding_window_pattern"
    flags = [False, True, True, False, True, False, True]
    listed = ("gemma3.attention." + key, ARRAY, flags)
    for change, add, windows in (
        (replaced(**{key: 2}), [], "1010101"),
        (replaced(**{key: None}), [], "1111101"),
        (replaced(**{key: None}), [listed], "".join(str(int(flag)) for flag in flags)),
    ):
        path = rewrite(tmp_path / "m.gguf", tmp_path / "again.gguf", change, add)
        lines = [line for line in quern.import_to_text(path).splitlines() if "nn.attention" in line]
        found = "".join(str(int(" window 24" in line)) for line in lines)
        assert found == windows
    short = ("gemma3.attention." + key, ARRAY, flags[:5])
    path = rewrite(tmp_path / "m.gguf", tmp_path / "short.gguf", replaced(**{key: None}), [short])
    assert error_of(path) == (
        "key 'gemma3.attention.sliding_window_pattern': expects an entry for each of the 7 layers, "
        "but got 5"
    )


def test_biases_of_llama_are_put_back_in_order(tmp_path, compile_once):
    shape = synth.Shape(96, 160, 2, 6, 2, 16, 320, 256, family="qwen2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "biased", shape)
        quern.synthesize("biased", tmp_path / "model", seed=6)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    expected = NumpyLlama(tmp_path / "model", np.float64)
    config["model_type"] = "llama"
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    write_gguf(tmp_path / "model", tmp_path / "m.gguf")
    tokens = np.random.default_rng(1).integers(0, 320, 30)
    logits = expected.logits(tokens)
    for found in logits_of(compile_once(tmp_path / "m.gguf", "", kv_cache="f32"), tokens).values():
        np.testing.assert_allclose(found, logits, rtol=0, atol=1e-4 * np.abs(logits).max())


def test_another_format_is_coded_again(mixed, tmp_path):
    report = quern.compile_model(mixed / "m.gguf", tmp_path / "out", "Q8_0", target="host")
    assert any("stored as q4_k; decoded and coded again as q8_0" in n for n in report["notes"])
    encodings = {t.encoding for t in quern.inspect(tmp_path / "out").tensors if len(t.shape) == 2}
    assert encodings == {"q8_0"}
    numbers = quern.ReferenceModel(mixed / "numbers", "Q8_0")
    again = quern.ReferenceModel(mixed / "m.gguf", "Q8_0")
    for name in ("model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.up_proj.weight"):
        np.testing.assert_array_equal(again.weight(name), numbers.weight(name))


def test_rules_change_some(mixed):
    rule = ("*.0.self_attn.q_proj.weight", "f32")
    plain = quern.ReferenceModel(mixed / "m.gguf", rules=[rule])
    kept = quern.ReferenceModel(mixed / "m.gguf")
    for part in ("q_proj", "k_proj"):
        name = f"model.layers.0.self_attn.{part}.weight"
        np.testing.assert_array_equal(plain.weight(name), kept.weight(name))


@pytest.mark.parametrize("factor", [None, 0.25])
def test_nvfp4_with_and_without_the_factor_of_the_tensor(wide, tmp_path, factor):
    """The gguf package decodes no factor: it is a tensor beside the blocks."""
    random = np.random.default_rng(7)
    blocks = random.integers(0, 256, (512, 256 // 64, 36), np.uint8)
    blocks[..., :4] = random.integers(0x20, 0x30, (512, 4, 4), np.uint8)
    name = "model.layers.0.mlp.up_proj.weight"
    write_with_blocks(wide, tmp_path / "m.gguf", name, blocks, Type.NVFP4, factor)
    e2m1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    codes = np.empty((512, 4, 4, 16), np.uint8)
    nibbles = blocks[..., 4:].reshape(512, 4, 4, 8)
    codes[..., :8], codes[..., 8:] = nibbles & 15, nibbles >> 4
    values = np.where(codes & 8, -1, 1) * e2m1[codes & 7]
    exponents, mantissas = blocks[..., :4] >> 3, blocks[..., :4] & 7
    scales = np.ldexp(1 + mantissas / 8, exponents.astype(int) - 7) * (factor or 1)
    expected = (values * scales[..., None].astype(np.float32)).astype(np.float32)
    found = quern.ReferenceModel(tmp_path / "m.gguf").weight(name)
    np.testing.assert_array_equal(found, expected.reshape(512, 256))
    for code in (0x7F, 0xFF):  # row 40
        blocks[3, 2, 1] = code
        write_with_blocks(wide, tmp_path / "bad.gguf", name, blocks, Type.NVFP4, factor)
        assert weight_error(tmp_path / "bad.gguf", tmp_path).endswith(
            "tensor 'blk.0.ffn_up.weight': expects finite values, but got NaN in plane 'scale' "
            "for row 3, columns 144 to 159"
        )


def write_with_blocks(folder, out, name, blocks, kind, factor=None):
    """As write_gguf, with these blocks for one weight."""
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(out, "llama")
    gguf_models.write_facts(writer, config)
    writer.add_tokenizer_model("none")
    for tensor, array in gguf_models.read_safetensors(folder / "model.safetensors").items():
        values = gguf_models.as_floats(array)
        if tensor != name:
            writer.add_tensor(gguf_models.gguf_name(tensor), values)
            continue
        writer.add_tensor(
            gguf_models.gguf_name(name), blocks.reshape(len(blocks), -1), raw_dtype=kind
        )
        if factor:
            scale = gguf_models.gguf_name(name).replace(".weight", ".scale")
            writer.add_tensor(scale, np.array([factor], np.float32))
    gguf_models.finish(writer)


def weight_error(path: Path, folder: Path) -> str:
    with pytest.raises(quern.QuernError) as raised:
        quern.compile_model(path, folder / "out", target="host")
    assert not (folder / "out").exists()
    return str(raised.value)


# Row 39 of the list of bad inputs.
@pytest.mark.parametrize(
    ("kind", "offset", "half", "message"),
    [
        (Type.Q8_0, 0, np.nan, "NaN in plane 'scale' for row 3, columns 64 to 95"),
        (Type.Q4_K, 2, np.inf, "infinity in plane 'min.scale' for row 1, columns 0 to 255"),
        (Type.MXFP4, 0, None, "NaN in plane 'scale' for row 3, columns 64 to 95"),
    ],
)
def test_bad_values_are_found(wide, tmp_path, kind, offset, half, message):
    blocks = random_blocks(kind, 512, 256, 1)
    size = gguf.GGML_QUANT_SIZES[kind][1]
    flat = blocks.reshape(-1, size)
    place = 3 * 8 + 2 if kind != Type.Q4_K else 1
    value = [255] if half is None else np.frombuffer(np.float16(half).tobytes(), np.uint8)
    flat[place, offset : offset + len(value)] = value
    name = "model.layers.0.mlp.up_proj.weight"
    write_with_blocks(wide, tmp_path / "m.gguf", name, blocks, kind)
    assert weight_error(tmp_path / "m.gguf", tmp_path) == (
        f"weight '{name}': {tmp_path / 'm.gguf'}: tensor 'blk.0.ffn_up.weight': expects finite "
        f"values, but got {message}"
    )


def test_bad_numbers_are_found(tmp_path):
    quern.synthesize("tiny-llama", tmp_path / "model", dtype="f32")
    write_gguf(tmp_path / "model", tmp_path / "m.gguf")
    data = bytearray((tmp_path / "m.gguf").read_bytes())
    data[-4:] = struct.pack("<f", np.nan)
    (tmp_path / "m.gguf").write_bytes(data)
    assert "expects finite values, but got NaN in row" in weight_error(
        tmp_path / "m.gguf", tmp_path
    )


# ---------------------------------------------------------------------------
# Metadata: rows 41 to 45
# ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-gguf")
    quern.synthesize("tiny-llama", folder / "model")
    write_gguf(folder / "model", folder / "m.gguf", pre="gpt-2")
    return folder / "m.gguf"


def rewrite(source: Path, out: Path, change=lambda key, value: value, add=(), tensors=()):
    """Copies a file. change(key, field) gives a value to write instead, None to
    leave it out; `add`: (key, type, value) triples; `tensors`: changes by name, None
    to leave one out."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(out, "any")
    writer.kv_data[0].clear()
    for key, field in reader.fields.items():
        if key.startswith("GGUF."):
            continue
        value = change(key, field.contents())
        if value is None:
            continue
        kind, *inner = field.types
        writer.add_key_value(key, value, kind, inner[-1] if inner else None)
    for key, kind, value in add:
        writer.kv_data[0].pop(key, None)
        inner = None
        if isinstance(value, list):
            inner = BOOL if isinstance(value[0], bool) else STRING
        writer.add_key_value(key, value, kind, inner)
    changes = dict(tensors)
    for tensor in reader.tensors:
        data = changes.pop(tensor.name, tensor.data)
        if data is not None:
            raw = tensor.tensor_type if data.dtype == np.uint8 else None
            writer.add_tensor(tensor.name, np.ascontiguousarray(data), raw_dtype=raw)
    for name, data in changes.items():
        writer.add_tensor(name, data)
    gguf_models.finish(writer)
    return out


def replaced(**values):
    """Gives the keys that end so other values."""
    names = {name.replace("__", "."): value for name, value in values.items()}

    def change(key, value):
        return next((v for name, v in names.items() if key.endswith(name)), value)

    return change


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"general__architecture": None},
            "key 'general.architecture': expects a value of type string, but there is none",
        ),
        (
            {"general__architecture": "mamba"},
            "key 'general.architecture': expects 'llama', 'qwen2', 'qwen3', 'qwen3moe', 'gemma2', "
            "'gemma3' or 'phi3', but got 'mamba'",
        ),
        (
            {"embedding_length": None},
            "key 'llama.embedding_length': expects a value of type u32, but there is none",
        ),
        (
            {"attention__head_count": 0},
            "key 'llama.attention.head_count': expects a number from 1 to 65536, but got 0",
        ),
        (
            {"block_count": 10**9},
            "key 'llama.block_count': expects a number from 1 to 65536, but got 1000000000",
        ),
        (
            {"embedding_length": 97, "key_length": None, "value_length": None},
            "key 'llama.embedding_length': expects a multiple of attention.head_count, which is "
            "6, but got 97",
        ),
        (
            {"head_count_kv": 4},
            "key 'llama.attention.head_count': expects a multiple of attention.head_count_kv, "
            "which is 4, but got 6",
        ),
        (
            {"dimension_count": 8},
            "key 'llama.rope.dimension_count': expects the width of a head, 16, but got 8",
        ),
        (
            {"layer_norm_rms_epsilon": float("nan")},
            "key 'llama.attention.layer_norm_rms_epsilon': expects a number from 1e-30 to 1, but "
            "got nan",
        ),
        (
            {"vocab_size": 321},
            "key 'llama.vocab_size': expects the number of tokens, 320, but got 321",
        ),
        (
            {"block_count": 3},
            "missing tensors: 'blk.2.attn_norm.weight', 'blk.2.attn_q.weight', "
            "'blk.2.attn_k.weight', 'blk.2.attn_v.weight', 'blk.2.attn_output.weight', "
            "'blk.2.ffn_norm.weight', 'blk.2.ffn_gate.weight', 'blk.2.ffn_up.weight' and 1 more",
        ),
        (
            {"feed_forward_length": 161},
            "tensor 'blk.0.ffn_gate.weight': expects shape [161, 96], but got [160, 96]",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_metadata_that_makes_no_model(tiny_file, tmp_path, values, message):
    path = rewrite(tiny_file, tmp_path / "m.gguf", replaced(**values))
    assert error_of(path) == message


@pytest.mark.parametrize(
    ("key", "kind", "value", "message"),
    [
        ("llama.block_count", U64, 2, "expects a value of type u32, but got one of type u64"),
        ("llama.rope.scaling.type", STRING, "yarn", "expects 'none', 'linear' or 'longrope', but "
         "got unsupported 'yarn'"),
        ("llama.expert_shared_count", U32, 8, "expects 0 or none, but got 8"),
        ("llama.expert_weights_scale", F32, 2.5, "expects 1 or none, but got 2.500000"),
        ("llama.attention.sliding_window", U32, 32, "expects 0 or none, but got 32"),
    ],
)  # fmt: skip
def test_values_that_are_not_supported(tiny_file, tmp_path, key, kind, value, message):
    path = rewrite(tiny_file, tmp_path / "m.gguf", add=[(key, kind, value)])
    assert error_of(path) == f"key '{key}': {message}"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("output_norm.weight", None, "missing tensors: 'output_norm.weight'"),
        (
            "blk.9.ffn_up.weight",
            np.zeros((2, 2), np.float32),
            "expects only tensors of a llama model with 2 layers, but got unknown tensors: "
            "'blk.9.ffn_up.weight'",
        ),
        (
            "output_norm.weight",
            np.zeros(96, np.int8),
            "tensor 'output_norm.weight': expects element type F32, F16 or BF16, but got I8",
        ),
        (
            "rope_freqs.weight",
            np.zeros(8, np.float32),
            "key 'llama.rope': rope_freqs.weight: expects factors from 1e-06 to 1e+06, but got "
            "0.000000 for pair 0",
        ),
    ],
)
def test_tensors_that_make_no_model(tiny_file, tmp_path, name, data, message):
    path = rewrite(tiny_file, tmp_path / "m.gguf", tensors=[(name, data)])
    assert error_of(path) == message


def test_shards(tiny_file, tmp_path):
    """gguf's own writer cuts the file; the shards are the model."""
    reader = gguf.GGUFReader(tiny_file)
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama", split_max_tensors=8)
    config = json.loads((tiny_file.parent / "model" / "config.json").read_text())
    gguf_models.write_facts(writer, config)
    writer.add_tokenizer_model("none")
    for tensor in reader.tensors:
        raw = tensor.tensor_type if tensor.data.dtype == np.uint8 else None
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=raw)
    gguf_models.finish(writer)
    shards = sorted(tmp_path.glob("*.gguf"))
    assert len(shards) == 3
    assert quern.import_to_text(shards[0]) == quern.import_to_text(tiny_file)
    shards[1].unlink()
    assert (
        error_of(shards[0]) == f"shard set incomplete: expects 3 files, but there is no {shards[1]}"
    )


# ---------------------------------------------------------------------------
# Tokenizers, row 43
# ---------------------------------------------------------------------------


def test_byte_level_tokenizer(tmp_path, compile_once):
    write_gguf(QUERN_6M, tmp_path / "m.gguf", pre="llama-bpe")
    lines = (ROOT / "examples" / "quern-6m-eval.txt").read_text().splitlines()
    same_tokens(
        quern.Tokenizer(compile_once(tmp_path / "m.gguf", "", target="host")),
        quern.Tokenizer(QUERN_6M),
        lines + ODD_TEXTS,
    )


@needs_data("lm/stories260K", "text/tinystories_val.txt")
def test_sentencepiece_tokenizer(tmp_path, compile_once):
    """Scores alone give llama2.c's tokens."""
    folder = DATA / "lm" / "stories260K"
    scores, data = [], (folder / "tok512.bin").read_bytes()
    place = 4
    while place < len(data):
        score, length = struct.unpack_from("<fI", data, place)
        scores.append(score)
        place += 8 + length
    write_gguf(folder, tmp_path / "m.gguf", scores=scores)
    lines = (DATA / "text" / "tinystories_val.txt").read_text().splitlines()[:300]
    same_tokens(
        quern.Tokenizer(compile_once(tmp_path / "m.gguf", "", target="host")),
        quern.Tokenizer(folder),
        lines + ODD_TEXTS,
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"token_type": [1] * 319},
            "key 'tokenizer.ggml.token_type': tokenizer inconsistency: expects one entry for "
            "each of the 320 tokens, but got 319",
        ),
        (
            {"merges": None},
            "key 'tokenizer.ggml.merges': tokenizer inconsistency: expects merges, because the "
            "tokenizer is 'gpt2', but there are none",
        ),
        (
            {"bos_token_id": 320},
            "key 'tokenizer.ggml.bos_token_id': tokenizer inconsistency: expects the number of a "
            "token, below 320, but got 320",
        ),
        (
            {"tokens": ["a"] * 320},
            "key 'tokenizer.ggml.tokens': tokenizer inconsistency: expects distinct tokens, but "
            "'a' is 0 and 1",
        ),
        (
            {"pre": "unheard-of"},
            "key 'tokenizer.ggml.pre': expects one of 'gpt-2', 'llama-bpe', 'qwen2', but got "
            "'unheard-of'",
        ),
        (
            {"ggml__model": "bert"},
            "key 'tokenizer.ggml.model': expects a tokenizer 'gpt2', 'llama' or 'none', but got "
            "'bert'",
        ),
        (
            {"ggml__model": "llama"},
            "key 'tokenizer.ggml.scores': tokenizer inconsistency: expects scores, because the "
            "tokenizer is 'llama', but there are none",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_tokenizers_that_contradict_themselves(tiny_file, tmp_path, values, message):
    path = rewrite(tiny_file, tmp_path / "m.gguf", replaced(**values))
    with pytest.raises(quern.QuernError) as raised:
        quern.compile_model(path, tmp_path / "out", target="host")
    assert str(raised.value) == f"{path}: {message}"
    assert not (tmp_path / "out").exists()


def test_merges_of_unknown_tokens(tiny_file, tmp_path):
    merges = ("tokenizer.ggml.merges", ARRAY, ["a b", "nothing known"])
    tokens = [*(f"t{i}" for i in range(317)), "a", "b", "ab"]
    path = rewrite(tiny_file, tmp_path / "m.gguf", replaced(tokens=tokens), add=[merges])
    with pytest.raises(quern.QuernError) as raised:
        quern.compile_model(path, tmp_path / "out", target="host")
    assert str(raised.value) == (
        f"{path}: key 'tokenizer.ggml.merges': tokenizer inconsistency: expects two tokens that "
        "together are one, but got 'nothing known'"
    )


# ---------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------


def test_commands_take_a_file(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("QUERN_CACHE", str(tmp_path / "cache"))
    write_gguf(QUERN_6M, tmp_path / "m.gguf", lambda name: Type.Q8_0, pre="llama-bpe")
    model = str(tmp_path / "m.gguf")

    def run(*arguments: str) -> str:
        assert main(arguments) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    assert "#qk.stored<[#param.external" in run("import", model)
    assert run("import", model, "-o", str(tmp_path / "m.mlir")) == ""
    assert (tmp_path / "m.mlir").read_text() == quern.import_to_text(model)
    shown = run("inspect", model)
    assert "m.gguf: gguf" in shown and "general.architecture: llama" in shown
    assert "tokenizer.ggml.tokens: 4096 values of string" in shown
    assert re.search(r"^blk.0.attn_q.weight +256 x 256 +q8_0 +8.500 +69,632$", shown, re.M)
    assert run("run", model, "--prompt", "She was", "--max-tokens", "8").startswith("She was")
    text = tmp_path / "text.txt"
    text.write_text((ROOT / "examples" / "quern-6m-eval.txt").read_text()[:1500])
    assert "perplexity" in run("eval", model, "--text", str(text), "--context", "128")
    assert "same top token  100.00 %" in run(
        "eval", model, "--text", str(text), "--context", "128", "--against", model
    )
    sizes = ("--prompt-tokens", "8", "--generate-tokens", "2", "--repeat", "1")
    assert "tokens/s" in run("bench", model, *sizes)
    assert len(list((tmp_path / "cache" / "reference").iterdir())) == 1
    out = tmp_path / "out"
    assert "8.5" in run("compile", model, "--target", "host", "-o", str(out))
    assert quern.inspect(out).tensors[0].encoding == "q8_0"
    shutil.rmtree(out)
