# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What llama.cpp computes on a CPU, in NumPy: the models of this folder, with
the roundings of ggml where it has some.

ggml codes the inputs of a product with blocks of eight bits first, and looks GELU
up in a table of halves. All else is binary64 here.
"""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf_files import gguf_models
from numpy_gemma import NumpyGemma, gelu_tanh
from numpy_llama import Array, NumpyLlama

# Types whose products take inputs in blocks of 256; those of the others have 32.
WIDE = (Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.IQ4_XS)
# Types with an offset m in the second half of a block: its product is m times the
# sum of the inputs' codes, which ggml keeps in a half.
OFFSET = (Type.Q4_1, Type.Q5_1)


def code_inputs(x: Array, block: int) -> tuple[Array, Array]:
    """Codes of eight bits and their scales, [..., blocks, block] and [..., blocks,
    1]. Scales of blocks of 32 are halves in the product."""
    blocks = x.astype(np.float32).reshape(*x.shape[:-1], -1, block)
    scale = np.abs(blocks).max(axis=-1, keepdims=True) / np.float32(127)
    codes = np.rint(blocks / np.where(scale == 0, 1, scale))
    return codes.astype(np.float64), scale.astype(np.float64)


class GgmlMatrix:
    """A matrix of a GGUF file with its rows in Hugging Face's order."""

    def __init__(self, tensor: gguf.ReaderTensor, name: str, config: dict) -> None:
        self.block = 256 if tensor.tensor_type in WIDE else 32
        data = tensor.data
        self.offsets = None
        if tensor.tensor_type in OFFSET:
            size = gguf.GGML_QUANT_SIZES[tensor.tensor_type][1]
            blocks = data.reshape(len(data), -1, size).copy()
            halves = blocks[..., 2:4].copy().view(np.float16)[..., 0]
            self.offsets = unpair_rows(name, halves.astype(np.float64), config)
        values = gguf.quants.dequantize(data, tensor.tensor_type).astype(np.float64)
        self.values = unpair_rows(name, values, config)

    def __matmul__(self, x: Array) -> Array:
        """x [..., columns] -> [..., rows]."""
        codes, scale = code_inputs(x, self.block)
        used = scale.astype(np.float16).astype(np.float64) if self.block == 32 else scale
        y = (codes * used).reshape(x.shape) @ self.values.T
        if self.offsets is None:
            return y
        total = codes.sum(axis=-1)
        exact = (total * used[..., 0]) @ self.offsets.T
        return y - exact + (total * scale[..., 0]).astype(np.float16) @ self.offsets.T


def unpair_rows(name: str, rows: Array, config: dict) -> Array:
    """The inverse of gguf_models.pair_rows."""
    order = gguf_models.pair_rows(name, np.arange(len(rows)), config)
    result = np.empty_like(rows)
    result[order] = rows
    return result


class NumpyGgml(NumpyLlama):
    """A model of the folder's family whose matrices are those of a GGUF file."""

    def __init__(self, folder: str | Path, file: Path) -> None:
        super().__init__(folder, np.float64)
        config = json.loads((Path(folder) / "config.json").read_text())
        tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
        self.matrices = {
            name: GgmlMatrix(tensors[gguf_models.gguf_name(name)], name, config)
            for name, values in self.weights.items()
            if values.ndim == 2
        }
        table = "model.embed_tokens.weight"
        self.weights[table] = self.matrices[table].values

    def _linear(self, x: Array, name: str) -> Array:
        return self.matrices[name + ".weight"] @ x

    def _head(self, x: Array) -> Array:
        x = self._norm(x, "model.norm.weight")
        head = self.matrices.get("lm_head.weight", self.matrices["model.embed_tokens.weight"])
        return head @ x


class NumpyGgmlGemma(NumpyGemma):
    """Gemma with ggml's GELU: of halves, and a half."""

    def _activate(self, x: Array) -> Array:
        halves = gelu_tanh(x.astype(np.float16).astype(self.dtype)).astype(np.float16)
        return np.where(x <= -10, 0, np.where(x >= 10, x, halves.astype(self.dtype)))
