# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""KV caches in every kind of format, with and without rotation: kernels against
the interpreter, distance from a cache in float, sessions, and errors."""

import numpy as np
import pytest
import quern
from quern import synth
from quern.cli import main
from support import (
    DATA,
    ROOT,
    check_perplexities,
    needs_compiler,
    needs_data,
)

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
STORIES = DATA / "lm" / "stories260K"
# Format and bytes of a token in quern-6m: 6 layers, 4 heads of 32, keys and values.
CACHES = {
    "f32": 6 * 4 * 2 * 128,
    "f16": 6 * 4 * 2 * 64,
    "int8_g32": 6 * 4 * 2 * (32 + 4),
    "int4_g32_asym": 6 * 4 * 2 * (16 + 2 + 1),
    "int4_g32": 6 * 4 * 2 * (16 + 2),
    "fp8_channel": 6 * 4 * 2 * (32 + 4),
    "f8E4M3FN": 6 * 4 * 2 * 32,
}
# The heads of stories260K have 8 columns.
SMALL_CACHES = ["i8 [1, 8], scale f16", "u4 [1, 8], scale f16, zero u4", "fp8_channel"]


@pytest.fixture(scope="module")
def novel():
    """600 tokens written in the manner of quern-6m's texts, and BOS."""
    tokenizer = quern.Tokenizer(QUERN_6M)
    text = (ROOT / "examples" / "quern-6m-eval.txt").read_text("utf-8")
    return tokenizer.encode(text[:3000])[:600], tokenizer.bos_id


@pytest.mark.parametrize("rotate", [False, True], ids=["plain", "rotated"])
@pytest.mark.parametrize("cache", ["int8_g32", "int4_g32_asym", "fp8_channel"])
def test_quern_6m(compile_once, novel, capfd, cache, rotate):
    model = quern.ReferenceModel(QUERN_6M, kv_cache=cache, kv_rotate=rotate)
    out = compile_once(QUERN_6M, "", kv_cache=cache, kv_rotate=rotate)
    check_perplexities(capfd, f"{cache}, rotated: {rotate}", model, out, *novel)


@needs_data("lm/stories260K", "text/tinystories_val.txt")
@pytest.mark.parametrize("rotate", [False, True], ids=["plain", "rotated"])
@pytest.mark.parametrize("cache", SMALL_CACHES)
def test_stories(compile_once, capfd, cache, rotate):
    tokenizer = quern.Tokenizer(STORIES)
    text = (DATA / "text" / "tinystories_val.txt").read_text("utf-8")[:2000]
    model = quern.ReferenceModel(STORIES, kv_cache=cache, kv_rotate=rotate)
    out = compile_once(STORIES, "", kv_cache=cache, kv_rotate=rotate)
    tokens = tokenizer.encode(text)[:400]
    check_perplexities(capfd, f"{cache}, rotated: {rotate}", model, out, tokens, tokenizer.bos_id)


# Fewer bits are farther from a cache in f32, and take the memory that they
# should; rotation alone changes nothing but rounding.
def test_distance_from_float(compile_once, novel, capfd):
    tokens, bos = novel
    found = {}
    with quern.Model(compile_once(QUERN_6M, "", kv_cache="f32", target="host")) as against:
        for cache, size in CACHES.items():
            for rotate in (False, True):
                out = compile_once(QUERN_6M, "", kv_cache=cache, kv_rotate=rotate, target="host")
                with quern.Model(out) as model:
                    facts = model.describe()
                    result = quern.evaluate(model, tokens, 512, bos, against=against)
                found[cache, rotate] = result.kld_mean
                assert facts["kv_bytes_per_token"] == size
                assert facts["kv_rotate"] is rotate
                with capfd.disabled():
                    print(
                        f"\n{cache}, rotated: {rotate}: {size} bytes a token, perplexity "
                        f"{result.perplexity:.5g}, KL {result.kld_mean:.3g}"
                    )
    assert found["f32", True] < 1e-9
    # Outlying columns no longer cost the others of their group their precision.
    for cache in ("int4_g32_asym", "int4_g32"):
        assert found[cache, True] < found[cache, False]
    for rotate in (False, True):
        order = [found[name, rotate] for name in ("f16", "int8_g32", "int4_g32_asym")]
        assert order == sorted(order)
        assert found["int8_g32", rotate] < 1e-3
        assert found["fp8_channel", rotate] < 1e-2


# Positions that share a block of keys, and columns that share bytes: what is
# forgotten or belongs to another session must not shine through.
@pytest.mark.parametrize("cache", ["int4_g32_asym", "q8_0", "u3 [1, 8], scale f16, zero u3"])
def test_truncate_and_fork(compile_once, novel, cache):
    tokens = novel[0][:60]
    out = compile_once(QUERN_6M, "", kv_cache=cache, target="host")
    with quern.Model(out) as model, model.session(60) as session:
        whole = session.prefill(tokens, rows=60)
        session.truncate(21)
        other = session.fork()
        session.prefill(tokens[::-1][:30])
        session.truncate(21)
        np.testing.assert_array_equal(session.prefill(tokens[21:50], rows=29), whole[21:50])
        with other:
            for position in range(21, 60):
                logits = other.decode(int(tokens[position]))
                np.testing.assert_array_equal(logits, whole[position])
        np.testing.assert_array_equal(session.prefill(tokens[50:], rows=10), whole[50:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--kv-cache", "Q9_Z"],
            "KV cache: expects the name or text of a format, but got 'Q9_Z'",
        ),
        (
            ["--kv-cache", "int4_g32"],
            "columns divisible by 32 (one 'scale' a block), but got 16",
        ),
        (["--kv-cache", "fp8_block"], "expects blocks of 1 row"),
        (
            ["--kv-cache", "i4 [1, 16], divisor f16"],
            "expects a KV cache with a code a number",
        ),
        (["--kv-cache", "i4 [1, 32], scale f1"], "f1"),
        (["--kv-cache", "\udcff"], "expects valid Unicode"),
    ],
)
def test_errors(capfd, tmp_path, tiny_model, arguments, message):
    command = [
        "compile",
        str(tiny_model),
        "--format",
        "f32",
        "--target",
        "host",
        *arguments,
    ]
    assert main([*command, "-o", str(tmp_path / "out")]) == 1
    error = capfd.readouterr().err
    assert error.startswith("error: ")
    assert message in error.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_rotation_needs_a_power_of_two(capfd, tmp_path, monkeypatch):
    shape = synth.Shape(96, 160, 1, heads=2, kv_heads=1, head_dim=48, vocabulary=320, context=64)
    monkeypatch.setitem(synth.SHAPES, "odd-heads", shape)
    quern.synthesize("odd-heads", tmp_path / "model")
    command = ["compile", str(tmp_path / "model"), "--format", "f32", "--kv-rotate"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 1
    assert "expects a head dimension that is a power of two" in capfd.readouterr().err
