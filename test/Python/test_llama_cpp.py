# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""llama.cpp reads the GGUF files that we write: its types, tokens and logits.

QUERN_LLAMA_CPP names a folder of its sources, built in `build`; utils/bench-peers
makes one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import llama_mixtures
import numpy as np
import pytest
import quern
from gguf_files import FAMILIES, synthesize_family, write_gemma_tokenizer
from numpy_families import numpy_model
from numpy_ggml import NumpyGgml, NumpyGgmlGemma
from quern import synth
from support import DATA, ROOT, all_logits, needs_compiler, needs_data

pytestmark = needs_compiler
reads_ours = pytest.mark.client("llama.cpp", "gguf", "write")

QUERN_6M = ROOT / "examples" / "quern-6m"
RECORD = json.loads(llama_mixtures.RECORD.read_text())


@pytest.fixture(scope="session")
def sources() -> Path:
    folder = os.environ.get("QUERN_LLAMA_CPP")
    if not folder:
        pytest.skip("QUERN_LLAMA_CPP names no folder of llama.cpp")
    return Path(folder)


@pytest.fixture(scope="session")
def client(sources, tmp_path_factory):
    """`client(model, what, ...)` runs llama_logits.c and gives what it prints."""
    compiler = next(filter(None, map(shutil.which, ("clang-22", "cc"))), None)
    if not compiler:
        pytest.skip("no C compiler")
    program = tmp_path_factory.mktemp("client") / "llama_logits"
    libraries = sources / "build" / "bin"
    command = [compiler, Path(__file__).with_name("llama_logits.c"), "-o", program]
    command += [f"-I{sources / folder}" for folder in ("include", "ggml/include")]
    command += [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lllama", "-lggml", "-lggml-base"]
    subprocess.run(command, check=True)

    def run(*arguments: object) -> str:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def their_logits(client, model: Path, tokens: np.ndarray) -> np.ndarray:
    out = model.with_suffix(".logits")
    client(model, "logits", out, *tokens)
    return np.fromfile(out, np.float32).reshape(len(tokens), -1).astype(np.float64)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


# ---------------------------------------------------------------------------
# Types
# ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", llama_mixtures.SHAPES)
def test_mixtures_are_llama_quantizes(tmp_path, name):
    """Every weight gets the type that llama-quantize gave it."""
    source = llama_mixtures.write_model(name, tmp_path)
    for mixture, types in RECORD[name].items():
        out = tmp_path / "m.gguf"
        if types == "refused":
            continue
        quern.export_model(source, out, "gguf", f"llama:{mixture}")
        assert llama_mixtures.types_of(out) == types, mixture


@reads_ours
def test_the_record_is_llama_quantizes(sources, tmp_path):
    source = tmp_path / "m.gguf"
    quern.export_model(llama_mixtures.write_model("grouped", tmp_path), source, "gguf")
    for mixture in ("Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M", "Q5_K_M", "IQ4_XS"):
        found = llama_mixtures.llama_types(sources / "build" / "bin", source, mixture)
        assert found == RECORD["grouped"][mixture], mixture


# ---------------------------------------------------------------------------
# Logits and tokens
# ---------------------------------------------------------------------------


@reads_ours
@pytest.mark.parametrize("name", ["tiny-llama3", "tiny-mqa", "tiny-qwen2", "tiny-qwen3"])
def test_families_in_floats(client, tmp_path, name):
    """f32 through: order of rows, rope, biases, norms of heads, tying."""
    quern.synthesize(name, tmp_path / "model", seed=7, dtype="f32")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    tokens = np.random.default_rng(1).integers(0, 320, 60)
    ours = all_logits(quern.ReferenceModel(tmp_path / "model", kv_cache="f32"), tokens)
    theirs = their_logits(client, tmp_path / "m.gguf", tokens)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-4 * np.abs(ours).max())


@reads_ours
@pytest.mark.parametrize("name", FAMILIES)
def test_other_families_in_floats(client, tmp_path, name):
    """Norms that hold one more, soft caps, windows and their frequencies, fused
    projections, factors of frequencies, experts. Of Phi-3 llama.cpp leaves the
    window out, so that the text is no longer than that."""
    synthesize_family(name, tmp_path / "model", seed=7, dtype="f32")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    tokens = np.random.default_rng(1).integers(0, 320, 40 if name == "tiny-phi3" else 60)
    ours = exact = numpy_model(tmp_path / "model", np.float64).logits(tokens)
    atol = 2e-4 * np.abs(exact).max()
    if "gemma" in name:
        # ggml's GELU is a table of halves. Where sums of binary32 move an input to
        # the next half, it differs from ours, by no more than rounding moves it.
        ours = NumpyGgmlGemma(tmp_path / "model", np.float64).logits(tokens)
        atol = np.abs(ours - exact).max()
        assert atol < 2e-3 * np.abs(exact).max()
    theirs = their_logits(client, tmp_path / "m.gguf", tokens)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=atol)


@reads_ours
@pytest.mark.parametrize("name", ["tiny-gemma2", "tiny-phi3", "tiny-mixtral"])
def test_codes_of_other_families(client, tmp_path, name):
    """They load, fused and stacked, and say what the weights say as far as their
    inputs of eight bits allow: see test_quantized_logits."""
    synthesize_family(name, tmp_path / "model", seed=7, dtype="f32")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf", "Q8_0")
    tokens = np.random.default_rng(1).integers(0, 320, 40)
    exact = all_logits(quern.ReferenceModel(tmp_path / "m.gguf", kv_cache="f32"), tokens)
    theirs = their_logits(client, tmp_path / "m.gguf", tokens)
    assert 0 < rms(theirs - exact) < 0.05 * rms(exact)


@reads_ours
def test_shards(client, tmp_path):
    quern.synthesize("tiny-qwen2", tmp_path / "model", seed=7, dtype="f32")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    report = quern.export_model(
        tmp_path / "model", tmp_path / "s.gguf", "gguf", shard_bytes=150_000
    )
    tokens = np.random.default_rng(1).integers(0, 320, 20)
    whole = their_logits(client, tmp_path / "m.gguf", tokens)
    np.testing.assert_array_equal(their_logits(client, Path(report["output"]), tokens), whole)


@reads_ours
def test_linear_scaling_of_rope(client, tmp_path, monkeypatch):
    scaled = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    shape = synth.Shape(96, 160, 2, 6, 2, 16, 320, 256, extra=scaled)
    monkeypatch.setitem(synth.SHAPES, "linear", shape)
    quern.synthesize("linear", tmp_path / "model", dtype="f32")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    tokens = np.random.default_rng(1).integers(0, 320, 60)
    ours = all_logits(quern.ReferenceModel(tmp_path / "model", kv_cache="f32"), tokens)
    theirs = their_logits(client, tmp_path / "m.gguf", tokens)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-4 * np.abs(ours).max())


@reads_ours
@pytest.mark.parametrize("format", ["Q8_0", "Q4_0", "Q5_1", "Q4_K", "Q6_K", "IQ4_XS"])
def test_quantized_logits(client, tmp_path, format):
    """llama.cpp is as far from the exact logits as our weights are whose inputs are
    rounded as ggml does, in the same blocks.

    Both round numbers x to codes x / d, but not the same x: sums of binary32 move
    it a little, so that a code here and there differs by one, and in the next layer
    more do, until the roundings of both have little to do with one another. They
    have one distribution still, since their steps d are the same, and so has what
    they do to the logits, which is linear in them. The root mean square of it is
    measured over 200 tokens; if the errors of one are worth ten independent numbers
    (the last rounding alone is of 256), it is known to 1 / sqrt(2 * 2000) = 1.6 %,
    and the ratio of two to 2.2 %. 15 % is more than six times that, and far less
    than another width of the blocks or a bit fewer would make: twice and more.
    """
    quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf", format)
    text = (ROOT / "examples" / "quern-6m-eval.txt").read_text()
    tokens = quern.Tokenizer(QUERN_6M).encode_prompt(text)[:200]
    rounded = NumpyGgml(QUERN_6M, tmp_path / "m.gguf").logits(tokens)
    exact = all_logits(quern.ReferenceModel(tmp_path / "m.gguf", kv_cache="f32"), tokens)
    theirs = their_logits(client, tmp_path / "m.gguf", tokens)
    ratio = rms(theirs - exact) / rms(rounded - exact)
    assert 0.85 < ratio < 1.15, ratio
    assert rms(theirs - exact) < 0.05 * rms(exact)


ODD = [" ", "  two", "a\n\nb\t", "12345 6", "Ünïcödé 漢字 🙂", "don't", "We're"]


@reads_ours
def test_byte_level_tokens(client, tmp_path):
    quern.export_model(QUERN_6M, tmp_path / "m.gguf", "gguf")
    ours = quern.Tokenizer(QUERN_6M)
    lines = (ROOT / "examples" / "quern-6m-eval.txt").read_text().splitlines()
    for text in [*filter(None, lines[:20]), *ODD]:
        theirs = [int(word) for word in client(tmp_path / "m.gguf", "text", text).split()]
        assert theirs == ours.encode_prompt(text).tolist(), text


@reads_ours
def test_tokens_of_gemma(client, tmp_path):
    """Texts without a token of the user in them, which llama.cpp takes out of the
    text as it was before blanks are marked."""
    synthesize_family("tiny-gemma2", tmp_path / "model")
    write_gemma_tokenizer(tmp_path / "model")
    quern.export_model(tmp_path / "model", tmp_path / "m.gguf", "gguf")
    ours = quern.Tokenizer(tmp_path / "model")
    for text in ["the hall", "  the", "all   in", " " * 17 + "in", "a\nb", *ODD[3:]]:
        theirs = [int(word) for word in client(tmp_path / "m.gguf", "text", text).split()]
        assert theirs == ours.encode_prompt(text).tolist(), text


@reads_ours
@needs_data("lm/stories260K", "text/tinystories_val.txt")
def test_sentencepiece_tokens(client, tmp_path):
    folder = DATA / "lm" / "stories260K"
    quern.export_model(folder, tmp_path / "m.gguf", "gguf")
    ours = quern.Tokenizer(folder)
    lines = (DATA / "text" / "tinystories_val.txt").read_text().splitlines()
    for text in [*filter(None, lines[:20]), *ODD]:
        theirs = [int(word) for word in client(tmp_path / "m.gguf", "text", text).split()]
        assert theirs == ours.encode_prompt(text).tolist(), text
