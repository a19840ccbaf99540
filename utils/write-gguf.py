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
from safetensors import safe_open

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


def add_tensors(writer, file, part):
    """Those of `file`, safetensors, in F16 but for vectors."""
    for name in file.keys():  # noqa: SIM118 - it is no dictionary
        rows = file.get_slice(name)
        count = rows.get_shape()[0]
        if len(rows.get_shape()) == 1:
            writer.add_tensor(gguf_name(name), rows[:].astype(np.float32))
        else:
            writer.add_tensor(gguf_name(name), rows[: count // part].astype(np.float16))


def add_repeated_tensors(writer, file, like):
    """The names and heights of `file`, safetensors, the rows of `like`, GGUF."""
    quantized = {tensor.name: tensor for tensor in gguf.GGUFReader(like).tensors}
    for name in file.keys():  # noqa: SIM118 - it is no dictionary
        tensor = quantized[gguf_name(name)]
        data, count = tensor.data, file.get_slice(name).get_shape()[0]
        if data.ndim == 2:
            data = np.tile(data, (count // len(data), 1))
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
    with safe_open(arguments.model / "model.safetensors", "numpy") as file:
        if arguments.like:
            add_repeated_tensors(writer, file, arguments.like)
        else:
            add_tensors(writer, file, arguments.part)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
