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


def main(folder, out):
    from safetensors.torch import load_file

    readers = {
        "compressed-tensors": with_compressed_tensors,
        "bitsandbytes": with_bitsandbytes,
    }
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())["quantization_config"]
    tensors = load_file(pathlib.Path(folder) / "model.safetensors")
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
