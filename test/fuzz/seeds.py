#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the seeds of the fuzz targets, a folder each.

    seeds.py OUT

Most are pieces of what the repository has anyway: formats and layouts of share/,
IR of the tests of dialects, folders that test/Import/Inputs/generate.py makes.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LARGEST = 32768


# ---------------------------------------------------------------------------
# Files of weights
# ---------------------------------------------------------------------------


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    yield "empty", safetensors({})
    yield "one", safetensors({"w": entry("F32", [2, 2], 0, 16)}, bytes(16))
    types = {"BOOL": 1, "U8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F8_E4M3": 1, "F64": 8}
    header, place = {"__metadata__": {"format": "pt"}}, 0
    for name, size in types.items():
        header[name] = entry(name, [3], place, place + 3 * size)
        place += 3 * size
    yield "types", safetensors(header, bytes(place))
    yield "scalar", safetensors({"s": entry("F16", [], 0, 2)}, b"\0\x3c")
    yield "no-elements", safetensors({"e": entry("F32", [0, 7], 0, 0)})
    yield "small-floats", safetensors({"f": entry("F4", [4], 0, 2)}, b"\x12\x34")
    yield "nan", safetensors({"n": entry("F32", [1], 0, 4)}, struct.pack("<f", float("nan")))
    yield "overlap", safetensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, b"123")
    yield "cut", safetensors({"w": entry("F32", [2, 2], 0, 16)}, bytes(15))
    yield "overflow", safetensors({"w": entry("F32", [2**32, 2**32], 0, 16)}, bytes(16))
    yield "not-json", safetensors(b"{]")


def string(text):
    return struct.pack("<Q", len(text)) + text.encode()


KINDS = {"u32": (4, "<I"), "f32": (6, "<f"), "bool": (7, "<?"), "i32": (5, "<i"), "u64": (10, "<Q")}


def value(key, kind, content):
    """A key with its value; a list makes an array of `kind`."""

    def one(item):
        return string(item) if kind == "str" else struct.pack(KINDS[kind][1], item)

    code = 8 if kind == "str" else KINDS[kind][0]
    if not isinstance(content, list):
        return string(key) + struct.pack("<i", code) + one(content)
    head = struct.pack("<iiQ", 9, code, len(content))
    return string(key) + head + b"".join(map(one, content))


def gguf(values, tensors=(), version=3):
    """tensors: (name, extents with the contiguous one first, type, bytes)."""
    text = b"GGUF" + struct.pack("<Iqq", version, len(tensors), len(values)) + b"".join(values)
    offset, data = 0, b""
    for name, extents, kind, content in tensors:
        text += string(name) + struct.pack(f"<I{len(extents)}q", len(extents), *extents)
        text += struct.pack("<iQ", kind, offset)
        data += content + bytes(-len(content) % 32)
        offset = len(data)
    return text + bytes(-len(text) % 32) + data


def gguf_model():
    """A llama of one layer, in F32 and Q8_0, with a byte-level tokenizer."""
    hidden, vocabulary = 32, 4
    values = [
        value("general.architecture", "str", "llama"),
        value("llama.context_length", "u32", 16),
        value("llama.embedding_length", "u32", hidden),
        value("llama.block_count", "u32", 1),
        value("llama.feed_forward_length", "u32", hidden),
        value("llama.attention.head_count", "u32", 2),
        value("llama.attention.head_count_kv", "u32", 1),
        value("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5),
        value("llama.rope.freq_base", "f32", 10000.0),
        value("llama.vocab_size", "u32", vocabulary),
        value("tokenizer.ggml.model", "str", "gpt2"),
        value("tokenizer.ggml.pre", "str", "llama-bpe"),
        value("tokenizer.ggml.tokens", "str", ["a", "b", "ab", "<s>"]),
        value("tokenizer.ggml.token_type", "i32", [1, 1, 1, 3]),
        value("tokenizer.ggml.merges", "str", ["a b"]),
        value("tokenizer.ggml.bos_token_id", "u32", 3),
        value("tokenizer.ggml.add_bos_token", "bool", True),
    ]
    matrices = {
        "token_embd": vocabulary, "output": vocabulary, "blk.0.attn_q": hidden,
        "blk.0.attn_k": hidden // 2, "blk.0.attn_v": hidden // 2, "blk.0.attn_output": hidden,
        "blk.0.ffn_gate": hidden, "blk.0.ffn_up": hidden, "blk.0.ffn_down": hidden,
    }  # fmt: skip
    tensors = [
        (name + ".weight", [hidden, rows], 8, bytes(34 * rows)) for name, rows in matrices.items()
    ]
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        tensors.append((name + ".weight", [hidden], 0, bytes(4 * hidden)))
    return gguf(values, tensors)


def gguf_seeds():
    yield "empty", gguf([])
    yield "version-2", gguf([value("a", "u32", 1)], version=2)
    kinds = [("u32", 1), ("f32", 1.0), ("bool", True), ("i32", -1), ("u64", 2), ("str", "text")]
    values = [value(f"k.{kind}", kind, content) for kind, content in kinds]
    values += [value(f"k.{kind}s", kind, [content] * 2) for kind, content in kinds]
    yield "values", gguf(values)
    tensors = [("a", [4], 0, bytes(16)), ("b", [32, 2], 2, bytes(36)), ("c", [256], 12, bytes(144))]
    yield "tensors", gguf([value("general.alignment", "u32", 32)], tensors)
    yield "model", gguf_model()
    yield "cut", gguf_model()[:-33]
    yield "huge", gguf([], [("a", [2**32, 2**32], 0, b"")])


# ---------------------------------------------------------------------------
# Folders
# ---------------------------------------------------------------------------

SMALL = (
    "vocab_size=4", "hidden_size=16", "intermediate_size=8", "num_hidden_layers=1",
    "num_attention_heads=2", "num_key_value_heads=1", "max_position_embeddings=8",
)  # fmt: skip
GPT2 = ("vocab_size=4", "n_embd=16", "n_inner=8", "n_layer=1", "n_head=2", "n_positions=8")
FAMILIES = (
    "llama", "mistral", "qwen2", "qwen3", "gpt2", "gpt_neox", "mixtral", "qwen3_moe", "phi3",
    "gemma2", "gemma3_text",
)  # fmt: skip


def folder_seeds():
    generate = ROOT / "test" / "Import" / "Inputs" / "generate.py"
    with tempfile.TemporaryDirectory() as place:
        for family in FAMILIES:
            made = pathlib.Path(place) / family
            sizes = GPT2 if family == "gpt2" else SMALL
            subprocess.run([sys.executable, generate, family, made, *sizes], check=True)
            config = (made / "config.json").read_bytes()
            yield family, config + b"\0" + (made / "model.safetensors").read_bytes()
    yield "no-config", b"{}\0" + safetensors({})


# ---------------------------------------------------------------------------
# Texts
# ---------------------------------------------------------------------------


def lines_of(name):
    text = (ROOT / "share" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def format_seeds():
    for name in ("formats.txt", "layouts.txt"):
        for line in lines_of(name):
            key, found, text = line.partition(" = ")
            if found and len(text) < LARGEST and not key.startswith("codebook "):
                yield f"{name}-{key}", text.encode()
    yield "named", b"mine = i4 [1, 32], scale f16 # a comment\ncodebook two = [-1, 1]\n"
    # What was found: more rows than a tile of a layout may have.
    yield "many-rows", b"f8E4M3FN [121881, 2] partial, scale f32"


def checkpoint_seeds():
    block, count = [], 0
    for line in [*lines_of("checkpoints.txt"), ""]:
        if block and not line.startswith(" "):
            name = block[0].split()[0].replace("/", "-")
            yield f"{count}-{name}", "\n".join(block).encode() + b"\n"
            block, count = [], count + 1
        block.append(line)


def ir_seeds():
    for file in sorted((ROOT / "test" / "Dialect").rglob("*.mlir")):
        text = file.read_text(encoding="utf-8")
        for i, piece in enumerate(text.split("// -----")):
            if len(piece) < LARGEST:
                yield f"{file.parent.name}-{file.stem}-{i}", piece.encode()


SEEDS = {
    "safetensors": safetensors_seeds, "gguf": gguf_seeds, "folder": folder_seeds,
    "checkpoints": checkpoint_seeds, "format": format_seeds, "ir": ir_seeds,
}  # fmt: skip


def main():
    if len(sys.argv) != 2:
        print("usage: seeds.py OUT", file=sys.stderr)
        return 2
    for target, seeds in SEEDS.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds():
            (folder / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
