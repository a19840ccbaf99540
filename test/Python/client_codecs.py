# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantizes with other people's packages, for test_clients.py. Needs PyTorch and
the packages, so that it runs under an interpreter of its own:

    python client_codecs.py CASES.json OUT.npz

A case has a `name`, a `codec` (a function below), a `shape` and a `seed` of its
values; the rest are the codec's arguments. OUT has `NAME/ARRAY` for all that a
codec returns. A package that is not installed ends the program with code 3.
"""

import importlib.util
import json
import sys

import numpy as np


def values_of(shape, seed):
    """Normal values whose blocks differ in size, some of them zero."""
    random = np.random.default_rng(seed)
    x = random.normal(size=shape) * np.exp(random.normal(size=(shape[0], 1)))
    x.ravel()[:: max(7, x.size // 50)] = 0
    return x.astype(np.float32)


def raw(tensor):
    """The bytes of a tensor of any type, as NumPy knows few."""
    import torch

    return tensor.detach().contiguous().view(torch.uint8).numpy().copy()


# bitsandbytes


def bnb_four_bit(x, block, kind, nested):
    from bitsandbytes import functional

    packed, state = functional.quantize_4bit(
        x, blocksize=block, quant_type=kind, compress_statistics=nested
    )
    result = {
        "codes": packed.flatten(),
        "scale": state.absmax,
        "decoded": functional.dequantize_4bit(packed, state),
    }
    if nested:
        inner = state.state2
        result |= {"scale_scale": inner.absmax, "mean": state.offset, "map": inner.code}
    return result


def bnb_int8(x):
    from bitsandbytes import functional

    codes, scale, _ = functional.int8_vectorwise_quant(x.half())
    return {
        "codes": codes,
        "scale": scale,
        "decoded": functional.int8_vectorwise_dequant(codes, scale),
        "rounded": x.half().float(),
    }


# HQQ


def hqq(x, bits, group, optimize):
    import torch
    from hqq.core.quantize import Quantizer

    packed, meta = Quantizer.quantize(
        x, nbits=bits, group_size=group, axis=1, optimize=optimize, device="cpu"
    )
    meta["compute_dtype"] = torch.float32
    return {
        "codes": packed,
        "scale": meta["scale"],
        "zero": meta["zero"],
        "decoded": Quantizer.dequantize(packed, meta),
        "decoded_half": Quantizer.dequantize(
            *Quantizer.to_ooplace(packed, meta | {"compute_dtype": torch.float16}, "cpu")
        ),
    }


# compressed-tensors


def _grouped(x, block):
    """The largest and least value of each block, 0 for a whole axis."""
    rows, cols = (extent or whole for extent, whole in zip(block, x.shape, strict=True))
    tiles = x.reshape(x.shape[0] // rows, rows, x.shape[1] // cols, cols)
    return tiles.amin((1, 3)), tiles.amax((1, 3))


def compressed_tensors(x, block, tensor_scale=False, **options):
    import torch
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
    from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam

    if "scale_dtype" in options:
        options["scale_dtype"] = getattr(torch, options["scale_dtype"])
    args = QuantizationArgs(**options)
    low, high = _grouped(x, block)
    divisor = generate_gparam(x.min(), x.max()) if tensor_scale else None
    scale, zero = calculate_qparams(low, high, args, divisor)
    if args.symmetric:
        zero = None
    kind = torch.int8 if args.type == "int" else None
    codes = quantize(x, scale, zero, args, kind, global_scale=divisor)
    result = {
        "codes": codes,
        "scale": scale,
        "decoded": dequantize(codes, scale, zero, args, global_scale=divisor),
    }
    if zero is not None:
        result["zero"] = zero.float()
    if divisor is not None:
        result["divisor"] = divisor
    return result


def compressed_tensors_packed(x, bits, group):
    """The words of `pack-quantized`, with codes and scales as they are stored."""
    import torch
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32

    result = compressed_tensors(
        x, (1, group), num_bits=bits, strategy="group", group_size=group, symmetric=True
    )
    return result | {"words": raw(pack_to_int32(result["codes"].to(torch.int8), bits))}


# torchao


def torchao_int8(x):
    from torchao.quantization import Int8Tensor, PerRow

    made = Int8Tensor.from_hp(x, PerRow())
    return {"codes": made.qdata, "scale": made.scale, "decoded": made.dequantize()}


def torchao_intx(x, bits, group, symmetric):
    import torch
    from torchao.quantization import IntxUnpackedToInt8Tensor, MappingType

    mapping = MappingType.SYMMETRIC if symmetric else MappingType.ASYMMETRIC
    made = IntxUnpackedToInt8Tensor.from_hp(
        x, (1, group), getattr(torch, f"int{bits}"), mapping_type=mapping
    )
    return {
        "codes": made.qdata,
        "scale": made.scale,
        "zero": made.zero_point,
        "decoded": made.dequantize(),
    }


def torchao_float8(x, element, rowwise):
    import torch
    from torchao.quantization import Float8Tensor, PerRow, PerTensor

    granularity = PerRow() if rowwise else PerTensor()
    made = Float8Tensor.from_hp(x, getattr(torch, element), granularity)
    return {"codes": raw(made.qdata), "scale": made.scale, "decoded": made.dequantize()}


def torchao_mx(x, element, mode):
    import torch
    from torchao.prototype.mx_formats.config import ScaleCalculationMode
    from torchao.prototype.mx_formats.mx_tensor import MXTensor

    element = getattr(torch, element, element)
    made = MXTensor.to_mx(x, element, 32, ScaleCalculationMode[mode])
    return {"codes": raw(made.qdata), "scale": raw(made.scale), "decoded": made.dequantize()}


def torchao_nvfp4(x, tensor_scale):
    from torchao.prototype.mx_formats.nvfp4_tensor import (
        NVFP4Tensor,
        per_tensor_amax_to_scale,
    )

    scale = per_tensor_amax_to_scale(x.abs().max()) if tensor_scale else None
    made = NVFP4Tensor.to_nvfp4(x, per_tensor_scale=scale)
    result = {"codes": raw(made.qdata), "scale": raw(made.scale), "decoded": made.dequantize()}
    return result | ({"tensor_scale": scale} if tensor_scale else {})


def torchao_nf4(x, block, scales):
    from torchao.quantization.quantize_.workflows.nf4.nf4_tensor import NF4Tensor

    made = NF4Tensor.from_tensor(x, block, scales)
    return {
        "codes": made.quantized_data,
        "scale": made.quantized_scalers,
        "divisor": made.quantization_factor,
        "mean": made.scaler_mean,
        "map": made.nf4,
        "decoded": made.get_original_weight(),
    }


def main(cases_path, out_path):
    with open(cases_path) as file:
        cases = json.load(file)
    for package in {"torch", *(case.pop("package") for case in cases)}:
        if importlib.util.find_spec(package) is None:
            print(f"{package} is not installed")
            return 3
    import torch

    arrays = {}
    for case in cases:
        name, codec = case.pop("name"), globals()[case.pop("codec")]
        x = torch.from_numpy(values_of(case.pop("shape"), case.pop("seed")))
        for key, value in codec(x, **case).items():
            arrays[f"{name}/{key}"] = np.asarray(value)
    np.savez(out_path, **arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
