# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the families of models call their numbers and weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Shape:
    """Dimensions of a decoder."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    tied: bool = True
    family: str = "llama"
    epsilon: float = 1e-5
    theta: float = 10000.0
    extra: dict[str, Any] = field(default_factory=dict)


_ARCHITECTURES = {
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "gpt_neox": "GPTNeoXForCausalLM",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
}
_GEMMAS = frozenset(("gemma2", "gemma3_text"))


def norm_center(shape: Shape, name: str, dimensions: tuple[int, ...]) -> float | None:
    """What the weights of a norm lie about, for norms scale: one, or zero where
    one is added to them. None for other weights."""
    if len(dimensions) != 1 or not name.endswith(".weight"):
        return None
    return 0 if shape.family in _GEMMAS else 1


def tensor_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight."""
    if shape.family == "gpt2":
        return _gpt2_tensors(shape)
    if shape.family == "gpt_neox":
        return _gpt_neox_tensors(shape)
    return _llama_tensors(shape)


def _gpt2_tensors(shape: Shape) -> dict[str, tuple[int, ...]]:
    hidden, inner = shape.hidden, shape.intermediate
    tensors: dict[str, tuple[int, ...]] = {
        "transformer.wte.weight": (shape.vocabulary, hidden),
        "transformer.wpe.weight": (shape.context, hidden),
    }
    for layer in range(shape.layers):
        prefix = f"transformer.h.{layer}."
        for name, columns, rows in (
            ("attn.c_attn", hidden, 3 * hidden),
            ("attn.c_proj", hidden, hidden),
            ("mlp.c_fc", hidden, inner),
            ("mlp.c_proj", inner, hidden),
        ):
            tensors[f"{prefix}{name}.weight"] = (columns, rows)
            tensors[f"{prefix}{name}.bias"] = (rows,)
        for name in ("ln_1", "ln_2"):
            tensors |= _layer_norm(prefix + name, hidden)
    return tensors | _layer_norm("transformer.ln_f", hidden)


def _gpt_neox_tensors(shape: Shape) -> dict[str, tuple[int, ...]]:
    hidden, inner = shape.hidden, shape.intermediate
    tensors: dict[str, tuple[int, ...]] = {"gpt_neox.embed_in.weight": (shape.vocabulary, hidden)}
    for layer in range(shape.layers):
        prefix = f"gpt_neox.layers.{layer}."
        for name, rows, columns in (
            ("attention.query_key_value", 3 * hidden, hidden),
            ("attention.dense", hidden, hidden),
            ("mlp.dense_h_to_4h", inner, hidden),
            ("mlp.dense_4h_to_h", hidden, inner),
        ):
            tensors[f"{prefix}{name}.weight"] = (rows, columns)
            tensors[f"{prefix}{name}.bias"] = (rows,)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors |= _layer_norm(prefix + name, hidden)
    tensors |= _layer_norm("gpt_neox.final_layer_norm", hidden)
    return tensors | {"embed_out.weight": (shape.vocabulary, hidden)}


def _layer_norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _llama_tensors(shape: Shape) -> dict[str, tuple[int, ...]]:
    tensors: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (shape.vocabulary, shape.hidden)
    }
    for layer in range(shape.layers):
        for name, dimensions in _layer_tensors(shape, layer).items():
            tensors[f"model.layers.{layer}.{name}"] = dimensions
    tensors["model.norm.weight"] = (shape.hidden,)
    if not shape.tied:
        tensors["lm_head.weight"] = (shape.vocabulary, shape.hidden)
    return tensors


def _layer_tensors(shape: Shape, layer: int) -> dict[str, tuple[int, ...]]:
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    tensors: dict[str, tuple[int, ...]] = {}
    if shape.family == "phi3":
        tensors["self_attn.qkv_proj.weight"] = (queries + 2 * keys, shape.hidden)
    else:
        for name, rows in (("q", queries), ("k", keys), ("v", keys)):
            tensors[f"self_attn.{name}_proj.weight"] = (rows, shape.hidden)
            if shape.family == "qwen2":
                tensors[f"self_attn.{name}_proj.bias"] = (rows,)
    tensors["self_attn.o_proj.weight"] = (shape.hidden, queries)
    if shape.family in ("qwen3", "qwen3_moe", "gemma3_text"):
        tensors["self_attn.q_norm.weight"] = (shape.head_dim,)
        tensors["self_attn.k_norm.weight"] = (shape.head_dim,)
    tensors |= _feed_forward_tensors(shape, layer)
    tensors["input_layernorm.weight"] = (shape.hidden,)
    tensors["post_attention_layernorm.weight"] = (shape.hidden,)
    if shape.family in _GEMMAS:
        tensors["pre_feedforward_layernorm.weight"] = (shape.hidden,)
        tensors["post_feedforward_layernorm.weight"] = (shape.hidden,)
    return tensors


def _feed_forward_tensors(shape: Shape, layer: int) -> dict[str, tuple[int, ...]]:
    hidden, inner = shape.hidden, shape.intermediate
    if shape.family == "phi3":
        return {
            "mlp.gate_up_proj.weight": (2 * inner, hidden),
            "mlp.down_proj.weight": (hidden, inner),
        }
    if shape.family == "mixtral":
        return _expert_tensors(shape, "block_sparse_moe", ("w1", "w3", "w2"), inner)
    names = ("gate_proj", "up_proj", "down_proj")
    if shape.family == "qwen3_moe" and layer not in shape.extra.get("mlp_only_layers", ()):
        return _expert_tensors(shape, "mlp", names, shape.extra["moe_intermediate_size"])
    return {
        "mlp.gate_proj.weight": (inner, hidden),
        "mlp.up_proj.weight": (inner, hidden),
        "mlp.down_proj.weight": (hidden, inner),
    }


def _expert_tensors(
    shape: Shape, part: str, names: tuple[str, str, str], inner: int
) -> dict[str, tuple[int, ...]]:
    experts = shape.extra.get("num_experts") or shape.extra["num_local_experts"]
    gate, up, down = names
    tensors: dict[str, tuple[int, ...]] = {f"{part}.gate.weight": (experts, shape.hidden)}
    for expert in range(experts):
        prefix = f"{part}.experts.{expert}."
        tensors[f"{prefix}{gate}.weight"] = (inner, shape.hidden)
        tensors[f"{prefix}{up}.weight"] = (inner, shape.hidden)
        tensors[f"{prefix}{down}.weight"] = (shape.hidden, inner)
    return tensors


def model_config(shape: Shape) -> dict[str, Any]:
    """What config.json says of the model."""
    config: dict[str, Any] = {
        "architectures": [_ARCHITECTURES[shape.family]],
        "model_type": shape.family,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": shape.tied,
    }
    if shape.family == "gpt2":
        return config | {
            "n_embd": shape.hidden,
            "n_inner": shape.intermediate,
            "n_layer": shape.layers,
            "n_head": shape.heads,
            "n_positions": shape.context,
            "layer_norm_epsilon": shape.epsilon,
            "activation_function": "gelu_new",
        }
    config |= {
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "max_position_embeddings": shape.context,
    }
    if shape.family == "gpt_neox":
        return config | {
            "layer_norm_eps": shape.epsilon,
            "rotary_emb_base": shape.theta,
            "hidden_act": "gelu",
        }
    activation = (
        {"hidden_activation": "gelu_pytorch_tanh"}
        if shape.family in _GEMMAS
        else {"hidden_act": "silu"}
    )
    return {
        **config,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "rms_norm_eps": shape.epsilon,
        "rope_theta": shape.theta,
        **activation,
    }
