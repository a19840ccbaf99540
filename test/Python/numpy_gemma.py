# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forward passes of Gemma 2 and Gemma 3 in NumPy, independent of the compiler."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from numpy_llama import Array, NumpyLlama


def gelu_tanh(x: Array) -> Array:
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def softcap(x: Array, cap: float | None) -> Array:
    return x if cap is None else cap * np.tanh(x / cap)


class NumpyGemma(NumpyLlama):
    """Norms before and behind each part, windows in most layers."""

    def __init__(self, folder: str | Path, dtype: type = np.float32) -> None:
        super().__init__(folder, dtype)
        config = json.loads((Path(folder) / "config.json").read_text())
        self.scale = config["query_pre_attn_scalar"] ** -0.5
        self.attention_cap: float | None = config.get("attn_logit_softcapping")
        self.logit_cap: float | None = config.get("final_logit_softcapping")
        pattern = 2 if config["model_type"] == "gemma2" else config["sliding_window_pattern"]
        self.windowed = [(layer + 1) % pattern != 0 for layer in range(self.layers)]
        self.window_frequencies = self.frequencies
        if config["model_type"] == "gemma3_text":
            exponents = np.arange(0, self.head_dim, 2) / self.head_dim
            self.window_frequencies = config["rope_local_base_freq"] ** -exponents

    def _embed(self, ids: NDArray[np.integer]) -> Array:
        x = super()._embed(ids)
        return x * self.dtype(np.sqrt(x.shape[-1]))

    def _layer(self, x: Array, layer: int) -> Array:
        prefix = f"model.layers.{layer}."
        h = self._norm(x, prefix + "input_layernorm.weight")
        h = self._attention(h, layer)
        x = x + self._norm(h, prefix + "post_attention_layernorm.weight")
        h = self._norm(x, prefix + "pre_feedforward_layernorm.weight")
        h = self._mlp(h, prefix + "mlp.")
        return x + self._norm(h, prefix + "post_feedforward_layernorm.weight")

    def _norm(self, x: Array, name: str) -> Array:
        scale = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.dtype(self.epsilon))
        return x / scale * (1 + self.weights[name])

    def _activate(self, x: Array) -> Array:
        return gelu_tanh(x)

    def _window(self, layer: int) -> int | None:
        return self.window if self.windowed[layer] else None

    def _frequencies(self, layer: int) -> Array:
        return self.window_frequencies if self.windowed[layer] else self.frequencies

    def _bend(self, scores: Array) -> Array:
        return softcap(scores, self.attention_cap)

    def _head(self, x: Array) -> Array:
        return softcap(super()._head(x), self.logit_cap)
