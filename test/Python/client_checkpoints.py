# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decodes the weights of a quantized checkpoint with the package that made its
format, for test_client_checkpoints.py. Needs PyTorch and the package, so that it
runs under an interpreter of its own:

    python client_checkpoints.py FOLDER OUT.npz

OUT has an array for each weight, in f32, and `type/WEIGHT`, the type that the
package gave. A package that is not installed ends the program with code 3.
"""

import json
import pathlib
import sys

import numpy as np


def with_compressed_tensors(tensors, config):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    (group,) = config["config_groups"].values()
    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(**group["weights"]), format=config["format"]
    )
    compressor = BaseCompressor.get_value_from_registry(config["format"])
    for module in sorted({n.rsplit(".", 1)[0] for n in tensors if n.endswith("weight_scale")}):
        state = {
            name.rsplit(".", 1)[1]: tensor
            for name, tensor in tensors.items()
            if name.rsplit(".", 1)[0] == module
        }
        yield f"{module}.weight", compressor.decompress(state, scheme)["weight"]


def with_bitsandbytes(tensors, config):
    from bitsandbytes import functional

    if config.get("load_in_8bit"):
        for name in [n for n in tensors if n.endswith(".SCB")]:
            weight = name.removesuffix("SCB") + "weight"
            yield weight, functional.int8_vectorwise_dequant(tensors[weight], tensors[name])
        return
    for name in [n for n in tensors if n.endswith(".absmax") and "nested" not in n]:
        weight = name.removesuffix(".absmax")
        parts = {
            key.removeprefix("model."): tensor
            for key, tensor in tensors.items()
            if key.startswith(weight + ".")
        }
        state = functional.QuantState.from_dict(parts, device="cpu")
        yield weight, functional.dequantize_4bit(tensors[weight], state)


def modules_of(tensors, end):
    return [name.removesuffix(end) for name in tensors if name.endswith(end)]


def with_gptqmodel(tensors, config):
    import torch
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.utils.model import convert_gptq_v1_to_v2_format_module

    bits = config["bits"]
    for module in modules_of(tensors, ".qweight"):
        words, rows = tensors[f"{module}.qweight"].shape
        linear = TorchLinear(
            bits=bits, group_size=config["group_size"], sym=config.get("sym", False),
            desc_act=config.get("desc_act", False), in_features=words * 32 // bits,
            out_features=rows, bias=False, pack_dtype=torch.int32, register_buffers=True,
        )  # fmt: skip
        for name in ("qweight", "qzeros", "scales", "g_idx"):
            setattr(linear, name, tensors[f"{module}.{name}"])
        if config["checkpoint_format"] == "gptq":
            convert_gptq_v1_to_v2_format_module(linear, bits=bits, pack_dtype=torch.int32)
        linear.post_init()
        yield f"{module}.weight", linear.dequantize_weight().T


def with_awq(tensors, config):
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm

    for module in modules_of(tensors, ".qweight"):
        parts = [tensors[f"{module}.{name}"] for name in ("qweight", "qzeros", "scales")]
        group = config["group_size"]
        size = parts[0].shape[0] if group == -1 else group
        yield f"{module}.weight", dequantize_gemm(*parts, config["bits"], size).T


def with_hqq(tensors, config):
    from hqq.core.quantize import Quantizer
    from hqq.core.utils import decode_safetensor_type

    kinds = {"nbits": int, "group_size": int, "axis": int, "view_as_float": bool, "packing": str}
    for module in modules_of(tensors, ".W_q"):
        beside = {
            name.removeprefix(f"{module}."): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{module}.")
        }
        meta = {name: decode_safetensor_type(beside[name], kinds[name]) for name in kinds}
        meta["shape"] = beside["shape"].tolist()
        for name in ("scale", "zero"):
            meta[name] = beside[name].float()  # or it computes in 16 bits
        meta |= {"compute_dtype": meta["scale"].dtype, "quant_scale": False, "quant_zero": False}
        meta["unpack_view_dtype"] = Quantizer.unpack_view_dtype[meta["packing"]]
        yield f"{module}.weight", Quantizer.dequantize(beside["W_q"], meta)


def with_torchao(tensors, config):
    from torchao.prototype.safetensors.safetensors_support import unflatten_tensor_state_dict

    notes = config["notes"]
    found, _ = unflatten_tensor_state_dict(tensors, notes)
    for name, tensor in found.items():
        if hasattr(tensor, "dequantize") and "_weight_" not in name and name not in tensors:
            yield name, tensor.dequantize()


def main(folder, out):
    from safetensors import safe_open
    from safetensors.torch import load_file

    readers = {
        "compressed-tensors": with_compressed_tensors,
        "bitsandbytes": with_bitsandbytes,
        "gptq": with_gptqmodel,
        "awq": with_awq,
        "hqq": with_hqq,
        "torchao": with_torchao,
    }
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())["quantization_config"]
    weights = pathlib.Path(folder) / "model.safetensors"
    tensors = load_file(weights)
    with safe_open(weights, "pt") as file:
        config["notes"] = file.metadata()
    arrays = {}
    for name, value in readers[config["quant_method"]](tensors, config):
        arrays[name] = value.float().numpy()
        arrays[f"type/{name}"] = str(value.dtype).removeprefix("torch.")
    np.savez(out, **arrays)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ModuleNotFoundError as error:
        print(f"no package {error.name}")
        sys.exit(3)
