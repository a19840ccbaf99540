# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command `quern transcode`: what it decides, and files with equal numbers."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import quern
from gguf import GGMLQuantizationType as Type
from gguf_files import HALVES, write_gguf
from quern.cli import main
from support import ROOT, needs_compiler

pytestmark = needs_compiler

QUERN_6M = ROOT / "examples" / "quern-6m"
KINDS = {kind.name.lower(): kind for kind in [*HALVES, Type.MXFP4]}


def run(capfd, *arguments):
    status = main([str(argument) for argument in ("transcode", *arguments)])
    captured = capfd.readouterr()
    return status, captured.out, captured.err


# ---------------------------------------------------------------------------
# Decisions
# ---------------------------------------------------------------------------


def test_matrix_of_some(capfd):
    status, out, _ = run(capfd, "--matrix", "--only", "q4_0,int4_g32,q8_0,q1_0,f32")
    assert status == 0
    assert out.splitlines() == [
        "           12345",
        "1 q4_0     ==e.e",
        "2 int4_g32 ==e.e",
        "3 q8_0     bb=.e",
        "4 q1_0     eee=e",
        "5 f32      bbb.=",
        "",
        "from a row to a column: = exact by layout only, e exact (16 in all), b bounded (5), "
        ". impossible (4); --explain A B says why",
    ]


def test_matrix_of_all_is_of_all(capfd):
    status, out, _ = run(capfd, "--matrix", "--json")
    assert status == 0
    pairs = json.loads(out)
    names = {pair["source"] for pair in pairs}
    assert names >= {"q4_0", "mxfp4", "bnb_nf4_nested", "int8_outliers"}
    assert len(pairs) == len(names) ** 2
    for pair in pairs:
        assert pair["kind"] in ("exact", "bounded", "impossible")
        assert pair["text"].startswith(pair["kind"]) and pair["details"]
        assert (pair["relative_error"] is None) == (pair["kind"] != "bounded")
        if pair["source"] == pair["target"]:
            assert pair["is_layout_only"]


def test_explanation_of_formats_without_names(capfd, tmp_path):
    file = tmp_path / "formats.txt"
    file.write_text("mine = codebook [-1, 0, 1, 2] [64], scale bf16\n")
    # 2 is no number of i2, but -2 is.
    status, out, _ = run(capfd, "--explain", "mine", "i2 [32], scale f32", "--formats", file)
    assert (status, out) == (
        0,
        "exact: 1 - codes, values times -1; scales in f32, times -1; scale repeated from [1, 64] "
        "to [1, 32]\n",
    )
    status, out, _ = run(capfd, "--explain", "mine", "r3 - 1 [32], scale f32", "--formats", file)
    assert (status, out) == (
        0,
        "bounded: no factor takes the values of codebook [-1, 0, 1, 2] to values of r3 - 1, which "
        "has no 2; error at most 0.5 of the largest value of a block + 1.1e-45, for values up to "
        "3.4e+38\n",
    )


def test_wrong_command_lines(capfd):
    assert run(capfd, "--explain", "q4_0", "q4_9")[0] == 1
    status, _, err = run(capfd, "m.gguf", "-o", "n.gguf")
    assert (status, err) == (
        1,
        "error: to: expects a model, --to and -o, or one of --matrix and --explain\n",
    )


# ---------------------------------------------------------------------------
# Models
# ---------------------------------------------------------------------------


def scramble(path: Path, kind: Type) -> None:
    """Gives blocks scales of all kinds: negative, subnormal, the largest, zero."""
    random = np.random.default_rng(5)
    reader = gguf.GGUFReader(path, "r+")
    size = gguf.GGML_QUANT_SIZES[kind][1]
    for tensor in reader.tensors:
        if tensor.tensor_type != kind:
            continue
        blocks = tensor.data.reshape(-1, size)
        for offset in HALVES.get(kind, []):
            halves = random.integers(0, 65536, len(blocks), np.uint16)
            halves[halves & 0x7C00 == 0x7C00] &= 0x83FF
            halves[:8] = [0, 0x8000, 1, 0x8001, 0x03FF, 0x7BFF, 0xFBFF, 0x3C00]
            blocks[:, offset : offset + 2] = halves.view(np.uint8).reshape(-1, 2)
    reader.data.flush()


def numbers_of(path: Path) -> dict[str, tuple[Type, np.ndarray]]:
    """Of matrices, by the gguf package; zeros without sign."""
    return {
        tensor.name: (
            tensor.tensor_type,
            gguf.quants.dequantize(tensor.data, tensor.tensor_type) + np.float32(0),
        )
        for tensor in gguf.GGUFReader(path).tensors
        if len(tensor.shape) == 2
    }


def exact_pairs() -> list[tuple[str, str]]:
    try:
        answers = quern.classify_transcodings(list(KINDS), list(KINDS))
    except quern.QuernError:  # no compiler: all tests are skipped
        return []
    return [(a.source, a.target) for a in answers if a.kind == "exact" and a.source != a.target]


@pytest.mark.parametrize(("source", "target"), exact_pairs())
def test_exact_pairs_of_ggml_have_equal_numbers(wide, tmp_path, source, target):
    write_gguf(wide, tmp_path / "a.gguf", lambda name: KINDS[source])
    scramble(tmp_path / "a.gguf", KINDS[source])
    report = quern.export_model(
        tmp_path / "a.gguf", tmp_path / "b.gguf", "gguf", target, encoding="transcode"
    )
    before, after = numbers_of(tmp_path / "a.gguf"), numbers_of(tmp_path / "b.gguf")
    assert before.keys() == after.keys()
    for name, (kind, numbers) in before.items():
        assert kind == KINDS[source] and after[name][0] == KINDS[target]
        assert numbers.tobytes() == after[name][1].tobytes(), name
    assert any(f"{source} to {target}, exact" in note for note in report["notes"])


def test_there_are_exact_pairs_of_ggml():
    assert {("q4_0", "q8_0"), ("iq4_nl", "q8_0"), ("q3_k", "q6_k"), ("q4_1", "q5_1"),
            ("tq1_0", "q4_0")} <= set(exact_pairs())  # fmt: skip


def test_what_is_lost_is_said_before_anything_is_written(capfd, wide, tmp_path):
    quern.export_model(wide, tmp_path / "a.gguf", "gguf", "q8_0")
    (tmp_path / "b.gguf").write_text("what was there")
    status, _, err = run(
        capfd, tmp_path / "a.gguf", "--to", "q4_0/gguf", "-o", tmp_path / "b.gguf",
        "--rule", "*.v_proj.weight=q8_0",
    )  # fmt: skip
    assert status == 1
    assert (tmp_path / "b.gguf").read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]
    lines = err.splitlines()
    count = len(numbers_of(tmp_path / "a.gguf"))
    assert f"got {count - 4} of {count} that have none" in " ".join(lines)
    loss = next(i for i, line in enumerate(lines) if line.startswith("  q8_0 to q4_0, bounded: "))
    assert "error at most 0.188 of the largest value of a block" in lines[loss]
    named = [line.strip() for line in lines[loss + 1 :]]
    assert len(named) == count - 4 and "model.layers.1.mlp.down_proj.weight" in named
    assert not any("v_proj" in name for name in named)


def test_re_encoding_keeps_the_bound(capfd, wide, tmp_path):
    quern.export_model(wide, tmp_path / "a.gguf", "gguf", "q8_0")
    status, out, err = run(
        capfd, tmp_path / "a.gguf", "--to", "q4_0", "--re-encode", "-o", tmp_path / "b.gguf"
    )
    assert status == 0
    assert f"{len(numbers_of(tmp_path / 'a.gguf'))} Q4_0" in out and "coded again" in err
    bound = quern.classify_transcodings(["q8_0"], ["q4_0"])[0].relative_error
    before, after = numbers_of(tmp_path / "a.gguf"), numbers_of(tmp_path / "b.gguf")
    for name, (_, numbers) in before.items():
        blocks = numbers.reshape(-1, 32)
        error = np.sqrt(np.mean((blocks - after[name][1].reshape(-1, 32)) ** 2, axis=1))
        assert np.all(error <= bound * np.abs(blocks).max(axis=1) + 1e-6)
        assert error.max() > 0


def test_impossible_stays_impossible(capfd, wide, tmp_path):
    quern.export_model(wide, tmp_path / "a.gguf", "gguf", "q8_0")
    status, _, err = run(
        capfd, tmp_path / "a.gguf", "--to", "iq2_xxs", "--re-encode", "-o", tmp_path / "b.gguf"
    )
    assert status == 1
    assert "q8_0 to iq2_xxs, impossible" in err
    assert not (tmp_path / "b.gguf").exists()


def test_numbers_are_no_codes(capfd, tmp_path):
    status, _, err = run(capfd, QUERN_6M, "--to", "q8_0", "-o", tmp_path / "b.gguf")
    assert status == 1
    assert "which is to quantize" in err


def test_transcoded_models_compute_the_same(wide, tmp_path):
    """Formats that no file has, too: codes are brought into them as they are read."""
    quern.export_model(wide, tmp_path / "a.gguf", "gguf", "q4_0")
    quern.export_model(tmp_path / "a.gguf", tmp_path / "b.gguf", "gguf", "q8_0",
                       encoding="transcode")  # fmt: skip
    first, second = (quern.ReferenceModel(tmp_path / f"{name}.gguf") for name in "ab")
    name = "model.layers.0.self_attn.q_proj.weight"
    np.testing.assert_array_equal(first.weight(name), second.weight(name))
