# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Synthetic models: shapes, values, and memory that does not grow with them."""

import json
import resource
import subprocess
import sys

import numpy as np
import pytest
import quern
from numpy_families import numpy_model
from numpy_llama import NumpyLlama, read_safetensors
from quern.synth import SHAPES, byte_alphabet, tensor_shapes

TINY = [name for name in SHAPES if name.startswith("tiny-")]


def parameters(name):
    shape = SHAPES[name]
    return sum(int(np.prod(dimensions)) for dimensions in tensor_shapes(shape).values())


def test_the_real_shapes_have_their_sizes():
    # Llama 3.2 1B as published; two layers of Llama 3 8B and 32,000 words.
    assert parameters("llama-1b") == 1_235_814_400
    layer = 4096 * (4096 + 1024 + 1024 + 4096) + 3 * 4096 * 14336 + 2 * 4096
    assert parameters("llama-8b-slice") == 2 * layer + 2 * 32000 * 4096 + 4096


@pytest.mark.parametrize("shape", TINY)
@pytest.mark.parametrize("dtype", ["bf16", "f16", "f32"])
def test_files_fit_together(tmp_path, shape, dtype):
    quern.synthesize(shape, tmp_path, seed=3, dtype=dtype)
    config = json.loads((tmp_path / "config.json").read_text())
    model = quern.inspect(tmp_path)
    found = {tensor.name: tuple(tensor.shape) for tensor in model.tensors}
    assert found == tensor_shapes(SHAPES[shape])
    assert {tensor.encoding for tensor in model.tensors} == {dtype.upper()}
    tokenizer = quern.Tokenizer(tmp_path)
    assert tokenizer.size == config["vocab_size"]
    assert (tokenizer.bos_id, tokenizer.adds_bos) == (config["bos_token_id"], True)
    assert tokenizer.stop_ids == {config["eos_token_id"]}
    logits = numpy_model(tmp_path).logits(tokenizer.encode_prompt("naïve"))
    assert logits.shape == (7, config["vocab_size"])
    assert np.isfinite(logits).all()


def test_values_have_the_deviation_and_norms_lie_about_one(tmp_path):
    quern.synthesize("tiny-llama", tmp_path, dtype="f32")
    tensors = read_safetensors(tmp_path / "model.safetensors", np.float64)
    embedding = tensors["model.embed_tokens.weight"]
    assert embedding.std() == pytest.approx(0.02, rel=0.03)
    assert abs(embedding.mean()) < 4 * 0.02 / np.sqrt(embedding.size)
    assert tensors["model.norm.weight"].mean() == pytest.approx(1, abs=0.05)
    assert not np.array_equal(
        tensors["model.layers.0.mlp.up_proj.weight"], tensors["model.layers.1.mlp.up_proj.weight"]
    )


def test_types_round_the_same_values(tmp_path):
    def embedding(dtype):
        quern.synthesize("tiny-llama", tmp_path / dtype, dtype=dtype)
        return NumpyLlama(tmp_path / dtype, np.float64).weights["model.embed_tokens.weight"]

    exact = embedding("f32")
    np.testing.assert_array_equal(embedding("f16"), exact.astype(np.float16))
    # Half a unit in the last of eight bits.
    assert np.max(np.abs(embedding("bf16") / exact - 1)) <= 2.0**-8


def test_seeds(tmp_path):
    def weights(folder, seed):
        quern.synthesize("tiny-llama", tmp_path / folder, seed=seed)
        return (tmp_path / folder / "model.safetensors").read_bytes()

    assert weights("a", 1) == weights("b", 1)
    assert weights("a", 1) != weights("c", 2)


def test_bytes_have_their_usual_characters():
    alphabet = byte_alphabet()
    assert len(set(alphabet)) == 256
    assert (alphabet[ord("a")], alphabet[ord(" ")], alphabet[0], alphabet[0xAD]) == (*"aĠĀŃ",)


@pytest.mark.slow
def test_memory_stays_bounded(tmp_path):
    # 1.6 GB of weights with 700 MB of address space beyond what an idle
    # interpreter with these libraries maps.
    code = (
        "import resource, sys, quern\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 700_000_000,) * 2)\n"
        "quern.synthesize('llama-8b-slice', sys.argv[1], dtype='bf16')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    size = (tmp_path / "model.safetensors").stat().st_size
    assert size > 2 * parameters("llama-8b-slice")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < size // 1024


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "llama-2b"}, "shape: expects one of llama-1b, .* but got 'llama-2b'"),
        ({"dtype": "f64"}, "dtype: expects one of f32, f16, bf16, but got 'f64'"),
        ({"seed": -1}, "seed: expects a number of at least 0, but got -1"),
    ],
)
def test_errors(tmp_path, options, message):
    with pytest.raises(quern.QuernError, match=message):
        quern.synthesize(output=tmp_path, **({"shape": "tiny-llama"} | options))


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(quern.QuernError, match="file: File exists"):
        quern.synthesize("tiny-llama", tmp_path / "file")
