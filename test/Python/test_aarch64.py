# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models for AArch64: compiled here, run in an emulator by the C program that
knows an artifact by its header alone."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import quern
from quern.cli import main
from support import ROOT, all_logits, needs_compiler, open_variants

LIBRARIES = Path("/usr/aarch64-linux-gnu")
CLANG = shutil.which("clang-22") or ""

pytestmark = [
    needs_compiler,
    pytest.mark.skipif(
        not (LIBRARIES / "include" / "stdio.h").exists() or not CLANG,
        reason="no C library for AArch64 (libc6-dev-arm64-cross)",
    ),
    pytest.mark.skipif(not shutil.which("qemu-aarch64"), reason="no qemu-aarch64 (qemu-user)"),
]

QUERN_6M = ROOT / "examples" / "quern-6m"
TOKENS = 13  # of c_client.c
# Instruction sets and processors that have nothing better.
PROCESSORS = {"neon": "neoverse-n1", "neon_i8mm": "max"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """c_client.c for AArch64."""
    program = tmp_path_factory.mktemp("client") / "c_client"
    source = ROOT / "test" / "Runtime" / "c_client.c"
    flags = ["--target=aarch64-linux-gnu", "-fuse-ld=lld", "-O2", f"-I{ROOT / 'include'}"]
    subprocess.run([CLANG, *flags, str(source), "-o", str(program)], check=True)
    return program


def emulate(processor, program, *arguments):
    command = ["qemu-aarch64", "-cpu", processor, "-L", LIBRARIES, program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def emulated_logits(client, processor, artifact, vocabulary, file):
    """What the model says of itself, and logits [TOKENS, vocabulary]."""
    done = emulate(processor, client, artifact / "model.so", artifact / "weights.safetensors", file)
    assert done.returncode == 0, done.stderr
    logits = np.fromfile(file, "<f4").reshape(TOKENS, vocabulary)
    return json.loads(done.stdout), logits


# AArch64 fuses the same products and sums as AVX2 does, in the same order.
@pytest.mark.parametrize(("format", "compute"), [("q4_k", "int8"), ("nf4", "f32")])
def test_logits(compile_once, client, tmp_path, capfd, format, compute):
    check_logits(compile_once, client, tmp_path, capfd, QUERN_6M, format, compute)


@pytest.mark.parametrize("name", ["tiny-gemma2", "tiny-gpt-neox", "tiny-qwen3-moe"])
def test_families(compile_once, client, tmp_path, capfd, name):
    quern.synthesize(name, tmp_path / "model")
    check_logits(compile_once, client, tmp_path, capfd, tmp_path / "model", "q4_0", "f32")


def check_logits(compile_once, client, tmp_path, capfd, source, format, compute):
    options = {"compute": compute, "kv_cache": "f16"}
    artifact = compile_once(source, format, target="aarch64", **options)
    assert quern.inspect(artifact).facts["isas"] == ["neon_i8mm", "neon"]
    expected = {}
    for isa, model in open_variants(compile_once(source, format, **options)).items():
        with model:
            tokens = np.arange(TOKENS) ** 2 + 1
            tokens %= model.vocabulary - 1
            expected[isa] = all_logits(model, tokens)
    portable = expected.pop("portable")
    for isa, processor in PROCESSORS.items():
        facts, logits = emulated_logits(
            client, processor, artifact, portable.shape[1], tmp_path / isa
        )
        assert facts["isa"] == isa
        far = np.abs(logits - portable).max() / np.abs(portable).max()
        with capfd.disabled():
            print(
                f"\n{source.name}, {format} in {compute}, {isa}: {far:.2g} from portable, equal "
                f"bits to {', '.join(expected) or 'nothing that this machine has'}"
            )
        for other in expected.values():
            np.testing.assert_array_equal(logits, other)
        if compute == "f32":
            assert far < 1e-4


# The runtime asks the kernel what the processor has.
def test_processor_without_dot_products(compile_once, client):
    artifact = compile_once(QUERN_6M, "q4_k", target="aarch64", compute="int8", kv_cache="f16")
    done = emulate("cortex-a53", client, artifact / "model.so", artifact / "weights.safetensors")
    assert done.returncode == 1
    assert "this processor or operating system lacks: dotprod" in done.stderr


def test_refused_on_another_machine(compile_once):
    artifact = compile_once(QUERN_6M, "q4_k", target="aarch64", compute="int8", kv_cache="f16")
    with pytest.raises(quern.QuernError, match="expects a processor of aarch64, but this machine"):
        quern.Model(artifact)


def test_one_architecture_an_artifact(tmp_path, capfd):
    command = ["compile", str(QUERN_6M), "--format", "q8_0", "-o", str(tmp_path / "out")]
    assert main([*command, "--target", "avx2,neon"]) != 0
    message = "expects targets of one architecture, but got avx2 and neon"
    assert message in capfd.readouterr().err
