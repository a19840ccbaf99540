# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an ONNX file says of its weights; needs the onnx package."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray


class Weights:
    """Numbers that the tensors of a file stand for, by the formulas of the
    specification, and operators that use them."""

    def __init__(self, path: Path) -> None:
        self.model = onnx.load(path)
        graph = self.model.graph
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.users = {}
        for node in graph.node:
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def array(self, name: str) -> NDArray:
        return onnx.numpy_helper.to_array(self.tensors[name])

    def type(self, name: str) -> str:
        return onnx.TensorProto.DataType.Name(self.tensors[name].data_type)

    def user(self, name: str) -> tuple[str, dict[str, int]]:
        node = self.users[name][0]
        return node.op_type, {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def numbers(self, weight: str) -> NDArray:
        """[rows, columns], as our own names have them."""
        if weight in self.tensors:
            return self.array(weight).T.astype(np.float32)
        if weight + "_quantized" in self.tensors:
            return self._dequantized(weight)
        return self._unpacked(weight)

    def _dequantized(self, weight: str) -> NDArray:
        codes = self.array(weight + "_quantized").astype(np.float32)
        scale = self.array(weight + "_scale").astype(np.float32)
        zero = np.zeros_like(scale)
        if weight + "_zero_point" in self.tensors:
            zero = self.array(weight + "_zero_point").astype(np.float32)
            assert zero.shape == scale.shape
        kind, attributes = self.user(weight + "_quantized")
        assert kind == "DequantizeLinear"
        axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
        if scale.ndim == 1:
            shape = [-1 if i == axis else 1 for i in range(2)]
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        elif scale.ndim == 2:
            extent = codes.shape[axis]
            scale, zero = (np.repeat(a, block, axis).take(range(extent), axis)
                           for a in (scale, zero))  # fmt: skip
        return ((codes - zero) * scale).T

    def _unpacked(self, weight: str) -> NDArray:
        name = next(n for n in self.tensors if re.fullmatch(re.escape(weight) + r"_Q\d", n))
        kind, a = self.user(name)
        assert (kind, self.type(name)) == ("MatMulNBits", "UINT8")
        bits, blocks = a["bits"], -(-a["K"] // a["block_size"])
        packed = self.array(name)
        assert packed.shape == (a["N"], blocks, a["block_size"] * bits // 8)
        codes = unpacked(packed.reshape(a["N"], -1), bits)
        codes = codes.reshape(a["N"], blocks, a["block_size"])
        zero = np.full((a["N"], blocks), 1 << (bits - 1), np.float32)
        if weight + "_zero_points" in self.tensors:
            zero = self.array(weight + "_zero_points")
            if zero.dtype == np.uint8:
                zero = unpacked(zero, bits)[:, :blocks]
            zero = zero.astype(np.float32)
        scale = self.array(weight + "_scales").astype(np.float32)[..., None]
        numbers = (codes - zero[..., None]) * scale
        padding = numbers.reshape(a["N"], -1)[:, a["K"] :]
        assert (codes.reshape(a["N"], -1)[:, a["K"] :] == 0).all(), padding
        return numbers.reshape(a["N"], -1)[:, : a["K"]]


def unpacked(data: NDArray, bits: int) -> NDArray:
    planes = np.unpackbits(data, axis=-1, bitorder="little")
    planes = planes.reshape(*data.shape[:-1], -1, bits).astype(np.int64)
    return (planes @ (1 << np.arange(bits))).astype(np.float32)
