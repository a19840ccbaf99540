#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a Hugging Face folder with a small model of one family.

generate.py FAMILY OUT [OPTION...]

  key=JSON        sets a member of config.json; `key=` removes it
  --drop NAME     leaves a tensor out
  --strip PREFIX  takes this off the names of tensors
  --add NAME SHAPE            adds a tensor
  --shape NAME SHAPE          gives a tensor another shape
  --dtype NAME DTYPE          gives a tensor another element type
  --value NAME NUMBER         fills a tensor with a number, in place of zeros
  --no-weights    writes config.json only
  --config TEXT   writes this text as config.json

Tensors are BF16 and hold zeros, which are holes in the file: a model of a
billion parameters takes no room.
"""

import json
import os
import struct
import sys

BASE = {
    "vocab_size": 96,
    "max_position_embeddings": 128,
    "hidden_size": 64,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
}
FAMILIES = {
    "llama": {"architectures": ["LlamaForCausalLM"]},
    "mistral": {"architectures": ["MistralForCausalLM"], "sliding_window": 32},
    "qwen2": {"architectures": ["Qwen2ForCausalLM"], "tie_word_embeddings": True},
    "qwen3": {"architectures": ["Qwen3ForCausalLM"], "head_dim": 16, "tie_word_embeddings": True},
    "gpt2": {
        "architectures": ["GPT2LMHeadModel"],
        "n_embd": 64,
        "n_inner": 80,
        "n_layer": 2,
        "n_head": 8,
        "n_positions": 128,
    },
    "gpt_neox": {"architectures": ["GPTNeoXForCausalLM"], "hidden_act": "gelu"},
    "mixtral": {
        "architectures": ["MixtralForCausalLM"],
        "num_local_experts": 3,
        "num_experts_per_tok": 2,
    },
    "qwen3_moe": {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 48,
        "mlp_only_layers": [1],
    },
    "phi3": {"architectures": ["Phi3ForCausalLM"]},
    "gemma2": {
        "architectures": ["Gemma2ForCausalLM"],
        "head_dim": 16,
        "sliding_window": 32,
        "query_pre_attn_scalar": 64,
    },
    "gemma3_text": {
        "architectures": ["Gemma3ForCausalLM"],
        "head_dim": 16,
        "sliding_window": 32,
        "sliding_window_pattern": 2,
    },
}
WIDTHS = {
    "BOOL": 8,
    "F4": 4,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "F32": 32,
    "F64": 64,
}


def with_biases(shapes, columns_first=False):
    """Linears {name: (rows, columns)} and norms {name: (width,)} as tensors."""
    result = {}
    for name, shape in shapes.items():
        result[name + ".weight"] = list(reversed(shape) if columns_first else shape)
        result[name + ".bias"] = [shape[0]]
    return result


def gpt2_tensors(c):
    hidden, inner = c["n_embd"], c["n_inner"]
    result = {"transformer.wte.weight": [c["vocab_size"], hidden]}
    result["transformer.wpe.weight"] = [c["n_positions"], hidden]
    result |= with_biases({"transformer.ln_f": (hidden,)})
    for i in range(c["n_layer"]):
        layer = "transformer.h.%d." % i
        linears = {
            "attn.c_attn": (3 * hidden, hidden),
            "attn.c_proj": (hidden, hidden),
            "mlp.c_fc": (inner, hidden),
            "mlp.c_proj": (hidden, inner),
        }
        linears |= {"ln_1": (hidden,), "ln_2": (hidden,)}
        result |= with_biases({layer + n: s for n, s in linears.items()}, columns_first=True)
    return result


def gpt_neox_tensors(c):
    hidden, inner = c["hidden_size"], c["intermediate_size"]
    result = with_biases({"gpt_neox.final_layer_norm": (hidden,)})
    for name in ("gpt_neox.embed_in", "embed_out"):
        result[name + ".weight"] = [c["vocab_size"], hidden]
    for i in range(c["num_hidden_layers"]):
        layer = "gpt_neox.layers.%d." % i
        shapes = {
            "attention.query_key_value": (3 * hidden, hidden),
            "attention.dense": (hidden, hidden),
            "mlp.dense_h_to_4h": (inner, hidden),
            "mlp.dense_4h_to_h": (hidden, inner),
            "input_layernorm": (hidden,),
            "post_attention_layernorm": (hidden,),
        }
        result |= with_biases({layer + n: s for n, s in shapes.items()})
    return result


def expert_tensors(family, c, layer):
    hidden = c["hidden_size"]
    if family == "mixtral":
        part, names = "block_sparse_moe.", ("w1", "w3", "w2")
        experts, inner = c["num_local_experts"], c["intermediate_size"]
    else:
        part, names = "mlp.", ("gate_proj", "up_proj", "down_proj")
        experts, inner = c["num_experts"], c["moe_intermediate_size"]
    result = {layer + part + "gate.weight": [experts, hidden]}
    for e in range(experts):
        for i, shape in enumerate(([inner, hidden], [inner, hidden], [hidden, inner])):
            result["%s%sexperts.%d.%s.weight" % (layer, part, e, names[i])] = shape
    return result


def tensors_of(family, c):
    """The tensors that a well-formed model of this configuration has."""
    if family == "gpt2":
        return gpt2_tensors(c)
    if family == "gpt_neox":
        return gpt_neox_tensors(c)
    hidden, inner = c["hidden_size"], c["intermediate_size"]
    heads = c["num_attention_heads"]
    head_dim = c.get("head_dim") or hidden // heads
    q, kv = heads * head_dim, (c.get("num_key_value_heads") or heads) * head_dim
    result = {"model.embed_tokens.weight": [c["vocab_size"], hidden], "model.norm.weight": [hidden]}
    is_gemma = family in ("gemma2", "gemma3_text")
    if not c.get("tie_word_embeddings", is_gemma):
        result["lm_head.weight"] = [c["vocab_size"], hidden]
    attention_bias = c.get("attention_bias", False)
    qkv_bias = attention_bias or family == "qwen2"
    linears = [
        ("self_attn.q_proj", q, hidden, qkv_bias),
        ("self_attn.k_proj", kv, hidden, qkv_bias),
        ("self_attn.v_proj", kv, hidden, qkv_bias),
        ("self_attn.o_proj", hidden, q, attention_bias),
        ("mlp.gate_proj", inner, hidden, c.get("mlp_bias")),
        ("mlp.up_proj", inner, hidden, c.get("mlp_bias")),
        ("mlp.down_proj", hidden, inner, c.get("mlp_bias")),
    ]
    if family == "phi3":
        linears[:3] = [("self_attn.qkv_proj", q + 2 * kv, hidden, False)]
        linears[2:4] = [("mlp.gate_up_proj", 2 * inner, hidden, False)]
    for i in range(c["num_hidden_layers"]):
        layer = "model.layers.%d." % i
        for name in ("input_layernorm", "post_attention_layernorm"):
            result[layer + name + ".weight"] = [hidden]
        if is_gemma:
            result[layer + "pre_feedforward_layernorm.weight"] = [hidden]
            result[layer + "post_feedforward_layernorm.weight"] = [hidden]
        if family in ("qwen3", "qwen3_moe", "gemma3_text"):
            result[layer + "self_attn.q_norm.weight"] = [head_dim]
            result[layer + "self_attn.k_norm.weight"] = [head_dim]
        has_experts = family == "mixtral"
        if family == "qwen3_moe":
            has_experts = i not in c["mlp_only_layers"]
        for name, rows, columns, bias in linears:
            if has_experts and name.startswith("mlp."):
                continue
            result[layer + name + ".weight"] = [rows, columns]
            if bias:
                result[layer + name + ".bias"] = [rows]
        if has_experts:
            result |= expert_tensors(family, c, layer)
    return result


def write_weights(path, tensors, dtypes, values):
    header, end = {}, 0
    for name, shape in tensors.items():
        count = 1
        for extent in shape:
            count *= extent
        dtype = dtypes.get(name, "BF16")
        begin, end = end, end + count * WIDTHS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
        for name, value in values.items():
            begin, end = header[name]["data_offsets"]
            file.seek(8 + len(text) + begin)
            bf16 = struct.pack("<f", value)[2:]
            file.write(bf16 * ((end - begin) // 2))


def main():
    family, out, *options = sys.argv[1:]
    config = {**BASE, **FAMILIES[family], "model_type": family}
    drop, add, shapes, dtypes, values = [], {}, {}, {}, {}
    config_text, weights, prefix = None, True, ""
    settings = {}
    while options:
        option = options.pop(0)
        if option == "--drop":
            drop.append(options.pop(0))
        elif option == "--strip":
            prefix = options.pop(0)
        elif option in ("--add", "--shape"):
            target = add if option == "--add" else shapes
            name = options.pop(0)
            target[name] = json.loads(options.pop(0))
        elif option == "--dtype":
            name = options.pop(0)
            dtypes[name] = options.pop(0)
        elif option == "--value":
            name = options.pop(0)
            values[name] = float(options.pop(0))
        elif option == "--no-weights":
            weights = False
        elif option == "--config":
            config_text = options.pop(0)
        else:
            key, _, text = option.partition("=")
            settings[key] = text
    good = dict(config)
    for key, text in settings.items():
        config.pop(key, None)
        if text:
            config[key] = json.loads(text)
    os.makedirs(out, exist_ok=True)
    for old in os.listdir(out):
        os.remove(os.path.join(out, old))
    with open(os.path.join(out, "config.json"), "w", encoding="utf-8") as file:
        file.write(config_text or json.dumps(config))
    if not weights:
        return
    # A configuration that makes no sense comes with the weights of a good one.
    try:
        tensors = tensors_of(family, {**config})
    except (TypeError, KeyError, ZeroDivisionError):
        tensors = tensors_of(family, good)
    tensors = {**{n: s for n, s in tensors.items() if n not in drop}, **add}
    tensors.update(shapes)
    tensors = {name.removeprefix(prefix): shape for name, shape in tensors.items()}
    write_weights(os.path.join(out, "model.safetensors"), tensors, dtypes, values)


if __name__ == "__main__":
    main()
