#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a Llama model as GGUF, without a tokenizer, for utils/bench-peers.

write-gguf.py MODEL OUT: in F16. With `--part P`, only every matrix's first 1/P
of rows. `--like FILE` takes the matrices from FILE instead, a quantized GGUF
file of such a part, and repeats their rows until the model has all of its own:
speed depends on shapes and types, and quantizing a part takes 1/P of the time.
"""

import argparse
import json
import pathlib

import gguf
import numpy as np

# Names in a block, GGUF's by Hugging Face's.
PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def gguf_name(name):
    if name in WHOLE:
        return WHOLE[name]
    _, _, layer, part = name.split(".", 3)
    return f"blk.{layer}.{PARTS[part.removesuffix('.weight')]}.weight"


def write_facts(writer, config):
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    writer.add_rope_dimension_count(config.get("head_dim", config["hidden_size"] // heads))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("none")


def read_safetensors(path):
    """{name: array} of mapped memory; bfloat16 as uint16, which numpy lacks."""
    types = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
    file = np.memmap(path, np.uint8, "r")
    begin = 8 + int(file[:8].view("<u8")[0])
    tensors = {}
    for name, facts in json.loads(file[8:begin].tobytes()).items():
        if name != "__metadata__":
            first, last = (begin + offset for offset in facts["data_offsets"])
            array = file[first:last].view(types[facts["dtype"]])
            tensors[name] = array.reshape(facts["shape"])
    return tensors


def as_floats(array):
    """float32 of what read_safetensors makes."""
    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)


def add_tensors(writer, tensors, part):
    """In F16 but for vectors; the first 1/`part` of the rows."""
    for name, array in tensors.items():
        if array.ndim == 1:
            writer.add_tensor(gguf_name(name), as_floats(array))
        else:
            rows = as_floats(array[: len(array) // part])
            writer.add_tensor(gguf_name(name), rows.astype(np.float16))


def add_repeated_tensors(writer, tensors, like):
    """The names and heights of `tensors`, the rows of `like`, a GGUF file."""
    quantized = {tensor.name: tensor for tensor in gguf.GGUFReader(like).tensors}
    for name, array in tensors.items():
        tensor = quantized[gguf_name(name)]
        data = tensor.data
        if data.ndim == 2:
            data = np.tile(data, (-(-len(array) // len(data)), 1))[: len(array)]
        # Of F32 and F16 the writer reads the type off the numbers.
        is_raw = data.dtype == np.uint8
        writer.add_tensor(tensor.name, data, raw_dtype=tensor.tensor_type if is_raw else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--like", type=pathlib.Path)
    arguments = parser.parse_args()
    writer = gguf.GGUFWriter(arguments.out, "llama", use_temp_file=True)
    write_facts(writer, json.loads((arguments.model / "config.json").read_text()))
    tensors = read_safetensors(arguments.model / "model.safetensors")
    if arguments.like:
        add_repeated_tensors(writer, tensors, arguments.like)
    else:
        add_tensors(writer, tensors, arguments.part)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
