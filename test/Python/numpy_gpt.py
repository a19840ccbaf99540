# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forward passes of GPT-2 and GPT-NeoX in NumPy, independent of the compiler."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from numpy_gemma import gelu_tanh
from numpy_llama import Array, NumpyLlama, read_weights, rotate

_erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x: Array) -> Array:
    return (x * (1 + _erf(x.astype(np.float64) / math.sqrt(2))) / 2).astype(x.dtype)


class _NumpyGPT(NumpyLlama):
    """Layer norms with biases, and a feed-forward part without a gate."""

    def __init__(self, folder: str | Path, dtype: type) -> None:
        self.config = json.loads((Path(folder) / "config.json").read_text())
        self.dtype = dtype
        self.weights = read_weights(Path(folder), dtype)
        self.window = None

    def _layer_norm(self, x: Array, name: str) -> Array:
        distance = x - x.mean(axis=-1, keepdims=True)
        variance = np.mean(distance**2, axis=-1, keepdims=True) + self.dtype(self.epsilon)
        return self._shifted(distance / np.sqrt(variance) * self.weights[name + ".weight"], name)

    def _shifted(self, x: Array, name: str) -> Array:
        return x + self.weights[name + ".bias"]


class NumpyGPT2(_NumpyGPT):
    """Learned positions; matrices are stored as [columns, rows]."""

    def __init__(self, folder: str | Path, dtype: type = np.float32) -> None:
        super().__init__(folder, dtype)
        self.layers = self.config["n_layer"]
        self.heads = self.kv_heads = self.config["n_head"]
        self.head_dim = self.config["n_embd"] // self.heads
        self.epsilon = self.config["layer_norm_epsilon"]
        self.scale = self.head_dim**-0.5

    def _conv(self, x: Array, name: str) -> Array:
        return self._shifted(x @ self.weights[name + ".weight"], name)

    def _embed(self, ids: NDArray[np.integer]) -> Array:
        positions = self.weights["transformer.wpe.weight"][: ids.shape[1]]
        return self.weights["transformer.wte.weight"][ids] + positions

    def _layer(self, x: Array, layer: int) -> Array:
        prefix = f"transformer.h.{layer}."
        h = self._conv(self._layer_norm(x, prefix + "ln_1"), prefix + "attn.c_attn")
        q, k, v = (self._split(part, self.heads) for part in np.split(h, 3, axis=-1))
        x = x + self._conv(self._mix(q, k, v, layer), prefix + "attn.c_proj")
        h = self._conv(self._layer_norm(x, prefix + "ln_2"), prefix + "mlp.c_fc")
        return x + self._conv(gelu_tanh(h), prefix + "mlp.c_proj")

    def _head(self, x: Array) -> Array:
        x = self._layer_norm(x, "transformer.ln_f")
        return x @ self.weights["transformer.wte.weight"].T


class NumpyGPTNeoX(_NumpyGPT):
    """Heads of which a part turns; attention and feed-forward side by side."""

    def __init__(self, folder: str | Path, dtype: type = np.float32) -> None:
        super().__init__(folder, dtype)
        self.layers = self.config["num_hidden_layers"]
        self.heads = self.kv_heads = self.config["num_attention_heads"]
        self.head_dim = self.config["hidden_size"] // self.heads
        self.epsilon = self.config["layer_norm_eps"]
        self.scale = self.head_dim**-0.5
        self.rotated = int(self.head_dim * self.config["rotary_pct"])
        exponents = np.arange(0, self.rotated, 2) / self.rotated
        self.frequencies = self.config["rotary_emb_base"] ** -exponents

    def _rotate(self, x: Array, layer: int) -> Array:
        angles = np.outer(np.arange(x.shape[-2]), self.frequencies)
        both = np.concatenate([angles, angles], axis=-1)
        cosine, sine = (f(both).astype(self.dtype) for f in (np.cos, np.sin))
        turned = rotate(x[..., : self.rotated], cosine, sine)
        return np.concatenate([turned, x[..., self.rotated :]], axis=-1)

    def _embed(self, ids: NDArray[np.integer]) -> Array:
        return self.weights["gpt_neox.embed_in.weight"][ids]

    def _layer(self, x: Array, layer: int) -> Array:
        prefix = f"gpt_neox.layers.{layer}."
        h = self._layer_norm(x, prefix + "input_layernorm")
        h = self._linear(h, prefix + "attention.query_key_value")
        windows, length, _ = h.shape
        h = h.reshape(windows, length, self.heads, 3, self.head_dim).transpose(3, 0, 2, 1, 4)
        mixed = self._mix(self._rotate(h[0], layer), self._rotate(h[1], layer), h[2], layer)
        mixed = self._linear(mixed, prefix + "attention.dense")
        seen = x if self.config["use_parallel_residual"] else x + mixed
        h = self._layer_norm(seen, prefix + "post_attention_layernorm")
        h = gelu(self._linear(h, prefix + "mlp.dense_h_to_4h"))
        return x + mixed + self._linear(h, prefix + "mlp.dense_4h_to_h")

    def _head(self, x: Array) -> Array:
        x = self._layer_norm(x, "gpt_neox.final_layer_norm")
        return x @ self.weights["embed_out.weight"].T
