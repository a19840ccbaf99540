# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes small models of random weights with transformers, and their logits: run
by test_transformers.py in an environment that has PyTorch.

client_transformers.py CASES.json OUT: for each case a folder OUT/NAME as
`save_pretrained` writes it, with logits.npy of the case's tokens.
"""

import json
import sys
from pathlib import Path

try:
    import numpy as np
    import torch
    import transformers
except ImportError as error:
    print(f"no {error.name}")
    sys.exit(3)


def make_model(case):
    torch.manual_seed(case["seed"])
    config = transformers.AutoConfig.for_model(case["type"], **case["config"])
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    # What a model begins with is too even to show a mistake: biases are zero,
    # norms do nothing.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn_like(parameter) * 0.08)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.float().eval()


def main():
    cases, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    for case in cases:
        model, folder = make_model(case), out / case["name"]
        model.save_pretrained(folder)
        with torch.no_grad():
            logits = model(torch.tensor([case["tokens"]])).logits[0]
        np.save(folder / "logits.npy", logits.numpy())


if __name__ == "__main__":
    main()
