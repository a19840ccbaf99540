# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads folders that Quern wrote with transformers and the packages it hands them
to: run by test_client_exports.py in an environment that has them.

client_exports.py CASES.json OUT: for each case OUT/NAME.npy, logits of its tokens,
or OUT/NAME.txt, why not.
"""

import json
import sys
import traceback
from pathlib import Path

try:
    import numpy as np
    import torch
    import transformers
except ImportError as error:
    print(f"no {error.name}")
    sys.exit(3)


def load_with_transformers(case):
    """In float32. Weights are decoded when they are loaded where the case says so, and
    those of FP8, whose kernels are for GPUs."""
    options = {"dtype": torch.float32, "device_map": "cpu"}
    if case["container"] == "fp8":
        options["quantization_config"] = transformers.FineGrainedFP8Config(dequantize=True)
    elif case["decoded"]:
        options["quantization_config"] = transformers.CompressedTensorsConfig(dequantize=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(case["folder"], **options)
    if case["container"] == "bnb":
        compute_in_float32(model)
    return model.float() if case["container"] == "fp8" else model


def compute_in_float32(model):
    """bitsandbytes decodes to the type that the file says, bfloat16, and multiplies in it."""
    import bitsandbytes

    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.compute_dtype = torch.float32
            module.weight.quant_state.dtype = torch.float32
            module.support_avx512bf16_for_cpu = False  # its product is of bfloat16
    for parameter in model.parameters():  # transformers leaves these in bfloat16, too
        if parameter.is_floating_point():
            parameter.data = parameter.data.float()


def load(case):
    if case["container"] != "gptq":
        return load_with_transformers(case)
    # transformers would need optimum in between.
    from gptqmodel import BACKEND, GPTQModel

    return GPTQModel.load(case["folder"], device="cpu", backend=BACKEND.TORCH).model


def main():
    cases, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    for case in cases:
        try:
            model = load(case).eval()
            with torch.no_grad():
                logits = model(torch.tensor([case["tokens"]])).logits[0]
            np.save(out / f"{case['name']}.npy", logits.float().numpy())
        except Exception:
            (out / f"{case['name']}.txt").write_text(traceback.format_exc())


if __name__ == "__main__":
    main()
