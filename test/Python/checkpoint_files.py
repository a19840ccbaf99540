# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantized checkpoints in the style of Hugging Face, written with NumPy from the
descriptions of the methods, beside the numbers that they stand for. Nothing here
knows Quern's formats and layouts."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from support import ROOT

Array = NDArray[Any]
# Safetensors' name of the type, and the array.
Tensor = tuple[str, Array]
# What a method makes of a weight: tensors by the end of their names, `.` before
# it, and the numbers that they stand for.
Stored = tuple[dict[str, Tensor], NDArray[np.float32]]

F8 = ml_dtypes.float8_e4m3fn
FLOATS = {"F16": np.float16, "BF16": ml_dtypes.bfloat16, "F32": np.float32}
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)


def read_tensors(path: Path) -> dict[str, Tensor]:
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    types = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
    tensors = {}
    for name, facts in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = (begin + offset for offset in facts["data_offsets"])
            array = np.frombuffer(data[first:last], types[facts["dtype"]])
            tensors[name] = (facts["dtype"], array.reshape(facts["shape"]))
    return tensors


def write_tensors(
    path: Path, tensors: dict[str, Tensor], notes: dict[str, str] | None = None
) -> None:
    """`notes`: texts of `__metadata__`."""
    entries: dict[str, Any] = {"__metadata__": notes} if notes else {}
    parts, begin = [], 0
    for name, (dtype, array) in tensors.items():
        part = np.ascontiguousarray(array).tobytes()
        entries[name] = {
            "dtype": dtype,
            "shape": list(np.shape(array)),
            "data_offsets": [begin, begin + len(part)],
        }
        begin += len(part)
        parts.append(part)
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"".join(parts))


def is_projection(name: str) -> bool:
    return name.endswith("_proj.weight")


def write_checkpoint(
    source: Path,
    out: Path,
    store: Callable[[str, NDArray[np.float32]], Stored],
    config: dict[str, Any] | None,
    numbers: Path | None = None,
    takes: Callable[[str], bool] = is_projection,
    change: Callable[[dict[str, Tensor]], None] = lambda tensors: None,
    notes: Callable[[dict[str, Tensor]], dict[str, str]] = lambda tensors: {},
) -> dict[str, NDArray[np.float32]]:
    """Writes the folder `source` with the weights that `takes` names as `store`
    has them and `config` as its quantization_config, and to `numbers` a folder of
    what they stand for, in f32. `change` may spoil the tensors; `notes` says what
    the file says of them."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, NDArray[np.float32]] = {}
    for name, (dtype, array) in read_tensors(source / "model.safetensors").items():
        weight = array.astype(np.float32)
        if not takes(name):
            tensors[name], values[name] = (dtype, array), weight
            continue
        parts, values[name] = store(name, weight)
        module = name.removesuffix(".weight")
        tensors |= {module + end: tensor for end, tensor in parts.items()}
    texts = notes(tensors)
    change(tensors)
    for folder in filter(None, (out, numbers)):
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(source / file, folder / file)
    facts = json.loads((source / "config.json").read_text())
    if numbers:
        (numbers / "config.json").write_text(json.dumps(facts))
        floats = {name: ("F32", value) for name, value in values.items()}
        write_tensors(numbers / "model.safetensors", floats)
    if config is not None:
        facts["quantization_config"] = copy.deepcopy(config)
    (out / "config.json").write_text(json.dumps(facts))
    write_tensors(out / "model.safetensors", tensors, texts)
    return values


# Codes.


def pack_words(codes: Array, bits: int) -> NDArray[np.int32]:
    """Rows of codes as streams of bits, lowest first, in words of 32."""
    planes = (codes.astype(np.int64)[..., None] >> np.arange(bits)) & 1
    flat = planes.reshape(len(codes), -1).astype(np.uint8)
    flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 32)))
    return np.packbits(flat, axis=1, bitorder="little").view("<i4")


def pack_padded_words(codes: Array, bits: int) -> NDArray[np.int32]:
    """Whole codes in words of 32 bits."""
    fields = 32 // bits
    padded = np.pad(codes.astype(np.int64), ((0, 0), (0, -codes.shape[1] % fields)))
    words = padded.reshape(len(codes), -1, fields) << (bits * np.arange(fields))
    return words.sum(-1).astype(np.uint32).view(np.int32)


def pack_nibbles(codes: Array) -> NDArray[np.uint8]:
    """The first of two neighbours in the low half of a byte."""
    return (codes[..., ::2] | codes[..., 1::2] << 4).astype(np.uint8)


def blocks_of(weight: Array, rows: int, cols: int) -> tuple[Array, Array]:
    """For each element the row and column of its block."""
    down, across = np.indices(weight.shape)
    return down // rows, across // cols


def integers(
    weight: NDArray[np.float32],
    group: Array,
    bits: int,
    dtype: str,
    symmetric: bool,
    least_zero: int = 0,
) -> tuple[Array, Array, Array, NDArray[np.float32]]:
    """Codes from 0 on, scales and zero points [groups, rows] and what they stand
    for. `group`: of each column."""
    count, top = int(group.max()) + 1, 2**bits - 1
    scales = np.empty((count, len(weight)), np.float32)
    zeros = np.empty((count, len(weight)), np.int64)
    for g in range(count):
        part = weight[:, group == g]
        low, high = np.minimum(part.min(1), 0), np.maximum(part.max(1), 0)
        if symmetric:
            scales[g] = np.maximum(-low, high) * 2 / top
            zeros[g] = 2 ** (bits - 1)
        else:
            scales[g] = (high - low) / top
            zeros[g] = np.clip(np.rint(-low / scales[g]), least_zero, top)
    stored = scales.astype(FLOATS[dtype])
    scale, zero = stored.astype(np.float32)[group].T, zeros[group].T
    codes = np.clip(np.rint(weight / scale) + zero, 0, top).astype(np.int64)
    return codes, stored, zeros, (codes - zero).astype(np.float32) * scale


# Methods.


def gptq(
    bits: int,
    group: int = -1,
    sym: bool = False,
    v2: bool = False,
    desc_act: bool = False,
    dtype: str = "F16",
) -> Callable[[str, NDArray[np.float32]], Stored]:
    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        cols = weight.shape[1]
        size = cols if group == -1 else group
        order = np.random.default_rng(len(name)).permutation(cols) if desc_act else np.arange(cols)
        g_idx = np.empty(cols, np.int32)
        g_idx[order] = np.arange(cols) // size
        codes, scales, zeros, values = integers(weight, g_idx, bits, dtype, sym, 0 if v2 else 1)
        return {
            ".qweight": ("I32", pack_words(codes, bits).T),
            ".qzeros": ("I32", pack_words(zeros - (not v2), bits)),
            ".scales": (dtype, scales),
            ".g_idx": ("I32", g_idx),
        }, values

    return store


def gptq_config(bits: int, group: int = -1, v2: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "quant_method": "gptq",
        "bits": bits,
        "group_size": group,
        "checkpoint_format": "gptq_v2" if v2 else "gptq",
        **more,
    }


AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def awq(group: int = -1, version: str = "gemm") -> Callable[[str, NDArray[np.float32]], Stored]:
    def interleaved(codes: Array) -> NDArray[np.int32]:
        rows, cols = codes.shape
        return pack_words(codes.reshape(rows, cols // 8, 8)[:, :, AWQ_ORDER].reshape(rows, cols), 4)

    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        cols = weight.shape[1]
        size = cols if group == -1 else group
        codes, scales, zeros, values = integers(weight, np.arange(cols) // size, 4, "F16", False)
        if version == "gemm":
            return {
                ".qweight": ("I32", interleaved(codes.T)),
                ".qzeros": ("I32", interleaved(zeros)),
                ".scales": ("F16", scales),
            }, values
        together = 1 if size >= 128 else 2 if size == 64 else 4
        words = -(-(cols // size) // 8)
        words = -(-words // together) * together
        padding = ((0, 0), (0, 8 * words - cols // size))
        return {
            ".qweight": ("I32", pack_words(codes, 4)),
            ".qzeros": ("I32", pack_words(np.pad(zeros.T, padding), 4)),
            ".scales": ("F16", np.pad(scales.T, padding)),
        }, values

    return store


def awq_fast(group: int) -> Callable[[str, NDArray[np.float32]], Stored]:
    """By the steps of AutoAWQ's pack_intweight."""

    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        rows, cols = weight.shape
        codes, scales, zeros, _ = integers(weight, np.arange(cols) // group, 4, "F16", False)
        added = (-(scales.astype(np.float32) * zeros)).astype(np.float16)
        spread = np.arange(cols) // group
        floats = [array.astype(np.float32) for array in (scales, codes.T, added)]
        values = floats[0][spread] * floats[1] + floats[2][spread]
        packed = codes.reshape(rows, cols // 32, 4, 4, 2).transpose(0, 1, 3, 2, 4)
        packed = packed.reshape(rows, cols // 32, 4, 4, 2).transpose(0, 1, 2, 4, 3)
        packed = packed.reshape(rows // 4, 4, cols // 64, 64).transpose(0, 2, 1, 3)
        packed = packed.reshape(rows // 4, cols // 64, 64, 4) << (4 * np.arange(4))
        together = 1 if group >= 128 else 2 if group == 64 else 4
        words = -(-(cols // group) // 8)
        words = -(-words // together) * together
        padding = ((0, 8 * words - cols // group), (0, 0))
        return {
            ".qweight": ("I16", packed.sum(-1).astype(np.uint16).view(np.int16).reshape(-1, cols)),
            ".qzeros": ("F16", np.pad(added, padding)),
            ".scales": ("F16", np.pad(scales, padding)),
        }, values.T

    return store


def awq_config(group: int = -1, version: str = "gemm", **more: Any) -> dict[str, Any]:
    return {
        "quant_method": "awq",
        "bits": 4,
        "group_size": group,
        "zero_point": True,
        "version": version,
        **more,
    }


def blocks_for(strategy: str, shape: tuple[int, ...], group: Any) -> tuple[int, int]:
    rows, cols = shape
    return {
        "tensor": (rows, cols),
        "channel": (1, cols),
        "group": (1, group),
        "block": (group[0], group[1]) if isinstance(group, list) else (1, 1),
    }[strategy]


def grid(weight: NDArray[np.float32], rows: int, cols: int) -> NDArray[np.float32]:
    """The largest magnitude of each block."""
    down, across = blocks_of(weight, rows, cols)
    result = np.zeros((down.max() + 1, across.max() + 1), np.float32)
    np.maximum.at(result, (down, across), np.abs(weight))
    return result


def ct_pack(
    bits: int,
    group: int | None = None,
    symmetric: bool = True,
    padded: bool = False,
    dtype: str = "BF16",
    actorder: bool = False,
) -> Callable[[str, NDArray[np.float32]], Stored]:
    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        cols = weight.shape[1]
        g_idx = np.arange(cols) // (group or cols)
        if actorder:
            g_idx = g_idx[np.random.default_rng(len(name)).permutation(cols)]
        codes, scales, zeros, values = integers(weight, g_idx, bits, dtype, symmetric)
        pack = pack_padded_words if padded else pack_words
        parts = {
            ".weight_packed": ("I32", pack(codes, bits)),
            ".weight_scale": (dtype, scales.T),
            ".weight_shape": ("I64", np.array(weight.shape, np.int64)),
        }
        if not symmetric:
            parts[".weight_zero_point"] = ("I32", pack_words(zeros, bits).T)
        if actorder:
            parts[".weight_g_idx"] = ("I32", g_idx.astype(np.int32))
        return parts, values

    return store


def ct_int(
    strategy: str, group: Any = None, symmetric: bool = True, dtype: str = "F32"
) -> Callable[[str, NDArray[np.float32]], Stored]:
    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        rows, cols = blocks_for(strategy, weight.shape, group)
        scales = (grid(weight, rows, cols) / 100).astype(FLOATS[dtype])
        place = blocks_of(weight, rows, cols)
        zeros = np.zeros(scales.shape, np.int8)
        if not symmetric:
            zeros = np.random.default_rng(1).integers(-20, 20, scales.shape).astype(np.int8)
        scale, zero = scales.astype(np.float32)[place], zeros.astype(np.float32)[place]
        codes = np.clip(np.rint(weight / scale) + zero, -128, 127)
        shape = [1] if strategy == "tensor" else scales.shape
        parts = {
            ".weight": ("I8", codes.astype(np.int8)),
            ".weight_scale": (dtype, scales.reshape(shape)),
        }
        if not symmetric:
            parts[".weight_zero_point"] = ("I8", zeros.reshape(shape))
        return parts, ((codes - zero) * scale).astype(np.float32)

    return store


def float8(
    strategy: str,
    group: Any = None,
    dtype: str = "F32",
    scale: str = ".weight_scale",
    squeeze: bool = False,
    more: dict[str, Tensor] | None = None,
) -> Callable[[str, NDArray[np.float32]], Stored]:
    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        rows, cols = blocks_for(strategy, weight.shape, group)
        scales = (grid(weight, rows, cols) / 448).astype(FLOATS[dtype])
        spread = scales.astype(np.float32)[blocks_of(weight, rows, cols)]
        codes = np.clip(weight / spread, -448, 448).astype(F8)
        shape = scales.shape
        if strategy == "tensor":
            shape = () if squeeze else (1,)
        return {
            ".weight": ("F8_E4M3", codes),
            scale: (dtype, scales.reshape(shape)),
            **(more or {}),
        }, codes.astype(np.float32) * spread

    return store


def nearest_e2m1(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    magnitude = np.abs(np.abs(values)[..., None] - E2M1).argmin(-1)
    return (magnitude | (values < 0) * 8).astype(np.uint8)


def of_e2m1(codes: Array) -> NDArray[np.float32]:
    return np.where(codes & 8, -1, 1).astype(np.float32) * E2M1[codes & 7]


def nvfp4(divides: bool) -> Callable[[str, NDArray[np.float32]], Stored]:
    """Of compressed-tensors, where the number for the whole weight divides, or of
    ModelOpt, where it multiplies."""

    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        largest = grid(weight, 1, 16)
        factor = np.float32(np.abs(weight).max() / np.float32(448 * 6))
        whole = np.float32(1) / factor if divides else factor
        scales = np.clip(largest / 6 / factor, 2**-6, 448).astype(F8)
        exact = scales.astype(np.float32) / whole if divides else scales.astype(np.float32) * whole
        spread = np.repeat(exact, 16, 1)
        codes = nearest_e2m1(weight / spread)
        number = np.array([whole] if divides else whole, np.float32)
        if divides:
            parts = {
                ".weight_packed": ("U8", pack_nibbles(codes)),
                ".weight_scale": ("F8_E4M3", scales),
                ".weight_global_scale": ("F32", number),
                ".input_global_scale": ("F32", np.ones(1, np.float32)),
            }
        else:
            parts = {
                ".weight": ("U8", pack_nibbles(codes)),
                ".weight_scale": ("F8_E4M3", scales),
                ".weight_scale_2": ("F32", number),
                ".input_scale": ("F32", np.array(1, np.float32)),
            }
        return parts, of_e2m1(codes) * spread

    return store


def microscaled(bits: int) -> Callable[[str, NDArray[np.float32]], Stored]:
    """MXFP4 or MXFP8 of compressed-tensors."""

    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        largest = np.maximum(grid(weight, 1, 32), 1e-20)
        exponents = np.floor(np.log2(largest)) - (2 if bits == 4 else 8)
        codes = (exponents + 127).astype(np.uint8)
        spread = np.repeat(np.exp2(exponents), 32, 1).astype(np.float32)
        if bits == 4:
            elements = nearest_e2m1(weight / spread)
            parts = {".weight_packed": ("U8", pack_nibbles(elements))}
            values = of_e2m1(elements)
        else:
            floats = np.clip(weight / spread, -448, 448).astype(F8)
            parts = {".weight": ("F8_E4M3", floats)}
            values = floats.astype(np.float32)
        return {**parts, ".weight_scale": ("U8", codes)}, values * spread

    return store


def ct_config(format: str, weights: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "format": format,
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": ["lm_head"],
        **more,
    }


NF4 = np.array(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
        -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
        0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ],
    np.float32,
)  # fmt: skip
_FP4 = np.array([0, 0.0625, 8, 12, 4, 6, 2, 3], np.float32) / 12
FP4 = np.concatenate([_FP4, -_FP4]).astype(np.float32)


def dynamic_map() -> NDArray[np.float32]:
    """The signed dynamic map of 8 bits, as PyTorch rounds it."""
    text = (ROOT / "share" / "codebooks.txt").read_text().split("codebook dynamic8 = [")[1]
    stored = np.array(text.split("]")[0].replace("\n", " ").split(","), np.float32)
    values = [0.0, 1.0]
    for e in range(7):
        edges = np.linspace(0.1, 1, 2**e + 1)
        for sign in (1, -1):
            values += list(sign * (edges[:-1] + edges[1:]) / 2 * 10.0 ** (e - 6))
    np.testing.assert_allclose(stored, np.sort(values), rtol=3e-7)
    return stored


def bnb4(
    kind: str,
    block: int = 64,
    nested: bool = False,
    storage: str = "U8",
    levels: NDArray[np.float32] | None = None,
) -> Callable[[str, NDArray[np.float32]], Stored]:
    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        table = {"nf4": NF4, "fp4": FP4}[kind]
        flat = weight.ravel()
        place = np.arange(flat.size) // block
        absmax = np.zeros(place[-1] + 1, np.float32)
        np.maximum.at(absmax, place, np.abs(flat))
        state = {
            "quant_type": kind, "blocksize": block, "dtype": "bfloat16",
            "shape": list(weight.shape),
        }  # fmt: skip
        parts: dict[str, Tensor] = {".weight.quant_map": ("F32", table)}
        if nested:
            offset = np.float32(absmax.mean())
            rest, where = absmax - offset, np.arange(absmax.size) // 256
            largest = np.zeros(where[-1] + 1, np.float32)
            np.maximum.at(largest, where, np.abs(rest))
            table8 = dynamic_map() if levels is None else levels
            codes = np.abs((rest / largest[where])[:, None] - table8).argmin(1).astype(np.uint8)
            absmax = table8[codes] * largest[where] + offset
            parts |= {
                ".weight.absmax": ("U8", codes),
                ".weight.nested_absmax": ("F32", largest),
                ".weight.nested_quant_map": ("F32", table8),
            }
            state |= {
                "nested_blocksize": 256, "nested_dtype": "float32",
                "nested_offset": float(offset),
            }  # fmt: skip
        else:
            parts[".weight.absmax"] = ("F32", absmax)
        elements = np.abs((flat / absmax[place])[:, None] - table).argmin(1)
        packed = np.pad(elements, (0, elements.size % 2))
        data = (packed[::2] << 4 | packed[1::2]).astype(np.uint8)
        if storage == "BF16":
            parts[".weight"] = ("BF16", data.view(ml_dtypes.bfloat16).reshape(-1, 1))
        else:
            parts[".weight"] = ("U8", data.reshape(-1, 1))
        text = np.frombuffer(json.dumps(state).encode(), np.uint8)
        parts[f".weight.quant_state.bitsandbytes__{kind}"] = ("U8", text)
        return parts, (table[elements] * absmax[place]).reshape(weight.shape)

    return store


def bnb8() -> Callable[[str, NDArray[np.float32]], Stored]:
    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        largest = np.abs(weight).max(1)
        codes = np.rint(weight * (127 / largest)[:, None]).astype(np.int8)
        return {
            ".weight": ("I8", codes),
            ".SCB": ("F32", largest),
            ".weight_format": ("U8", np.array(0, np.uint8)),
        }, codes.astype(np.float32) * (largest / np.float32(127))[:, None]

    return store


def hqq(
    bits: int, group: int, dtype: str = "F16", **changed: Tensor | None
) -> Callable[[str, NDArray[np.float32]], Stored]:
    """As HQQLinear.state_dict has it. `changed`: tensors beside, None for none."""

    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        groups = weight.reshape(-1, group)
        low, high = groups.min(1, keepdims=True), groups.max(1, keepdims=True)
        scale = ((high - low) / (2**bits - 1)).astype(FLOATS[dtype])
        zero = (-low / scale.astype(np.float32)).astype(FLOATS[dtype])
        scales, zeros = scale.astype(np.float32), zero.astype(np.float32)
        codes = np.clip(np.rint(groups / scales + zeros), 0, 2**bits - 1).astype(np.uint8)
        packed = codes
        if bits in (1, 2, 4):
            slices = np.split(codes, 8 // bits)
            packed = np.zeros_like(slices[0])
            for part in slices:
                packed = packed << bits | part
        torch_type = {"F16": "float16", "BF16": "bfloat16", "F32": "float32"}[dtype]
        characters = np.frombuffer(f"torch.{torch_type}".encode(), np.uint8)
        beside: dict[str, Tensor | None] = {
            "nbits": ("I32", np.array(bits, np.int32)),
            "group_size": ("I32", np.array(group, np.int32)),
            "axis": ("I32", np.array(1, np.int32)),
            "shape": ("I64", np.array(weight.shape, np.int64)),
            "packing": ("U8", np.frombuffer(f"{bits}bit_u8".encode(), np.uint8)),
            "unpack_view_dtype": ("U8", np.frombuffer(b"torch.uint8", np.uint8)),
            "compute_dtype": ("U8", characters),
        }
        for flag in ("channel_wise", "optimize", "round_zero", "stores_quant_config"):
            beside[flag] = ("U8", np.array(1, np.uint8))
        for flag in ("view_as_float", "quant_scale", "quant_zero", "offload_meta"):
            beside[flag] = ("U8", np.array(0, np.uint8))
        beside |= {"encoded_state_dict": ("U8", np.array(1, np.uint8)), **changed}
        parts = {f".{end}": tensor for end, tensor in beside.items() if tensor is not None}
        parts |= {".W_q": ("U8", packed), ".scale": (dtype, scale), ".zero": (dtype, zero)}
        return parts, ((codes - zeros) * scales).reshape(weight.shape)

    return store


HQQ_CONFIG = {"quant_method": "hqq", "quant_config": {}, "skip_modules": ["lm_head"]}


def torchao(kind: str, group: int = 32) -> Callable[[str, NDArray[np.float32]], Stored]:
    """Data tensors of the classes of torchao; `torchao_notes` says the rest."""

    def store(name: str, weight: NDArray[np.float32]) -> Stored:
        cols = weight.shape[1]
        groups = np.arange(cols) // group
        if kind == "Int4Tensor":
            codes, scales, zeros, _ = integers(weight, groups, 4, "BF16", False)
            exact = scales.astype(np.float32)
            added = ((8 - zeros) * exact).astype(ml_dtypes.bfloat16)
            signed = (codes - 8).astype(np.float32)
            values = signed * exact[groups].T + added.astype(np.float32)[groups].T
            parts = {
                "qdata": ("U8", pack_nibbles((codes - 8) & 15)),
                "scale": ("BF16", scales),
                "zero_point": ("BF16", added),
            }
        elif kind in ("Int8Tensor", "IntxUnpackedToInt8Tensor"):
            strategy = ("channel", None) if kind == "Int8Tensor" else ("group", group)
            stored, values = ct_int(*strategy, symmetric=kind == "Int8Tensor")(name, weight)
            parts = {
                "qdata": stored[".weight"],
                "scale": stored[".weight_scale"],
            }
            if ".weight_zero_point" in stored:
                parts["zero_point"] = stored[".weight_zero_point"]
        elif kind == "Float8Tensor":
            stored, values = float8("channel")(name, weight)
            parts = {"qdata": stored[".weight"], "scale": stored[".weight_scale"]}
        elif kind == "MXTensor":
            stored, values = microscaled(8)(name, weight)
            parts = {"qdata": stored[".weight"], "scale": ("F8_E8M0", stored[".weight_scale"][1])}
        else:
            stored, values = nvfp4(divides=False)(name, weight)
            parts = {
                "qdata": stored[".weight"],
                "scale": stored[".weight_scale"],
                "per_tensor_scale": stored[".weight_scale_2"],
            }
        return {f"._weight_{data}": tensor for data, tensor in parts.items()}, values

    return store


def torchao_notes(kind: str, tensors: dict[str, Tensor], block: Any, **more: Any) -> dict[str, str]:
    """What flatten_tensor_state_dict says of these tensors."""
    data: dict[str, list[str]] = {}
    for name in tensors:
        module, found, part = name.partition("._weight_")
        data.setdefault(module + ".weight" if found else name, []).extend([part] if found else [])
    notes = {}
    for name, parts in data.items():
        fields = {"block_size": block, **more}
        coded = {"_type": kind, "_data": fields, "_tensor_data_names": parts}
        notes[name] = json.dumps(coded if parts else {"_type": "Tensor"})
    return {**notes, "tensor_names": json.dumps(list(data)), "format": "pt"}


def main() -> None:
    """`checkpoint_files.py SOURCE OUT`: the folder SOURCE by GPTQ's layout, in
    groups of 64, for the examples of docs/HowTo/CompileACheckpoint.md."""
    source, out = map(Path, sys.argv[1:])
    write_checkpoint(source, out, gptq(4, 64), gptq_config(4, 64))


if __name__ == "__main__":
    main()
