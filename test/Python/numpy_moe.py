# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forward passes of Mixtral and Qwen3-MoE in NumPy, independent of the compiler."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy_llama import Array, NumpyLlama, silu


class NumpyMoE(NumpyLlama):
    """Each token goes through the experts that its router chooses."""

    def __init__(self, folder: str | Path, dtype: type = np.float32) -> None:
        super().__init__(folder, dtype)
        config = json.loads((Path(folder) / "config.json").read_text())
        is_mixtral = config["model_type"] == "mixtral"
        self.top: int = config["num_experts_per_tok"]
        self.normalized: bool = is_mixtral or config["norm_topk_prob"]
        self.part = "block_sparse_moe." if is_mixtral else "mlp."
        self.names = ("w1", "w3", "w2") if is_mixtral else ("gate_proj", "up_proj", "down_proj")

    def _mlp(self, x: Array, prefix: str) -> Array:
        part = prefix.removesuffix("mlp.") + self.part
        if part + "gate.weight" not in self.weights:
            return super()._mlp(x, prefix)
        tokens = x.reshape(-1, x.shape[-1])
        logits = self._linear(tokens, part + "gate")
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares = powers / powers.sum(axis=-1, keepdims=True)
        y = np.zeros_like(tokens)
        for token, row in enumerate(tokens):
            chosen = np.argsort(-shares[token], kind="stable")[: self.top]
            total = shares[token, chosen].sum() if self.normalized else 1
            for expert in chosen:
                gate, up, down = (f"{part}experts.{expert}.{name}" for name in self.names)
                h = silu(self._linear(row, gate)) * self._linear(row, up)
                y[token] += shares[token, expert] / total * self._linear(h, down)
        return y.reshape(x.shape)
