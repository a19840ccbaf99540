# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The checkpoints of test_checkpoints.py, decoded by the packages that made their
formats: so NumPy's writers are held against them, and Quern's numbers again.
`make clients` installs them into an environment of their own."""

from __future__ import annotations

import os
import subprocess

import checkpoint_files as files
import ml_dtypes
import numpy as np
import pytest
import quern
from checkpoint_cases import (
    CASES,
    TORCHAO,
    TORCHAO_CASES,
    torchao_notes,
)
from support import CLIENTS, needs_compiler

pytestmark = needs_compiler

# awq-gemv and awq-gemv-fast, fbgemm and ModelOpt have no client on CPU.
NAMES = [name for name in CASES if name.startswith(("ct-", "bnb-", "gptq", "hqq-"))]
NAMES += ["awq", "awq-rows"]
TYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def decode(folder, out):
    if not CLIENTS.exists():
        pytest.skip(f"{CLIENTS} is not there; `make clients` makes it")
    script = os.path.join(os.path.dirname(__file__), "client_checkpoints.py")
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    done = subprocess.run(
        [str(CLIENTS), script, str(folder), str(out)],
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode == 3:
        pytest.skip(f"{done.stdout.strip()} in {CLIENTS}; `make clients` installs it")
    assert done.returncode == 0, done.stderr
    return dict(np.load(out))


# Int4Tensor is decoded by GPU kernels alone.
NAMES += [name for name in TORCHAO_CASES if name != "Int4Tensor"]
# Container and client of the names that begin so.
CLIENTS_OF = {
    "ct": ("compressed-tensors", "compressed-tensors"),
    "bnb": ("bnb", "bitsandbytes"),
    "gptq": ("gptq", "gptqmodel"),
    "awq": ("awq", "gptqmodel"),
    "hqq": ("hqq", "hqq"),
}


def of_client(name: str) -> pytest.MarkDecorator:
    container, client = CLIENTS_OF.get(name.split("-")[0], ("torchao", "torchao"))
    return pytest.mark.client(client, container, "read")


@pytest.mark.parametrize("name", [pytest.param(n, marks=of_client(n)) for n in NAMES])
def test_as_the_package_decodes(wide, tmp_path, name):
    """To the bit, in the type that the package computes in."""
    if name in TORCHAO_CASES:
        store, config, notes = files.torchao(name), TORCHAO, torchao_notes(name)
        files.write_checkpoint(wide, tmp_path / "model", store, config, notes=notes)
    else:
        store, config, _ = CASES[name]
        files.write_checkpoint(wide, tmp_path / "model", store, config)
    theirs = decode(tmp_path / "model", tmp_path / "out.npz")
    model = quern.ReferenceModel(tmp_path / "model")
    names = [weight for weight in theirs if not weight.startswith("type/")]
    assert len(names) == 28
    for weight in names:
        kind = TYPES[str(theirs[f"type/{weight}"])]
        ours = model.weight(weight).astype(kind).astype(np.float32)
        if name == "bnb-int8":  # multiplies by the largest magnitude first
            np.testing.assert_allclose(ours, theirs[weight], rtol=3e-7, err_msg=weight)
        else:
            np.testing.assert_array_equal(ours, theirs[weight], err_msg=weight)
