# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes Hugging Face folders of Llama and its kin as GGUF files."""

import json
import re

import gguf
import numpy as np

# Names in a block, GGUF's by Hugging Face's.
PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.qkv_proj": "attn_qkv",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.gate": "ffn_gate_inp",
    "mlp.experts.gate_proj": "ffn_gate_exps",
    "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps",
    "block_sparse_moe.gate": "ffn_gate_inp",
    "block_sparse_moe.experts.w1": "ffn_gate_exps",
    "block_sparse_moe.experts.w3": "ffn_up_exps",
    "block_sparse_moe.experts.w2": "ffn_down_exps",
}
# Where there are norms behind attention and feed-forward.
POST_NORM_PARTS = {
    **PARTS,
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
GEMMAS = ("gemma2", "gemma3_text")
ARCHITECTURES = {
    "gemma3_text": "gemma3",
    "mistral": "llama",
    "mixtral": "llama",
    "qwen3_moe": "qwen3moe",
}
WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def architecture(config):
    """`general.architecture` of a model."""
    return ARCHITECTURES.get(config["model_type"], config["model_type"])


def gguf_name(name, config=None):
    """Of a tensor; those of experts are without the expert's number."""
    if name in WHOLE:
        return WHOLE[name]
    _, _, layer, part = name.split(".", 3)
    part, kind = part.rsplit(".", 1)
    has_post_norms = config and config["model_type"] in GEMMAS
    return f"blk.{layer}.{(POST_NORM_PARTS if has_post_norms else PARTS)[part]}.{kind}"


def expert_groups(tensors):
    """{name: tensors of it}: an expert's matrices go into one tensor, under the
    name without its number, all others are alone."""
    groups = {}
    for name in tensors:
        groups.setdefault(re.sub(r"\.experts\.\d+\.", ".experts.", name), []).append(name)
    return groups


def norm_values(name, values, config):
    """llama.cpp multiplies by what the file holds, Gemma by one more than that."""
    is_shifted = config["model_type"] in GEMMAS and name.endswith("norm.weight")
    return values + np.float32(1) if is_shifted else values


def head_dim(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def pair_rows(name, array, config):
    """The rows of `array` as llama.cpp orders them: it rotates neighbours, where
    Hugging Face rotates rows half a head apart."""
    part = name.split(".")[-2]
    if architecture(config) != "llama" or part not in ("q_proj", "k_proj"):
        return array
    halves = array.reshape(-1, 2, head_dim(config) // 2, *array.shape[1:])
    return halves.swapaxes(1, 2).reshape(array.shape)


def write_facts(writer, config):
    rope = {**config, **(config.get("rope_parameters") or {})}
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope.get("rope_theta", 10000.0))
    share = config.get("partial_rotary_factor", 1)
    writer.add_rope_dimension_count(int(head_dim(config) * share))
    writer.add_key_length(head_dim(config))
    writer.add_value_length(head_dim(config))
    writer.add_vocab_size(config["vocab_size"])
    write_variant(writer, config)


def write_variant(writer, config):
    """What only some families have, as llama.cpp's converters say it."""
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    if config["model_type"] in (*GEMMAS, "phi3"):
        writer.add_sliding_window(config.get("sliding_window") or 0)
    if config["model_type"] == "phi3":
        original = config["original_max_position_embeddings"]
        scale = config["max_position_embeddings"] / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(np.sqrt(1 + np.log(scale) / np.log(original)).item())
    if config["model_type"] == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if config["model_type"] == "gemma3_text":
        writer.add_sliding_window_pattern(config["sliding_window_pattern"])
        writer.add_rope_freq_base_swa(config["rope_local_base_freq"])
    experts = config.get("num_experts") or config.get("num_local_experts")
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
        if "moe_intermediate_size" in config:
            writer.add_expert_feed_forward_length(config["moe_intermediate_size"])


def add_rope_tensors(writer, config):
    """The factors of frequencies, if there are any."""
    factors = rope_factors(config)
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    scaling = config.get("rope_scaling") or {}
    if config["model_type"] == "phi3" and "short_factor" in scaling:
        for kind in ("long", "short"):
            values = np.array(scaling[f"{kind}_factor"], np.float32)
            writer.add_tensor(f"rope_factors_{kind}.weight", values)


def rope_factors(config):
    """What each frequency is divided by under the scaling of Llama 3; None for
    plain frequencies."""
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if scaling.get("rope_type") != "llama3":
        return None
    base, width = config.get("rope_theta", scaling.get("rope_theta")), head_dim(config)
    wavelengths = 2 * np.pi * base ** (np.arange(0, width, 2) / width)
    turns = scaling["original_max_position_embeddings"] / wavelengths
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    keep = np.clip((turns - low) / (high - low), 0, 1)
    return (1 / (keep + (1 - keep) / scaling["factor"])).astype(np.float32)


def write_tokenizer(writer, folder, pre, scores=None):
    """From tokenizer.json. pre: how words are split, `tokenizer.ggml.pre`. With
    `scores`, one a token, as a sentencepiece model instead."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    config = json.loads((folder / "tokenizer_config.json").read_text())
    model = tokenizer["model"]
    ids = {**model["vocab"], **{t["content"]: t["id"] for t in tokenizer["added_tokens"]}}
    tokens = sorted(ids, key=ids.get)
    special = {t["content"] for t in tokenizer["added_tokens"]}
    types = [gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens]
    if scores is None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges([" ".join(merge) for merge in model["merges"]])
    else:
        writer.add_tokenizer_model("llama")
        writer.add_token_scores(scores)
        types = [
            gguf.TokenType.BYTE if t.startswith("<0x") else kind
            for t, kind in zip(tokens, types, strict=True)
        ]
        writer.add_unk_token_id(ids[model["unk_token"]])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_bos_token_id(ids[config["bos_token"]])
    writer.add_eos_token_id(ids[config["eos_token"]])


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


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
