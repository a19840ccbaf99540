# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Artifacts of many instruction sets: which are in one, and which runs."""

import numpy as np
import pytest
import quern
from support import all_logits, needs_compiler, open_variants

pytestmark = needs_compiler

X86_64 = ["amx", "avx512bf16", "avx512", "avx2vnni", "avx2", "portable"]


# The best comes first, whatever the order of the names; those that this machine
# has agree, and the others say what is missing (open_variants checks that).
@pytest.mark.parametrize("compute", ["int8", "bf16"])
def test_every_set_of_one_architecture(compile_once, tiny_model, compute):
    names = ",".join(reversed(X86_64))
    artifact = compile_once(tiny_model, "q4_0", target=names, compute=compute, kv_cache="f32")
    assert quern.inspect(artifact).facts["isas"] == X86_64
    models = open_variants(artifact)
    tokens = np.arange(1, 40)
    logits = {isa: all_logits(model, tokens) for isa, model in models.items()}
    with quern.Model(artifact) as best:
        assert best.isa == next(iter(models))
    portable = logits.pop("portable")
    fused = list(logits.values())
    for found in fused:
        if compute == "int8":
            np.testing.assert_array_equal(found, fused[0])
        assert np.abs(found - portable).max() < 0.05 * np.abs(portable).max()


def test_unknown_name(tmp_path, tiny_model):
    with pytest.raises(quern.QuernError, match=r"amx, avx512bf16, .* or neon, but got 'mmx'"):
        quern.compile_model(tiny_model, tmp_path / "out", "q4_0", target="avx2,mmx")
