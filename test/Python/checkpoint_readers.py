# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantized checkpoints decoded by the formulas of those who read them: written
from their sources, apart from share/checkpoints.txt."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray]


def fields(words: NDArray, bits: int) -> NDArray[np.int64]:
    """The codes of little-endian words, the lowest bits first, of a last axis."""
    stream = np.unpackbits(
        np.ascontiguousarray(words).view(np.uint8), axis=-1, bitorder="little"
    ).astype(np.int64)
    count = stream.shape[-1] // bits
    groups = stream[..., : count * bits].reshape(*stream.shape[:-1], count, bits)
    return groups @ (1 << np.arange(bits))


def spread(values: NDArray, shape: tuple[int, int]) -> NDArray:
    """Blocks of a matrix of scales, each as often as it has elements."""
    down, across = (-(-extent // count) for extent, count in zip(shape, values.shape, strict=True))
    return values.repeat(down, 0)[: shape[0]].repeat(across, 1)[:, : shape[1]]


def read_gptq(tensors: Tensors, name: str, config: dict) -> NDArray:
    bits = config["bits"]
    codes = fields(tensors[f"{name}.qweight"].T, bits)  # [out, in]
    zeros = fields(tensors[f"{name}.qzeros"], bits).T  # [out, groups]
    scales = tensors[f"{name}.scales"].T.astype(np.float32)
    groups = tensors[f"{name}.g_idx"]
    zeros = zeros + {"gptq": 1, "gptq_v2": 0}[config["checkpoint_format"]]
    return (codes - zeros[:, groups]).astype(np.float32) * scales[:, groups]


AWQ_ORDER = [0, 4, 1, 5, 2, 6, 3, 7]


def read_awq(tensors: Tensors, name: str, config: dict) -> NDArray:
    def unpack(words):
        codes = fields(words, 4)
        return codes.reshape(len(codes), -1, 8)[..., AWQ_ORDER].reshape(len(codes), -1).T

    codes, zeros = unpack(tensors[f"{name}.qweight"]), unpack(tensors[f"{name}.qzeros"])
    scales = tensors[f"{name}.scales"].T.astype(np.float32)
    shape = codes.shape
    return (codes - spread(zeros, shape)).astype(np.float32) * spread(scales, shape)


def read_packed(tensors: Tensors, name: str, arguments: dict) -> NDArray:
    bits, shape = arguments["num_bits"], tuple(tensors[f"{name}.weight_shape"].tolist())
    codes = fields(tensors[f"{name}.weight_packed"], bits)[:, : shape[1]] - (1 << (bits - 1))
    if not arguments["symmetric"]:
        zeros = fields(np.ascontiguousarray(tensors[f"{name}.weight_zero_point"].T), bits)
        zeros = zeros.T[: shape[0]] - (1 << (bits - 1))
        codes = codes - spread(zeros, shape)
    scales = tensors[f"{name}.weight_scale"].astype(np.float32)
    return codes.astype(np.float32) * spread(scales, shape)


def read_naive(tensors: Tensors, name: str, arguments: dict) -> NDArray:
    """A code an element."""
    codes = tensors[f"{name}.weight"].astype(np.float32)
    scales = tensors[f"{name}.weight_scale"].astype(np.float32)
    strategy = arguments["strategy"]
    if not arguments["symmetric"]:
        codes = codes - spread(tensors[f"{name}.weight_zero_point"], codes.shape)
    if strategy == "tensor":
        assert scales.shape == (1,)
        return codes * scales
    if strategy == "block":
        height, width = arguments["block_structure"]
        scales = scales.repeat(height, 0).repeat(width, 1)
        return codes * scales[: codes.shape[0], : codes.shape[1]]
    return codes * spread(scales, codes.shape)


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)


def read_compressed(tensors: Tensors, name: str, config: dict) -> NDArray:
    (group,) = config["config_groups"].values()
    form, arguments = config["format"], group["weights"]
    if form == "pack-quantized":
        return read_packed(tensors, name, arguments)
    if form in ("int-quantized", "float-quantized"):
        return read_naive(tensors, name, arguments)
    scales = tensors[f"{name}.weight_scale"]
    if form == "mxfp8-quantized":
        codes = tensors[f"{name}.weight"].astype(np.float32)
    else:
        codes = np.concatenate([E2M1, -E2M1])[fields(tensors[f"{name}.weight_packed"], 4)]
    if form == "nvfp4-pack-quantized":
        scales = scales.astype(np.float32) / tensors[f"{name}.weight_global_scale"]
    else:
        assert form in ("mxfp4-pack-quantized", "mxfp8-quantized") and scales.dtype == np.uint8
        scales = np.float32(2) ** (scales.astype(np.float32) - 127)
    return codes * spread(scales, codes.shape)


def read_bnb(tensors: Tensors, name: str, config: dict) -> NDArray:
    kind = config["bnb_4bit_quant_type"]
    state = json.loads(tensors[f"{name}.weight.quant_state.bitsandbytes__{kind}"].tobytes())
    packed = tensors[f"{name}.weight"]
    assert packed.shape[1:] == (1,) and state["quant_type"] == kind
    codes = np.stack([packed >> 4, packed & 15], -1).reshape(-1)
    values = tensors[f"{name}.weight.quant_map"][codes[: np.prod(state["shape"])]]
    scales = tensors[f"{name}.weight.absmax"]
    assert config["bnb_4bit_use_double_quant"] == (scales.dtype == np.uint8)
    if config["bnb_4bit_use_double_quant"]:
        outer = tensors[f"{name}.weight.nested_absmax"].repeat(state["nested_blocksize"])
        scales = tensors[f"{name}.weight.nested_quant_map"][scales] * outer[: len(scales)]
        scales = scales + np.float32(state["nested_offset"])
    scales = scales.repeat(state["blocksize"])[: len(values)]
    return (values * scales).reshape(state["shape"])


def read_fp8(tensors: Tensors, name: str, config: dict) -> NDArray:
    codes = tensors[f"{name}.weight"].astype(np.float32)
    scales = tensors[f"{name}.weight_scale_inv"].astype(np.float32)
    height, width = config.get("weight_block_size", codes.shape)
    return codes * scales.repeat(height, 0)[: len(codes)].repeat(width, 1)[:, : codes.shape[1]]


def read_tensors(path: Path) -> Tensors:
    """Types that numpy lacks by ml_dtypes."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    types = {
        "F8_E4M3": ml_dtypes.float8_e4m3fn, "BF16": ml_dtypes.bfloat16, "F16": np.float16,
        "F32": np.float32, "I32": np.int32, "I64": np.int64, "U8": np.uint8, "I8": np.int8,
    }  # fmt: skip
    found = {}
    for name, facts in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = (begin + offset for offset in facts["data_offsets"])
            array = np.frombuffer(data[first:last], types[facts["dtype"]])
            found[name] = array.reshape(facts["shape"])
    return found


def read_folder(folder: Path) -> tuple[Tensors, list[set[str]]]:
    """The tensors of all files, and the names in each."""
    tensors, files = {}, []
    for path in sorted(folder.glob("*.safetensors")):
        found = read_tensors(path)
        assert not tensors.keys() & found.keys()
        tensors.update(found)
        files.append(set(found))
    return tensors, files


READERS = {
    "gptq": read_gptq,
    "awq": read_awq,
    "compressed-tensors": read_compressed,
    "bnb": read_bnb,
    "fp8": read_fp8,
}
