# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The forward pass in NumPy of a folder's family."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy_gemma import NumpyGemma
from numpy_gpt import NumpyGPT2, NumpyGPTNeoX
from numpy_llama import NumpyLlama
from numpy_moe import NumpyMoE
from numpy_phi3 import NumpyPhi3

_FAMILIES = {
    "gemma2": NumpyGemma,
    "gemma3_text": NumpyGemma,
    "gpt2": NumpyGPT2,
    "gpt_neox": NumpyGPTNeoX,
    "mixtral": NumpyMoE,
    "phi3": NumpyPhi3,
    "qwen3_moe": NumpyMoE,
}


def numpy_model(folder: str | Path, dtype: type = np.float32) -> NumpyLlama:
    config = json.loads((Path(folder) / "config.json").read_text())
    return _FAMILIES.get(config["model_type"], NumpyLlama)(folder, dtype)
