# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints that Quern writes, loaded by transformers with compressed-tensors,
bitsandbytes and GPTQModel: the logits are those of the reference with the same
formats. `make clients` installs them into an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import quern
from support import CLIENTS, ROOT, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
TOKENS = np.random.default_rng(11).integers(0, 320, 24).tolist()

# Container, format, and the package that transformers hands the folder to.
CASES = {
    "pack": ("compressed-tensors", "int4_g128", "compressed_tensors"),
    "pack-asym": ("compressed-tensors", "int4_g128_asym", "compressed_tensors"),
    "pack-8": ("compressed-tensors", "int8_channel", "compressed_tensors"),
    "int": ("compressed-tensors/int-quantized", "int8_channel", "compressed_tensors"),
    "float-channel": ("compressed-tensors", "fp8_channel", "compressed_tensors"),
    "float-tensor": ("compressed-tensors", "fp8_tensor", "compressed_tensors"),
    "float-block": ("compressed-tensors", "fp8_block", "compressed_tensors"),
    "nvfp4": ("compressed-tensors", "nvfp4_divisor", "compressed_tensors"),
    "mxfp4": ("compressed-tensors", "mxfp4", "compressed_tensors"),
    "mxfp8": ("compressed-tensors", "mxfp8", "compressed_tensors"),
    "nf4": ("bnb", "bnb_nf4", "bitsandbytes"),
    "fp4": ("bnb", "bnb_fp4", "bitsandbytes"),
    "nf4-nested": ("bnb", "bnb_nf4_nested", "bitsandbytes"),
    "gptq-v1": ("gptq", "int4_g128", "gptqmodel"),
    "gptq-v2": ("gptq", "int4_g128_asym", "gptqmodel"),
    "gptq-8": ("gptq", "i8 [1, 128], scale f16", "gptqmodel"),
    "awq": ("awq", "int4_g128_asym", "gptqmodel"),
    "fp8": ("fp8", "fp8_block", "transformers"),
}
# Those that transformers decodes while it loads: compressed-tensors 0.20 would decode them
# later, but then expects zero points that are not packed, and gives bf16 of the floats.
DECODED = {"pack-asym", "nvfp4", "mxfp4", "mxfp8"}
# By client, or case: GPTQModel multiplies in f16, and what compressed-tensors decodes of
# NVFP4 is bf16, whose 8 bits do not hold the product of a code and two scales.
TOLERANCE = {"gptqmodel": 2e-2, "nvfp4": 1e-2}


def run_client(cases: list[dict], out: Path) -> None:
    (out / "cases.json").write_text(json.dumps(cases))
    script = Path(__file__).with_name("client_exports.py")
    command = [str(CLIENTS), str(script), str(out / "cases.json"), str(out)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 3:
        pytest.skip(f"{done.stdout.strip()} in {CLIENTS}; `make clients` installs it")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The folder of what the client says of each case."""
    if not CLIENTS.exists():
        pytest.skip(f"{CLIENTS} is not there; `make clients` makes it")
    out = tmp_path_factory.mktemp("exports")
    cases = []
    for name, (container, format, _) in CASES.items():
        quern.export_model(QUERN_6M, out / name, container, format)
        case = {"name": name, "container": container, "folder": str(out / name)}
        cases.append(case | {"tokens": TOKENS, "decoded": name in DECODED})
    run_client(cases, out)
    return out


def missing_package(package: str) -> bool:
    command = [str(CLIENTS), "-c", f"import importlib.util as u; print(u.find_spec('{package}'))"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() == "None"


def of_clients(name: str) -> list[pytest.MarkDecorator]:
    container, _, package = CASES[name]
    method = container.split("/")[0]
    packages = {package.replace("_", "-")}
    packages |= set() if method == "gptq" else {"transformers"}
    return [pytest.mark.client(package, method, "write") for package in sorted(packages)]


@pytest.mark.parametrize("name", [pytest.param(n, marks=of_clients(n)) for n in CASES])
def test_logits(loaded, name):
    _, format, package = CASES[name]
    if missing_package(package):
        pytest.skip(f"no {package} in {CLIENTS}; `make clients` installs it")
    error = loaded / f"{name}.txt"
    assert not error.exists(), error.read_text()
    found = np.load(loaded / f"{name}.npy")
    rules = [("model.layers.*_proj.weight", format)]
    model = quern.ReferenceModel(QUERN_6M, rules=rules, kv_cache="f32")
    expected = model.logits(TOKENS, rows=len(TOKENS))
    bound = TOLERANCE.get(name, TOLERANCE.get(package, 1e-3)) * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)
