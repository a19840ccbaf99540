# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models against transformers: folders that it writes, with random
weights, must import, and compiled kernels must give its logits. `make clients`
installs it, with PyTorch, into an environment of its own.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support import CLIENTS, needs_compiler, open_variants

pytestmark = [needs_compiler, pytest.mark.client("transformers", "safetensors", "read")]

TOKENS = np.random.default_rng(7).integers(0, 320, 72).tolist()
SMALL = {
    "vocab_size": 320,
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
GEMMA = {**SMALL, "head_dim": 32, "sliding_window": 24, "query_pre_attn_scalar": 20}
CASES = {
    "llama": ("llama", {**SMALL, "rope_theta": 5000.0}),
    "mistral": ("mistral", {**SMALL, "sliding_window": 20}),
    "qwen2": ("qwen2", SMALL),
    "qwen3": ("qwen3", {**SMALL, "head_dim": 32}),
    # Caps that scores and logits of such a model reach.
    "gemma2": (
        "gemma2",
        {**GEMMA, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0},
    ),
    "gemma2-uncapped": (
        "gemma2",
        {**GEMMA, "attn_logit_softcapping": None, "final_logit_softcapping": None},
    ),
    "gemma3": ("gemma3_text", {**GEMMA, "sliding_window_pattern": 3}),
    "gemma3-ropes": (
        "gemma3_text",
        {
            **GEMMA,
            "layer_types": ["full_attention", "sliding_attention", "full_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 3e4},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e3},
            },
        },
    ),
}


GPT2 = {"vocab_size": 320, "n_embd": 96, "n_layer": 3, "n_head": 6, "n_positions": 128}
NEOX = {key: SMALL[key] for key in SMALL if key not in ("num_key_value_heads", "pad_token_id")}
CASES |= {
    "gpt2": ("gpt2", GPT2),
    "gpt2-untied": ("gpt2", {**GPT2, "n_inner": 160, "tie_word_embeddings": False}),
    "gpt-neox": ("gpt_neox", {**NEOX, "rotary_pct": 0.5}),
    "gpt-neox-serial": (
        "gpt_neox",
        {**NEOX, "rotary_pct": 1.0, "use_parallel_residual": False, "attention_bias": False},
    ),
    "mixtral": ("mixtral", {**SMALL, "num_local_experts": 5, "num_experts_per_tok": 2}),
    "qwen3-moe": (
        "qwen3_moe",
        {
            **SMALL,
            "head_dim": 32,
            "num_experts": 9,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 64,
            "mlp_only_layers": [1],
        },
    ),
    "qwen3-moe-normalized": (
        "qwen3_moe",
        {
            **SMALL,
            "num_experts": 8,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": 32,
            "norm_topk_prob": True,
            "decoder_sparse_step": 2,
        },
    ),
    "phi3": ("phi3", {**SMALL, "sliding_window": 30}),
    "phi3-longrope": (
        "phi3",
        {
            **SMALL,
            "max_position_embeddings": 512,
            "original_max_position_embeddings": 128,
            "partial_rotary_factor": 0.75,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": [1.0, 1.1, 1.25, 1.5, 2.0, 3.0],
                "long_factor": [4.0] * 6,
            },
        },
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The folder of each case."""
    if not CLIENTS.exists():
        pytest.skip(f"{CLIENTS} is not there; `make clients` makes it")
    out = tmp_path_factory.mktemp("transformers")
    cases = [
        {"name": name, "type": type, "config": config, "tokens": TOKENS, "seed": seed}
        for seed, (name, (type, config)) in enumerate(CASES.items())
    ]
    (out / "cases.json").write_text(json.dumps(cases))
    script = Path(__file__).with_name("client_transformers.py")
    command = [str(CLIENTS), str(script), str(out / "cases.json"), str(out)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 3:
        pytest.skip(f"{done.stdout.strip()} in {CLIENTS}; `make clients` installs it")
    assert done.returncode == 0, done.stderr
    return {name: out / name for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_logits(compile_once, folders, name):
    expected = np.load(folders[name] / "logits.npy").astype(np.float64)
    tolerance = 1e-4 * np.abs(expected).max()
    out = compile_once(folders[name], "", kv_cache="f32", target="host")
    for model in open_variants(out).values():
        with model.session() as session:
            found = [session.prefill(TOKENS[:50], rows=50)]
            found += [session.decode(token)[None] for token in TOKENS[50:]]
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=tolerance)
