# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model quantized while it is compiled, and the same model written into a container,
read again and compiled: equal perplexities, as the kernels get the same codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quern
from support import ROOT, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
TEXT = ROOT / "examples" / "quern-6m-eval.txt"
TOKENS = 300
BODY = "model.layers.*_proj.weight"
EMBEDDING = "model.embed_tokens.weight"

# Container, format. The types of a GGUF file are also for the embedding.
CASES = [
    ("gguf", "q4_0"),
    ("gguf", "q5_k"),
    ("gptq", "int4_g128"),
    ("gptq", "int4_g128_asym"),
    ("awq", "int4_g128_asym"),
    ("compressed-tensors", "int4_g128"),
    ("compressed-tensors/int-quantized", "int8_channel"),
    ("compressed-tensors", "fp8_channel"),
    ("compressed-tensors", "nvfp4_divisor"),
    ("compressed-tensors", "mxfp4"),
    ("compressed-tensors", "mxfp8"),
    ("bnb", "bnb_nf4_nested"),
    ("fp8", "fp8_block"),
]


@pytest.fixture(scope="module")
def text():
    """(tokens, BOS)"""
    tokenizer = quern.Tokenizer(QUERN_6M)
    return tokenizer.encode(TEXT.read_text(encoding="utf-8"))[:TOKENS], tokenizer.bos_id


def perplexity(artifact: Path, text: tuple[np.ndarray, int | None]) -> float:
    with quern.Model(artifact) as model:
        return quern.evaluate(model, *text[:1], context=128, bos=text[1]).perplexity


@pytest.mark.parametrize(("container", "format"), CASES, ids=str)
def test_perplexity(tmp_path, text, container, format):
    rules = [(BODY, format), *([(EMBEDDING, format)] if container == "gguf" else [])]
    quern.compile_model(QUERN_6M, tmp_path / "directly", rules=rules, target="host")
    exported = tmp_path / ("m.gguf" if container == "gguf" else "exported")
    quern.export_model(QUERN_6M, exported, container, rules=rules)
    quern.compile_model(exported, tmp_path / "again", target="host")
    assert perplexity(tmp_path / "again", text) == perplexity(tmp_path / "directly", text)
