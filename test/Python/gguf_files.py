# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GGUF files of Hugging Face folders, and blocks of every type."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray
from quern import synth
from support import ROOT

sys.path.insert(0, str(ROOT / "utils"))
import gguf_models

# Where the halves lie that a block's scales and offsets are multiplied by. The
# blocks of two types end in other scales: see random_blocks.
HALVES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2],
    Type.Q6_K: [208], Type.IQ4_NL: [0], Type.IQ4_XS: [0], Type.IQ3_S: [0], Type.IQ3_XXS: [0],
    Type.IQ2_S: [0], Type.IQ2_XS: [0], Type.IQ2_XXS: [0], Type.IQ1_S: [0], Type.TQ1_0: [52],
    Type.TQ2_0: [64],
}  # fmt: skip
TYPES = [*HALVES, Type.IQ1_M, Type.MXFP4]


# Models of the families whose GGUF files are not like Llama's, as far as
# llama.cpp computes them: it takes the scale of attention from the width of a
# head, has experts in every layer, and makes their shares add up to one.
FAMILIES = {
    name: dataclasses.replace(synth.SHAPES[name], extra={**synth.SHAPES[name].extra, **changes})
    for name, changes in {
        "tiny-gemma2": {"query_pre_attn_scalar": 16},
        "tiny-gemma3": {"query_pre_attn_scalar": 32},
        "tiny-phi3": {"original_max_position_embeddings": 256},
        "tiny-mixtral": {},
        "tiny-qwen3-moe": {"norm_topk_prob": True, "mlp_only_layers": []},
    }.items()
}
# llama.cpp rounds contexts up to multiples of 256, and takes other factors beyond
# the first context.
FAMILIES["tiny-phi3"] = dataclasses.replace(FAMILIES["tiny-phi3"], context=512)


def synthesize_family(
    name: str, folder: Path, seed: int = 0, dtype: str = "bf16", **changes
) -> None:
    """Writes a folder of one of FAMILIES, numbers of its shape changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "family", dataclasses.replace(FAMILIES[name], **changes))
        synth.synthesize("family", folder, seed=seed, dtype=dtype)


def write_gemma_tokenizer(folder: Path) -> None:
    """Puts a tokenizer like Gemma's into a folder of at least 320 tokens: a model
    of pieces without a blank before the text, whose runs of blanks and of line ends
    have one score and are tokens of the user."""
    runs = ["\n" * n for n in range(2, 8)] + ["\u2581" * n for n in range(2, 8)]
    letters = ["\n", "\u2581", *"abcdehilnorstuwyT.,'"]
    words = ["he", "th", "\u2581t", "\u2581th", "the", "\u2581the"]
    words += ["in", "an", "er", "\u2581a", "ll"]
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    tokens = [*special, *runs, *(f"<0x{byte:02X}>" for byte in range(256)), *letters, *words]
    ids = {token: number for number, token in enumerate(tokens)}
    order = {piece: number for number, piece in enumerate(words)}
    merges = [
        (-order.get(piece, -1), len(piece[:cut]), piece[:cut], piece[cut:])
        for piece in [*runs, *words]
        for cut in range(1, len(piece))
        if piece[:cut] in ids and piece[cut:] in ids
    ]
    merges.sort(key=lambda merge: merge[:2], reverse=True)
    added = [
        {"id": ids[token], "content": token, "special": token in special, "normalized": False,
         "single_word": False, "lstrip": False, "rstrip": False}
        for token in [*special, *runs]
    ]  # fmt: skip
    blank = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    tokenizer = {
        "version": "1.0", "added_tokens": added, "post_processor": None,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence",
                    "decoders": [blank, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                  "vocab": ids, "merges": [[left, right] for *_, left, right in merges]},
    }  # fmt: skip
    config = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    config["add_bos_token"] = True
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def random_blocks(kind: Type, rows: int, cols: int, seed: int) -> NDArray[np.uint8]:
    """Rows of blocks whose bytes are random and whose values are a few hundredths."""
    random = np.random.default_rng(seed)
    columns, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (rows * cols // columns, size), np.uint8)
    largest = np.abs(gguf.quants.dequantize(_with_scales(kind, blocks, 1.0), kind)).max()
    for place in range(len(blocks)):
        scale = random.uniform(0.02, 0.1) / largest
        blocks[place : place + 1] = _with_scales(kind, blocks[place : place + 1], scale)
    return blocks.reshape(rows, -1)


def _with_scales(kind: Type, blocks: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    blocks = blocks.copy()
    half = np.frombuffer(np.float16(scale).tobytes(), np.uint8)
    for offset in HALVES.get(kind, []):
        blocks[:, offset : offset + 2] = half
    if kind == Type.IQ1_M:  # four bits in the top of each of four words
        word = int(half.view("<u2")[0])
        for i in range(4):
            blocks[:, 49 + 2 * i] = (blocks[:, 49 + 2 * i] & 15) | ((word >> (4 * i) & 15) << 4)
    if kind == Type.MXFP4:  # a power of two
        blocks[:, 0] = 127 + round(np.log2(scale))
    if kind == Type.TQ1_0:  # only 243 of 256 numbers are five digits
        digits = np.random.default_rng(1).integers(0, 243, (len(blocks), 48))
        blocks[:, :48] = (digits * 256 + 242) // 243
        blocks[:, 48:52] = (digits[:, :4] // 3 * 3 * 256 + 242) // 243
    return blocks


def write_gguf(
    folder: Path,
    out: Path,
    type_of: Callable[[str], Type | None] = lambda name: None,
    pre: str | None = None,
    scores: list[float] | None = None,
    dequantized: Path | None = None,
) -> None:
    """Writes the model in `folder` as a GGUF file.

    type_of: the type of each matrix by its name in the folder; None keeps its
    numbers. A type that the gguf package cannot encode gets random blocks. pre,
    scores: how the tokenizer is described; None leaves it out. dequantized: is
    made a folder of the same model with the numbers that the file holds, in F32.
    """
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(out, gguf_models.architecture(config))
    gguf_models.write_facts(writer, config)
    if pre or scores:
        gguf_models.write_tokenizer(writer, folder, pre, scores)
    else:
        writer.add_tokenizer_model("none")
    gguf_models.add_rope_tensors(writer, config)
    held = {}
    tensors = gguf_models.read_safetensors(folder / "model.safetensors")
    for number, (name, members) in enumerate(gguf_models.expert_groups(tensors).items()):
        arrays = [tensors[member] for member in members]
        array = np.stack(arrays) if len(members) > 1 else arrays[0]
        values = gguf_models.as_floats(array)
        kind = type_of(name) if array.ndim > 1 else None
        if kind is None:
            numbers = _add_numbers(writer, name, array, values, config)
        else:
            numbers = _add_blocks(writer, name, values, kind, config, number)
        held |= zip(members, numbers if len(members) > 1 else [numbers], strict=True)
    gguf_models.finish(writer)
    if dequantized:
        dequantized.mkdir()
        for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(folder / file, dequantized / file)
        write_safetensors(dequantized / "model.safetensors", held)


def _add_numbers(writer, name, array, values, config):
    """As GGUF files have them: vectors in F32, matrices in their own type."""
    kept = array if array.ndim > 1 else gguf_models.norm_values(name, values, config)
    rows = gguf_models.pair_rows(name, kept, config)
    raw = Type.BF16 if rows.dtype == np.uint16 else None
    data = np.ascontiguousarray(rows)
    writer.add_tensor(
        gguf_models.gguf_name(name, config), data.view(np.uint8) if raw else data, raw_dtype=raw
    )
    return values


def _add_blocks(writer, name, values, kind, config, seed):
    *planes, cols = values.shape
    try:
        blocks = gguf.quants.quantize(values, kind)
    except NotImplementedError:
        blocks = random_blocks(kind, int(np.prod(planes)), cols, seed).reshape(*planes, -1)
    stored = np.ascontiguousarray(gguf_models.pair_rows(name, blocks, config))
    writer.add_tensor(gguf_models.gguf_name(name, config), stored, raw_dtype=kind)
    return gguf.quants.dequantize(blocks, kind)


def write_safetensors(path: Path, tensors: dict[str, NDArray[np.float32]]) -> None:
    entries, data = {}, b""
    for name, values in tensors.items():
        begin = len(data)
        data += np.ascontiguousarray(values, "<f4").tobytes()
        entries[name] = {
            "dtype": "F32",
            "shape": list(values.shape),
            "data_offsets": [begin, len(data)],
        }
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
