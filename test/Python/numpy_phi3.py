# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The forward pass of Phi-3 in NumPy, independent of the compiler."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy_llama import Array, NumpyLlama, rotate


class NumpyPhi3(NumpyLlama):
    """Fused projections, heads of which a part turns, and longrope."""

    def __init__(self, folder: str | Path, dtype: type = np.float32) -> None:
        super().__init__(folder, dtype)
        config = json.loads((Path(folder) / "config.json").read_text())
        self.rotated = int(self.head_dim * config["partial_rotary_factor"])
        exponents = np.arange(0, self.rotated, 2) / self.rotated
        original = config["original_max_position_embeddings"]
        factor = config["max_position_embeddings"] / original
        self.frequencies = config["rope_theta"] ** -exponents
        self.frequencies = self.frequencies / config["rope_scaling"]["short_factor"]
        self.magnitude = np.sqrt(1 + np.log(factor) / np.log(original))

    def _rotate(self, x: Array, layer: int) -> Array:
        angles = np.outer(np.arange(x.shape[-2]), self.frequencies)
        both = np.concatenate([angles, angles], axis=-1)
        cosine, sine = ((f(both) * self.magnitude).astype(self.dtype) for f in (np.cos, np.sin))
        turned = rotate(x[..., : self.rotated], cosine, sine)
        return np.concatenate([turned, x[..., self.rotated :]], axis=-1)

    def _linear(self, x: Array, name: str) -> Array:
        stem, _, part = name.rpartition(".")
        keys = self.kv_heads * self.head_dim
        queries = self.heads * self.head_dim
        rows = {
            "q_proj": slice(0, queries),
            "k_proj": slice(queries, queries + keys),
            "v_proj": slice(queries + keys, None),
        }
        if part in rows:
            return x @ self.weights[f"{stem}.qkv_proj.weight"][rows[part]].T
        if part in ("gate_proj", "up_proj"):
            gate, up = np.split(self.weights[f"{stem}.gate_up_proj.weight"], 2)
            return x @ (gate if part == "gate_proj" else up).T
        return super()._linear(x, name)
