# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models written as GGUF files: held against the gguf package, and read back."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
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
    synthesize_family,
    write_gemma_tokenizer,
    write_gguf,
)
from quern import synth
from quern.cli import main
from support import (
    DATA,
    ODD_TEXTS,
    ROOT,
    all_logits,
    needs_compiler,
    needs_data,
    same_tokens,
)

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"


def tensors_of(path: Path) -> dict[str, tuple[Type, list[int], bytes]]:
    return {
        tensor.name: (tensor.tensor_type, tensor.shape.tolist(), tensor.data.tobytes())
        for tensor in gguf.GGUFReader(path).tensors
    }


def values_of(path: Path) -> dict[str, object]:
    reader = gguf.GGUFReader(path)
    return {f.name: f.contents() for f in reader.fields.values() if not f.name.startswith("GGUF.")}


def error_of(*arguments: object, **options: object) -> str:
    with pytest.raises(quern.QuernError) as raised:
        quern.export_model(*arguments, **options)
    return str(raised.value)


# ---------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------


@pytest.mark.client("gguf", "gguf", "write")
@pytest.mark.parametrize("kind", [*TYPES, Type.F32, Type.F16, Type.BF16], ids=str)
def test_the_gguf_package_reads_every_type(wide, tmp_path, kind):
    """Its numbers of the file are ours of the quantized model, to the bit."""
    name = kind.name.lower()
    rules = [("model.embed_tokens.weight", "q8_0")]
    quern.export_model(wide, tmp_path / "m.gguf", "gguf", name, rules=rules)
    model = quern.ReferenceModel(wide, name, rules=rules)
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    config = json.loads((wide / "config.json").read_text())
    for weight in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"):
        full = f"model.layers.1.{weight}.weight"
        tensor = found[gguf_models.gguf_name(full)]
        assert tensor.tensor_type == kind
        numbers = gguf.quants.dequantize(tensor.data, kind).astype(np.float32)
        expected = gguf_models.pair_rows(full, model.weight(full), config)
        if kind == Type.MXFP4:  # whose table there has no negative zero
            expected = expected + np.float32(0)
        assert numbers.tobytes() == np.ascontiguousarray(expected).tobytes(), weight
    norm = found["blk.1.ffn_norm.weight"]
    assert norm.tensor_type == Type.F32
    expected = model.weight("model.layers.1.post_attention_layernorm.weight")
    np.testing.assert_array_equal(norm.data, expected)


def test_what_holds_the_same_numbers_is_written(wide, tmp_path):
    """A format need not be ggml's: its codes must mean what the type's do."""
    quern.export_model(wide, tmp_path / "m.gguf", "gguf", "i4 [1, 32], scale f16")
    kinds = {kind for kind, shape, _ in tensors_of(tmp_path / "m.gguf").values() if len(shape) == 2}
    assert kinds == {Type.Q4_0}


def test_file_to_file_is_equal(mixed, tmp_path):
    """Every type, rows in llama.cpp's order: all codes are where they were, and
    what the file says is still said."""
    quern.export_model(mixed / "m.gguf", tmp_path / "again.gguf", "gguf")
    assert tensors_of(tmp_path / "again.gguf") == tensors_of(mixed / "m.gguf")
    before, after = values_of(mixed / "m.gguf"), values_of(tmp_path / "again.gguf")
    assert {key: after[key] for key in before} == before
    assert set(after) - set(before) <= {"general.file_type", "general.quantization_version",
                                        "general.name"}  # fmt: skip


@pytest.mark.parametrize("factor", [True, False])
def test_nvfp4_has_a_factor_beside_it(wide, tmp_path, factor):
    text = "f4E2M1FN [1, 16], scale " + ("(f8E4M3FN [*, *], scale f32)" if factor else "f8E4M3FN")
    rules = [("*.0.mlp.up_proj.weight", text)]
    quern.export_model(wide, tmp_path / "m.gguf", "gguf", "q8_0", rules=rules)
    found = tensors_of(tmp_path / "m.gguf")
    assert found["blk.0.ffn_up.weight"][0] == Type.NVFP4
    assert ("blk.0.ffn_up.scale" in found) == factor
    name = "model.layers.0.mlp.up_proj.weight"
    expected = quern.ReferenceModel(wide, "q8_0", rules=rules).weight(name)
    np.testing.assert_array_equal(quern.ReferenceModel(tmp_path / "m.gguf").weight(name), expected)


def test_round_trip_is_the_same_model(tmp_path, compile_once):
    """Folder to file: the same packed weights and, with them, the same
    perplexity."""
    quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf")
    options = {"compute": "f32", "target": "host", "kv_cache": "f32"}
    folder = compile_once(QUERN_6M, "", **options)
    file = compile_once(tmp_path / "m.gguf", "", **options)
    name = "weights.safetensors"
    assert payload(file / name) == payload(folder / name)
    tokens = quern.Tokenizer(QUERN_6M).encode((ROOT / "examples/quern-6m-eval.txt").read_text())
    found = []
    for artifact in (folder, file):
        with quern.Model(artifact) as model:
            found.append(quern.evaluate(model, tokens[:1500], 256, 0).perplexity)
    assert found[0] == found[1]


def payload(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


@pytest.mark.parametrize("name", ["tiny-llama3", "tiny-mqa", "tiny-qwen2", "tiny-qwen3"])
def test_families_come_back(tmp_path, name):
    """Scaled rope, biases in their order, norms of heads, an output matrix."""
    quern.synthesize(name, tmp_path / "model", seed=5)
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    tokens = np.random.default_rng(1).integers(0, 320, 60)
    before = all_logits(quern.ReferenceModel(tmp_path / "model"), tokens)
    after = all_logits(quern.ReferenceModel(tmp_path / "m.gguf"), tokens)
    # Factors of llama3 are those nearest to what the frequencies say.
    atol = 1e-5 * np.abs(before).max() if name == "tiny-llama3" else 0
    np.testing.assert_allclose(after, before, rtol=0, atol=atol)


# Of Phi-3 the folder's factors for long texts are not kept, and those for short
# ones are what the frequencies say.
FACTORS = {"rope_factors_long.weight", "rope_factors_short.weight"}
OF_FACTORS = {"phi3.context_length", "phi3.rope.scaling.attn_factor"}


@pytest.mark.parametrize("name", FAMILIES)
def test_families_with_files_of_their_own(tmp_path, name):
    """The gguf package's file of the same folder has the same tensors, to the
    bit, and says the same; and both are the folder's model."""
    synthesize_family(name, tmp_path / "model", seed=5)
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    write_gguf(tmp_path / "model", tmp_path / "theirs.gguf")
    ours, theirs = tensors_of(tmp_path / "m.gguf"), tensors_of(tmp_path / "theirs.gguf")
    for factors in FACTORS:
        assert (factors in ours) == (factors in theirs and "short" in factors)
        ours.pop(factors, None), theirs.pop(factors, None)
    assert ours == theirs
    ours, theirs = values_of(tmp_path / "m.gguf"), values_of(tmp_path / "theirs.gguf")
    # The usual pattern of windows need not be said, nor what the tokens say.
    for key in set(theirs) - OF_FACTORS:
        if not key.startswith("tokenizer."):
            assert ours[key] == theirs[key], key
    tokens = np.random.default_rng(1).integers(0, 320, 60)
    before = all_logits(quern.ReferenceModel(tmp_path / "model"), tokens)
    after = all_logits(quern.ReferenceModel(tmp_path / "m.gguf"), tokens)
    atol = 1e-5 * np.abs(before).max() if name == "tiny-phi3" else 0
    np.testing.assert_allclose(after, before, rtol=0, atol=atol)
    quern.export_model(tmp_path / "m.gguf", tmp_path / "again.gguf", "gguf")
    assert tensors_of(tmp_path / "again.gguf") == tensors_of(tmp_path / "m.gguf")
    assert values_of(tmp_path / "again.gguf") == values_of(tmp_path / "m.gguf")


@pytest.mark.parametrize("name", ["tiny-phi3", "tiny-mixtral"])
def test_codes_of_fused_tensors_and_of_experts(tmp_path, name):
    """What is quantized here and read back stands for the same numbers, and what
    is read and written again has the same bytes."""
    synthesize_family(name, tmp_path / "model", seed=5)
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf", "Q5_1")
    kinds = {key: value[0] for key, value in tensors_of(tmp_path / "m.gguf").items()}
    large = "attn_qkv" if name == "tiny-phi3" else "ffn_down_exps"
    assert kinds[f"blk.1.{large}.weight"] == Type.Q5_1
    model, again = quern.ReferenceModel(tmp_path / "model", "Q5_1"), tmp_path / "m.gguf"
    parts = ["self_attn.v_proj", "self_attn.k_proj"]
    parts += ["mlp.up_proj"] if name == "tiny-phi3" else ["mlp.experts.up_proj"]
    for part in parts:
        weight = f"model.layers.1.{part}.weight"
        expected = model.weight(weight)
        np.testing.assert_array_equal(quern.ReferenceModel(again).weight(weight), expected)
    quern.export_model(again, tmp_path / "again.gguf", "gguf")
    assert tensors_of(tmp_path / "again.gguf") == tensors_of(again)


def test_windows_in_any_layers(tmp_path):
    """A pattern that is not the family's is said layer by layer."""
    synthesize_family("tiny-gemma2", tmp_path / "model", layers=4)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["layer_types"] = ["full_attention", "sliding_attention", "sliding_attention",
                             "full_attention"]  # fmt: skip
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    key = "gemma2.attention.sliding_window_pattern"
    assert values_of(tmp_path / "m.gguf")[key] == [False, True, True, False]
    tokens = np.random.default_rng(1).integers(0, 320, 60)
    before = all_logits(quern.ReferenceModel(tmp_path / "model"), tokens)
    after = all_logits(quern.ReferenceModel(tmp_path / "m.gguf"), tokens)
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("name", ["tiny-llama", "tiny-phi3"])
def test_shards(tmp_path, name):
    """Each of at most so many bytes, or of one tensor; together the model."""
    quern.synthesize(name, tmp_path / "model", dtype="f32")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    report = quern.export_model(
        tmp_path / "model", tmp_path / "s.gguf", "gguf", shard_bytes=150_000
    )
    shards = sorted(tmp_path.glob("s-*.gguf"))
    assert [path.name for path in shards] == [
        f"s-{i + 1:05}-of-{len(shards):05}.gguf" for i in range(len(shards))
    ]
    assert len(shards) > 2 and not (tmp_path / "s.gguf").exists()
    assert report["output"] == str(shards[0])
    whole, found = tensors_of(tmp_path / "m.gguf"), {}
    for number, path in enumerate(shards):
        held, values = tensors_of(path), values_of(path)
        assert len(held) == 1 or sum(len(data) for *_, data in held.values()) <= 150_000
        assert (values["split.no"], values["split.count"]) == (number, len(shards))
        assert values["split.tensors.count"] == len(whole)
        assert (len(values) == 3) == (number > 0)
        found |= held
    assert found == whole
    assert quern.import_to_text(shards[0]) == quern.import_to_text(tmp_path / "m.gguf")
    for path in shards:
        path.unlink()
    quern.export_model(tmp_path / "model", tmp_path / "s.gguf", "gguf", shard_bytes=10**9)
    assert tensors_of(tmp_path / "s.gguf") == whole


def test_biases_of_llama_are_put_in_order(tmp_path, monkeypatch):
    shape = synth.Shape(96, 160, 2, 6, 2, 16, 320, 256, family="qwen2")
    monkeypatch.setitem(synth.SHAPES, "biased", shape)
    quern.synthesize("biased", tmp_path / "model", seed=6)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config |= {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    config["attention_bias"] = True
    tensors = gguf_models.read_safetensors(tmp_path / "model" / "model.safetensors")
    numbers = {name: gguf_models.as_floats(array) for name, array in tensors.items()}
    write_gguf(tmp_path / "model", tmp_path / "theirs.gguf")
    del config["attention_bias"]
    quern.export_model(tmp_path / "theirs.gguf", tmp_path / "m.gguf", "gguf")
    name = "model.layers.0.self_attn.k_proj.bias"
    np.testing.assert_array_equal(
        quern.ReferenceModel(tmp_path / "m.gguf").weight(name), numbers[name]
    )


# ---------------------------------------------------------------------------
# Metadata
# ---------------------------------------------------------------------------


def test_metadata_of_a_folder(tmp_path):
    quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf", "Q4_K_S")
    values = values_of(tmp_path / "m.gguf")
    expected = {
        "general.architecture": "llama", "general.name": "quern-6m", "general.file_type": 14,
        "general.quantization_version": 2, "llama.block_count": 6, "llama.context_length": 512,
        "llama.embedding_length": 256, "llama.feed_forward_length": 768,
        "llama.attention.head_count": 8, "llama.attention.head_count_kv": 4,
        "llama.attention.layer_norm_rms_epsilon": np.float32(1e-5),
        "llama.rope.dimension_count": 32, "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": 4096, "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 1, "tokenizer.ggml.add_bos_token": True,
    }  # fmt: skip
    assert {key: values[key] for key in expected} == expected


def with_tokenizer(folder: Path, change) -> Path:
    """A copy of quern-6m whose tokenizer files are changed."""
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).symlink_to(QUERN_6M / name)
    files = {
        name: json.loads((QUERN_6M / name).read_text())
        for name in ("tokenizer.json", "tokenizer_config.json")
    }
    change(files["tokenizer.json"], files["tokenizer_config.json"])
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    return folder


def test_template_is_carried_as_text(tmp_path):
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"

    def change(tokenizer, config):
        config["chat_template"] = [
            {"name": "tool_use", "template": "no"},
            {"name": "default", "template": template},
        ]

    folder = with_tokenizer(tmp_path / "model", change)
    quern.export_model(folder, tmp_path / "m.gguf", "gguf")
    assert values_of(tmp_path / "m.gguf")["tokenizer.chat_template"] == template
    (folder / "chat_template.jinja").write_text("another")
    quern.export_model(folder, tmp_path / "m.gguf", "gguf")
    assert values_of(tmp_path / "m.gguf")["tokenizer.chat_template"] == "another"


def test_byte_level_tokenizer_comes_back(tmp_path, compile_once):
    quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf")
    lines = (ROOT / "examples" / "quern-6m-eval.txt").read_text().splitlines()
    again = quern.Tokenizer(compile_once(tmp_path / "m.gguf", "", target="host"))
    same_tokens(again, quern.Tokenizer(QUERN_6M), lines + ODD_TEXTS)


@needs_data("lm/stories260K", "lm/babyllama-tok105", "text/tinystories_val.txt")
@pytest.mark.parametrize("name", ["stories260K", "babyllama-tok105"])
def test_sentencepiece_tokenizer_comes_back(tmp_path, compile_once, name):
    folder = DATA / "lm" / name
    quern.export_model(folder, tmp_path / "m.gguf", "gguf")
    lines = (DATA / "text" / "tinystories_val.txt").read_text().splitlines()[:300]
    again = quern.Tokenizer(compile_once(tmp_path / "m.gguf", "", target="host"))
    same_tokens(again, quern.Tokenizer(folder), lines + ODD_TEXTS)


RUNS = ["\n\n\n the", "the   hall,\n\n\n\n\n\n\n\n\n\n\n", " " * 17 + "in", "\n \n  \n"]


def test_tokenizer_of_gemma_comes_back(tmp_path, compile_once):
    synthesize_family("tiny-gemma2", tmp_path / "model")
    write_gemma_tokenizer(tmp_path / "model")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    values = values_of(tmp_path / "m.gguf")
    assert values["tokenizer.ggml.add_space_prefix"] is False
    assert values["tokenizer.ggml.token_type"][4:16] == [4] * 12
    again = quern.Tokenizer(compile_once(tmp_path / "m.gguf", "", target="host"))
    same_tokens(again, quern.Tokenizer(tmp_path / "model"), RUNS + ODD_TEXTS)


def test_ids_without_a_token_are_filled(tmp_path):
    def change(tokenizer, config):
        last = max(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
        del tokenizer["model"]["vocab"][last[0]]
        tokenizer["model"]["merges"].pop()

    quern.export_model(with_tokenizer(tmp_path / "model", change), tmp_path / "m.gguf", "gguf")
    values = values_of(tmp_path / "m.gguf")
    assert values["tokenizer.ggml.tokens"][-1] == "[PAD4095]"
    assert values["tokenizer.ggml.token_type"][-1] == 5


def unknown_words(tokenizer, config):
    tokenizer["pre_tokenizer"] = {"type": "Whitespace"}


def unknown_model(tokenizer, config):
    tokenizer["model"]["type"] = "Unigram"


def too_many(tokenizer, config):
    tokenizer["model"]["vocab"]["more"] = 4096


def not_pieces(tokenizer, config):
    tokenizer["model"]["byte_fallback"] = True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unknown_words, "expects words to be split in one of the ways that are known under the "
         "names 'gpt-2', 'llama-bpe', 'qwen2', but got another"),
        (unknown_model, "expects a model of type 'BPE' with a vocabulary, which llama.cpp has a "
         "kind of tokenizer for, but got another"),
        (too_many, "expects ids of tokens below the model's vocabulary, 4096, but got the number "
         "4096 of 'more'"),
        (not_pieces, "expects merges that an order of the pieces says, as sentencepiece has them, "
         "but got others, first for"),
    ],
)  # fmt: skip
def test_tokenizers_that_llama_cpp_has_no_kind_for(tmp_path, change, message):
    folder = with_tokenizer(tmp_path / "model", change)
    found = error_of(folder, tmp_path / "m.gguf", "gguf")
    assert found.startswith(f"{folder}/tokenizer.json: {message}"), found
    assert not list(tmp_path.glob("m.gguf*"))


# ---------------------------------------------------------------------------
# What cannot be written
# ---------------------------------------------------------------------------

QUERY = "weight 'model.layers.0.self_attn.q_proj.weight': "


@pytest.mark.parametrize(
    ("format", "message"),
    [
        ("int8_g32", QUERY + "expects a format that a type of ggml holds, one of q4_0, q4_1, "),
        ("int8_g32", "q1_0, q2_0, but got int8_g32 (i8 [1, 32], scale f32); give the weight "
         "another by --format or --rule"),
        ("i3 [1, 32], scale f16", "q2_0, but got i3 [1, 32], scale f16; give"),
        ("bnb_nf4", "q2_0, but got bnb_nf4 (codebook @nf4 [1, 64] flat, scale f32); give"),
        ("i4 [1, 32], scale f16, columns rotated 32", "q2_0, but got int4_g32_hadamard (i4"),
        ("llama:Q9_9", "expects a mixture of llama-quantize, one of F32, F16"),
        ("Q9_9", "expects the name or text of a format, but got 'Q9_9'"),
    ],
    ids=lambda value: value.split(":")[0][:20],
)  # fmt: skip
def test_formats_that_no_type_holds(wide, tmp_path, format, message):
    rules = [("model.embed_tokens.weight", "q8_0")]
    found = error_of(wide, tmp_path / "m.gguf", "gguf", format, rules=rules)
    assert message in found, found
    assert list(tmp_path.iterdir()) == []


NO_OTHER = "because llama.cpp's '{}' has no other, but got "


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tiny-mistral", {}, "expects layers that attend to the whole text, "
         + NO_OTHER.format("llama") + "a window of 24 tokens; a model whose context is 24 or less "
         "(max_position_embeddings in config.json) has no use of it"),
        ("tiny-gemma2", {}, "expects products of queries and keys times 0.250000, "
         + NO_OTHER.format("gemma2") + "0.204124"),
        ("tiny-gemma2", {"query_pre_attn_scalar": 16, "attn_logit_softcapping": None},
         "expects a soft cap of attention, " + NO_OTHER.format("gemma2") + "0.000000"),
        ("tiny-gemma3", {"query_pre_attn_scalar": 32, "attn_logit_softcapping": 2.0},
         "expects attention without a soft cap, " + NO_OTHER.format("gemma3") + "2.000000"),
        ("tiny-qwen3-moe", {}, "expects experts in each of the 3 layers, "
         + NO_OTHER.format("qwen3moe") + "2 with experts"),
        ("tiny-qwen3-moe", {"mlp_only_layers": []}, "expects shares of the chosen experts that add "
         "up to one (norm_topk_prob in config.json), " + NO_OTHER.format("qwen3moe")
         + "shares that do not"),
        ("tiny-gpt2", {}, "expects a decoder with norms and rotary positions, but got another "
         "model"),
    ],
)  # fmt: skip
def test_models_that_llama_cpp_computes_otherwise(tmp_path, monkeypatch, name, changes, message):
    shape = synth.SHAPES[name]
    changed = dataclasses.replace(shape, extra={**shape.extra, **changes})
    monkeypatch.setitem(synth.SHAPES, "changed", changed)
    quern.synthesize("changed", tmp_path / "model")
    assert error_of(tmp_path / "model", tmp_path / "m.gguf", "gguf") == message


def test_a_window_as_long_as_the_context_hides_nothing(tmp_path, monkeypatch):
    shape = dataclasses.replace(synth.SHAPES["tiny-mistral"], context=24)
    monkeypatch.setitem(synth.SHAPES, "short", shape)
    quern.synthesize("short", tmp_path / "model")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    assert values_of(tmp_path / "m.gguf")["general.architecture"] == "llama"


def test_fused_weights_of_unequal_formats(tmp_path):
    synthesize_family("tiny-phi3", tmp_path / "model")
    rules = [("*.1.self_attn.k_proj.weight", "q5_0")]
    found = error_of(tmp_path / "model", tmp_path / "m.gguf", "gguf", "q8_0", rules=rules)
    assert found == (
        "weight 'model.layers.1.self_attn.q_proj.weight': expects one type in the weights of a "
        "tensor that the file fuses, but got Q8_0 in 'model.layers.1.self_attn.q_proj.weight' and "
        "Q5_0 in 'model.layers.1.self_attn.k_proj.weight'; give them one format by --rule"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_factors_of_fused_weights(tmp_path):
    synthesize_family("tiny-phi3", tmp_path / "model", hidden=128, intermediate=192, heads=8)
    text = "f4E2M1FN [1, 16], scale (f8E4M3FN [*, *], scale f32)"
    rules = [("*_proj.weight", text)]
    found = error_of(tmp_path / "model", tmp_path / "m.gguf", "gguf", "q8_0", rules=rules)
    assert "expects a format without a factor of the whole weight" in found


def test_places_that_cannot_be(tiny_model, tmp_path):
    assert "expects a name that ends in .gguf" in error_of(tiny_model, tmp_path / "out", "gguf")
    assert error_of(tiny_model, tmp_path / "m.gguf", "zip") == (
        "expects a container that models can be written as, gguf, onnx, openvino, "
        "compressed-tensors, gptq, awq, bnb, fp8, but got 'zip'"
    )
    path = tmp_path / "absent" / "m.gguf"
    assert error_of(tiny_model, path, "gguf").startswith(f"{path}: cannot be created: No such")
    (tmp_path / "m.gguf").mkdir()
    assert error_of(tiny_model, tmp_path / "m.gguf", "gguf").startswith(f"{tmp_path}/m.gguf: ")
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]


# ---------------------------------------------------------------------------
# Whole files only
# ---------------------------------------------------------------------------


def run_export(path: Path, prepare: str = "", **options) -> subprocess.CompletedProcess[str]:
    script = textwrap.dedent(f"""
        import os, quern, resource, signal
        {prepare}
        quern.export_model({str(QUERN_6M)!r}, {str(path)!r}, "gguf", "q8_0", progress=progress)
    """)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, **options)


def test_a_full_disk_names_the_file(tmp_path):
    """The space is asked for before anything is written."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"before")
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); progress = None; " + (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, {resource.RLIM_INFINITY}))"
    )
    done = run_export(path, limit)
    assert done.returncode == 1
    assert f"{path}: cannot be given " in done.stderr and "File too large" in done.stderr
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["m.gguf"]


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_a_killed_run_leaves_the_old_file(tmp_path, fraction):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"before")
    kill = (
        "progress = lambda stage, done: stage == 'weights' and done >= "
        f"{fraction} and os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = run_export(path, kill)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"before"
    quern.export_model(QUERN_6M, path, "gguf", "q8_0")
    assert len(tensors_of(path)) == 56


def test_an_interrupt_leaves_nothing(tmp_path):
    def stop(stage, done):
        if stage == "weights" and done > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_threads_do_not_change_the_file(tmp_path):
    for threads in (1, 3):
        out = tmp_path / f"{threads}.gguf"
        quern.export_model(QUERN_6M, out, "gguf", "Q4_K_M", threads=threads)
    assert (tmp_path / "1.gguf").read_bytes() == (tmp_path / "3.gguf").read_bytes()


def test_memory_is_that_of_one_tensor(tmp_path):
    """A file of 0.5 GB with 64 MB to spare beyond what an empty run takes."""
    shape = synth.Shape(2048, 8192, 4, 32, 8, 64, vocabulary=4096, context=512)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "some", shape)
        quern.synthesize("some", tmp_path / "model")
    script = textwrap.dedent(f"""
        import quern, resource
        quern.export_model({str(QUERN_6M)!r}, {str(tmp_path / "s.gguf")!r}, "gguf", threads=2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        quern.export_model({str(tmp_path / "model")!r}, {str(tmp_path / "m.gguf")!r}, "gguf",
                           threads=2)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert os.path.getsize(tmp_path / "m.gguf") > 480_000_000
    # The largest matrix has 32 MiB, mapped and packed.
    assert int(done.stdout) < 128 << 10


# ---------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------


def test_commands(tmp_path, capfd):
    def run(*arguments: str) -> str:
        assert main(arguments) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    out = str(tmp_path / "m.gguf")
    shown = run("export", str(QUERN_6M), "--container", "gguf", "-o", out)
    assert "16.009 bits per weight: 43 BF16, 13 F32" in shown
    again = str(tmp_path / "again.gguf")
    rule = ("--rule", "*down_proj*=q5_k")
    shown = run("quantize", out, "--format", "q4_k", *rule, "--container", "gguf", "-o", again)
    assert "13 F32, 37 Q4_K, 6 Q5_K" in shown
    sharded = str(tmp_path / "s.gguf")
    shown = run("export", out, "--container", "gguf", "--shard-size", "5MB", "-o", sharded)
    assert shown.startswith(str(tmp_path / "s-00001-of-00003.gguf: "))
    with pytest.raises(SystemExit):
        main(("export", out, "--container", "gguf", "--shard-size", "few", "-o", sharded))
    assert "expects a number of bytes such as 500MB or 5GB, but got 'few'" in capfd.readouterr().err
    assert main(("export", out, "--container", "rar", "-o", again)) == 1
    assert capfd.readouterr().err.startswith("error: expects a container")
