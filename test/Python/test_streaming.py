# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packing keeps to the memory that it announces, whatever the model's size."""

import json
import subprocess
import sys

import pytest
import quern
from quern import synth
from support import needs_compiler

pytestmark = needs_compiler

# 214 MB in bf16, of which the embedding is 31 MB.
WIDE = synth.Shape(1024, 4096, layers=6, heads=16, kv_heads=4, head_dim=64,
                   vocabulary=15360, context=256)  # fmt: skip
MIB = 1 << 20

# Compiles argv[1] to argv[2]. When the compiler announces the memory that
# packing needs, the limit is set to what the process has by then and as much
# again, and the high-water mark of its resident memory starts anew.
SCRIPT = """
import json, re, resource, sys
import quern

def memory(name):
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(name + r":\\s+(\\d+) kB", file.read())[1])

seen = {}

def progress(stage, share):
    if "peak memory" in stage and not seen:
        announced = int(re.search(r"peak memory (\\d+) MiB", stage)[1]) << 20
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        seen.update(announced=announced, before=memory("VmRSS"))
        # Private writable memory. A MiB is lost to rounding, and each thread has
        # a stack of eight and what the allocator reserves for it.
        limit = memory("VmData") + announced + (1 << 20) + int(sys.argv[3]) * (16 << 20)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    elif seen and "peak" not in seen and "peak memory" not in stage:
        seen["peak"] = memory("VmHWM")

report = quern.compile_model(sys.argv[1], sys.argv[2], "q4_0", target="host",
                             threads=int(sys.argv[3]), progress=progress)
print(json.dumps(seen | {"predicted": report["peak_bytes_predicted"]}))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "wide", WIDE)
        quern.synthesize("wide", folder)
    return folder


def compile_within_limit(model, out, threads):
    command = [sys.executable, "-c", SCRIPT, str(model), str(out), str(threads)]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_memory_and_bytes_do_not_depend_on_threads(model, tmp_path, capfd):
    largest = max(tensor.bytes for tensor in quern.inspect(model).tensors)
    size = (model / "model.safetensors").stat().st_size
    files = set()
    for threads in (1, 2, 8):
        used = compile_within_limit(model, tmp_path / f"{threads}", threads)
        grown = used["peak"] - used["before"]
        with capfd.disabled():
            print(
                f"\n{threads} threads: {size / MIB:.0f} MiB of weights packed with "
                f"{grown / MIB:.1f} MiB, announced {used['announced'] / MIB:.0f} MiB"
            )
        assert 0 <= used["predicted"] - used["announced"] < MIB
        assert grown <= used["predicted"]
        assert used["predicted"] <= 2 * largest + 300 * MIB
        # Far from the whole file.
        assert grown < size / 3
        files.add((tmp_path / f"{threads}" / "weights.safetensors").read_bytes())
    assert len(files) == 1
