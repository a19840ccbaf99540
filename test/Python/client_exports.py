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


def load(case):
    options = {"dtype": torch.float32, "device_map": "cpu"}
    if case["container"] == "fp8":  # its kernels are for GPUs
        options["quantization_config"] = transformers.FineGrainedFP8Config(dequantize=True)
    return transformers.AutoModelForCausalLM.from_pretrained(case["folder"], **options)


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
