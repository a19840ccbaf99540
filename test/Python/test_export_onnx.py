# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models written as ONNX: checked by the onnx package, and run by it and by ONNX
Runtime, whose logits are ours."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import quern
from numpy.typing import NDArray
from onnx_weights import Weights
from quern import synth
from quern.cli import main
from support import DATA, ROOT, all_logits, needs_compiler, needs_data

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

pytestmark = needs_compiler
# What the onnx package checks or computes with, and what ONNX Runtime runs.
onnx_reads_ours = pytest.mark.client("onnx", "onnx", "write")
ort_runs_ours = pytest.mark.client("onnxruntime", "onnx", "write")

QUERN_6M = ROOT / "examples" / "quern-6m"
FAMILIES = [
    "tiny-llama", "tiny-llama3", "tiny-mqa", "tiny-mistral", "tiny-qwen2", "tiny-qwen3",
    "tiny-gpt2", "tiny-gpt-neox", "tiny-phi3", "tiny-gemma2", "tiny-gemma3",
]  # fmt: skip
# Sums of at most a few hundred products in f32, in another order.
TOLERANCE = 1e-4


def error_of(*arguments: object, **options: object) -> str:
    with pytest.raises(quern.QuernError) as raised:
        quern.export_model(*arguments, **options)
    return str(raised.value)


# ---------------------------------------------------------------------------
# Running a file
# ---------------------------------------------------------------------------


class OrtModel:
    """A file in ONNX Runtime, in f32 as the graph says: it would else quantize
    activations where it makes MatMulNBits of DequantizeLinear and MatMul."""

    def __init__(self, path: Path, optimized: bool = True) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        level = ort.GraphOptimizationLevel
        options.graph_optimization_level = (
            level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
        )
        self.session = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        self.caches = [i for i in self.session.get_inputs() if i.name.startswith("past_")]

    def empty_cache(self, batch: int = 1) -> list[NDArray]:
        return [np.zeros((batch, i.shape[1], 0, i.shape[3]), np.float32) for i in self.caches]

    def run(self, ids, mask, positions, cache) -> tuple[NDArray, list[NDArray]]:
        feeds = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
        feeds = {name: np.asarray(value, np.int64) for name, value in feeds.items()}
        feeds |= {i.name: array for i, array in zip(self.caches, cache, strict=True)}
        logits, *present = self.session.run(None, feeds)
        return logits, present

    def logits(self, tokens: NDArray) -> NDArray:
        """Of all positions of one text."""
        ids = np.asarray(tokens)[None]
        return self.run(ids, np.ones_like(ids), np.arange(ids.size)[None], self.empty_cache())[0][0]


def onnx_logits(path: Path, tokens: NDArray) -> NDArray:
    """The same by the onnx package, whose operators are the specification's."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(path))
    ids = np.asarray(tokens, np.int64)[None]
    feeds = {
        "input_ids": ids, "attention_mask": np.ones_like(ids),
        "position_ids": np.arange(ids.size)[None],
    }  # fmt: skip
    for value in evaluator.proto_.graph.input:
        if value.name.startswith("past_"):
            extents = [d.dim_value for d in value.type.tensor_type.shape.dim]
            feeds[value.name] = np.zeros((1, extents[1], 0, extents[3]), np.float32)
    return evaluator.run(["logits"], feeds)[0][0]


def assert_close(found: NDArray, expected: NDArray) -> None:
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


def tokens_of(count: int, seed: int = 1) -> NDArray:
    return np.random.default_rng(seed).integers(0, 320, count)


def reference(*arguments: object, **options: object) -> quern.ReferenceModel:
    return quern.ReferenceModel(*arguments, kv_cache="f32", **options)


# ---------------------------------------------------------------------------
# What a file says of weights
# ---------------------------------------------------------------------------


def check(folder: Path, out: Path, format: str, mode: str, kind: str = "") -> Weights:
    """Exports a model and holds everything against ours: the file's numbers to
    the bit, ONNX Runtime's logits with and without its own rewriting."""
    quern.export_model(folder, out, "onnx", format, onnx_weights=mode)
    onnx.checker.check_model(str(out), full_check=True)
    model, tokens = reference(folder, format), tokens_of(30)
    weights = Weights(out)
    for name in ("self_attn.k_proj", "mlp.down_proj"):
        full = f"model.layers.1.{name}.weight"
        assert weights.numbers(full).tobytes() == model.weight(full).tobytes(), name
        if kind:
            assert any(weights.type(full + end) == kind for end in endings(weights, full))
    expected = all_logits(model, tokens)
    for optimized in (False, True):
        assert_close(OrtModel(out, optimized).logits(tokens), expected)
    return weights


def endings(weights: Weights, name: str) -> list[str]:
    return [n[len(name) :] for n in weights.tensors if n.startswith(name)]


@pytest.fixture(scope="module", params=["tied", "untied"])
def tiny(request, tmp_path_factory):
    """Rows of 96 and 160 columns; the embedding is the output matrix, or not."""
    folder = tmp_path_factory.mktemp(request.param) / "model"
    quern.synthesize("tiny-llama" if request.param == "tied" else "tiny-llama3", folder, seed=4)
    return folder


# ---------------------------------------------------------------------------
# Graphs
# ---------------------------------------------------------------------------


@onnx_reads_ours
@ort_runs_ours
@pytest.mark.parametrize("name", [n for n in FAMILIES if n in synth.SHAPES])
def test_families(tmp_path, name):
    """Each family's norms, rotations, windows and caps, on whole prompts."""
    quern.synthesize(name, tmp_path / "model", seed=5)
    out = tmp_path / "m.onnx"
    quern.export_model(tmp_path / "model", out, "onnx")
    onnx.checker.check_model(str(out), full_check=True)
    tokens = tokens_of(60)
    expected = all_logits(reference(tmp_path / "model"), tokens)
    for optimized in (False, True):
        assert_close(OrtModel(out, optimized).logits(tokens), expected)
    assert_close(onnx_logits(out, tokens), expected)


@ort_runs_ours
def test_the_cache_and_padding(tmp_path):
    """Two texts at once, the shorter one filled up on the left; then token by
    token. The first layers of tiny-mistral look at a window of 24."""
    quern.synthesize("tiny-mistral", tmp_path / "model", seed=6)
    quern.export_model(tmp_path / "model", tmp_path / "m.onnx", "onnx")
    ours, theirs = reference(tmp_path / "model"), OrtModel(tmp_path / "m.onnx")
    texts = [tokens_of(40, seed=1), tokens_of(33, seed=2)]
    padding = [40 - len(text) for text in texts]
    ids = np.array([[7] * n + text.tolist() for n, text in zip(padding, texts, strict=True)])
    mask = np.array([[0] * n + [1] * (40 - n) for n in padding])
    positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
    expected = [all_logits(ours, text) for text in texts]
    cache, parts = theirs.empty_cache(2), []
    for begin, end in ((0, 36), (36, 37), (37, 40)):
        columns = slice(begin, end)
        logits, cache = theirs.run(ids[:, columns], mask[:, :end], positions[:, columns], cache)
        parts.append(logits)
        assert all(array.shape[2] == end for array in cache)
    logits = np.concatenate(parts, axis=1)
    assert np.isfinite(logits).all()
    for i, n in enumerate(padding):
        assert_close(logits[i, n:], expected[i])


@ort_runs_ours
def test_names_and_shapes(tmp_path):
    """The inputs and outputs that users of decoders with a cache expect."""
    quern.synthesize("tiny-llama", tmp_path / "model")
    quern.export_model(tmp_path / "model", tmp_path / "m.onnx", "onnx")
    session = OrtModel(tmp_path / "m.onnx").session
    batch, sequence, total = "batch_size", "sequence_length", "total_sequence_length"
    inputs = {i.name: (i.type, i.shape) for i in session.get_inputs()}
    assert list(inputs)[:4] == [
        "input_ids", "attention_mask", "position_ids", "past_key_values.0.key",
    ]  # fmt: skip
    assert inputs["input_ids"] == ("tensor(int64)", [batch, sequence])
    assert inputs["attention_mask"] == ("tensor(int64)", [batch, total])
    past = "past_sequence_length"
    assert inputs["past_key_values.1.value"] == ("tensor(float)", [batch, 2, past, 16])
    outputs = {o.name: (o.type, o.shape) for o in session.get_outputs()}
    assert outputs["logits"] == ("tensor(float)", [batch, sequence, 320])
    assert outputs["present.1.key"] == ("tensor(float)", [batch, 2, total, 16])
    model = onnx.load(tmp_path / "m.onnx")
    assert {o.domain: o.version for o in model.opset_import} == {"": 21}
    assert (model.producer_name, model.ir_version) == ("quern", 10)


# ---------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------

QDQ = {
    "int8_tensor": "INT8",
    "int8_channel": "INT8",
    "int8_channel_asym": "UINT8",
    "int8_g32": "INT8",
    "i16 [1, 32], scale f32": "INT16",
    "int4_channel": "INT4",
    "int4_g32": "INT4",
    "int4_g32_asym": "UINT4",
    "u4 [1, *], scale bf16, zero u4": "UINT4",
    "i4 [1, 64] partial, scale f16": "INT4",
    "i2 [1, 32], scale f16": "INT2",
    "u2 [1, 32], scale f16, zero u2": "UINT2",
    "fp8_tensor": "FLOAT8E4M3FN",
    "fp8_channel": "FLOAT8E4M3FN",
    "f8E4M3FN [1, 32], scale f16": "FLOAT8E4M3FN",
    "fp8_e5m2_channel": "FLOAT8E5M2",
}


@onnx_reads_ours
@ort_runs_ours
@pytest.mark.parametrize("format", QDQ)
def test_dequantize_linear(tiny, tmp_path, format):
    weights = check(tiny, tmp_path / "m.onnx", format, "qdq", QDQ[format])
    needs = 25 if "INT2" in QDQ[format] else 21
    assert {o.domain: o.version for o in weights.model.opset_import} == {"": needs}
    tokens = tokens_of(12)
    assert_close(
        onnx_logits(tmp_path / "m.onnx", tokens), all_logits(reference(tiny, format), tokens)
    )


@onnx_reads_ours
@ort_runs_ours
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("group", [16, 32, 64, 128])
@pytest.mark.parametrize("zero", ["", ", zero u", ", zero i"], ids=["none", "unsigned", "signed"])
def test_matmulnbits(tiny, tmp_path, bits, group, zero):
    """Groups that end within a row are filled up; scales of each type."""
    scale = {16: "f32", 32: "f16", 64: "bf16", 128: "f16"}[group]
    partial = " partial" if group > 32 else ""
    element = "u" if zero == ", zero u" else "i"
    format = f"{element}{bits} [1, {group}]{partial}, scale {scale}" + (zero and f"{zero}{bits}")
    for mode in ("matmulnbits", "auto"):
        weights = check(tiny, tmp_path / f"{mode}.onnx", format, mode, "UINT8")
        assert {o.domain: o.version for o in weights.model.opset_import} == {
            "": 21, "com.microsoft": 1,
        }  # fmt: skip
        down = "model.layers.0.mlp.down_proj.weight"
        assert weights.user(f"{down}_Q{bits}") == (
            "MatMulNBits", {"K": 160, "N": 96, "bits": bits, "block_size": group},
        )  # fmt: skip


@onnx_reads_ours
@ort_runs_ours
@pytest.mark.parametrize("type", ["f16", "bf16", "f32"])
def test_matmulnbits_with_floats_as_zero_points(tiny, tmp_path, type):
    """As HQQ has them; ONNX Runtime takes them for 4 bits."""
    format = f"u4 [1, 32], scale {type}, zero {type}"
    check(tiny, tmp_path / "m.onnx", format, "matmulnbits", "UINT8")
    assert "but got u8 [1, 32], scale f16, zero f16" in error_of(
        tiny, tmp_path / "m.onnx", "onnx", "u8 [1, 32], scale f16, zero f16"
    )


@ort_runs_ours
def test_auto_takes_what_fits(tmp_path, tiny):
    """A row a scale is nothing for MatMulNBits, but for DequantizeLinear."""
    rules = [("*.0.mlp.up_proj.weight", "int4_g32"), ("*.0.mlp.gate_proj.weight", "f16")]
    quern.export_model(tiny, tmp_path / "m.onnx", "onnx", "int8_tensor", rules=rules)
    weights = Weights(tmp_path / "m.onnx")
    mlp = "model.layers.0.mlp"
    assert weights.user(f"{mlp}.up_proj.weight_Q4")[0] == "MatMulNBits"
    assert weights.user(f"{mlp}.down_proj.weight_quantized")[0] == "DequantizeLinear"
    assert weights.type(f"{mlp}.gate_proj.weight") == "FLOAT16"
    tokens = tokens_of(30)
    expected = all_logits(reference(tiny, "int8_tensor", rules=rules), tokens)
    assert_close(OrtModel(tmp_path / "m.onnx").logits(tokens), expected)


@ort_runs_ours
@pytest.mark.parametrize("kind", ["q4_0", "q8_0"])
def test_codes_of_a_file_are_kept(wide, tmp_path, kind):
    """From GGUF: the same codes and scales in another layout."""
    quern.export_model(wide, tmp_path / "m.gguf", "gguf", kind)
    quern.export_model(tmp_path / "m.gguf", tmp_path / "m.onnx", "onnx")
    model, weights = reference(tmp_path / "m.gguf"), Weights(tmp_path / "m.onnx")
    for name in ("self_attn.q_proj", "mlp.down_proj"):
        full = f"model.layers.2.{name}.weight"
        np.testing.assert_array_equal(weights.numbers(full), model.weight(full))
    tokens = tokens_of(40)
    assert_close(OrtModel(tmp_path / "m.onnx").logits(tokens), all_logits(model, tokens))


@ort_runs_ours
@pytest.mark.parametrize("mode", ["matmulnbits", "qdq"])
@pytest.mark.parametrize(
    ("container", "format"),
    [("gptq", "int4_g128_asym"), ("gptq", "i8 [1, 64], scale f16"), ("awq", "int4_g128_asym"),
     ("compressed-tensors", "int4_g32")],
)  # fmt: skip
def test_codes_of_a_checkpoint_are_kept(tmp_path, container, format, mode):
    """Codes, scales and zero points as they are: the same numbers to the bit."""
    quern.export_model(QUERN_6M, tmp_path / "source", container, format)
    quern.export_model(tmp_path / "source", tmp_path / "m.onnx", "onnx", onnx_weights=mode)
    model, weights = reference(tmp_path / "source"), Weights(tmp_path / "m.onnx")
    for part in ("self_attn.k_proj", "mlp.up_proj", "mlp.down_proj"):
        name = f"model.layers.3.{part}.weight"
        assert weights.numbers(name).tobytes() == model.weight(name).tobytes(), part
    tokens = tokens_of(40)
    assert_close(OrtModel(tmp_path / "m.onnx").logits(tokens), all_logits(model, tokens))


@ort_runs_ours
@needs_data("lm/quern-6m", "text/novels.txt")
@pytest.mark.parametrize(
    ("format", "mode"), [("int4_g128", "auto"), ("int4_g32_asym", "qdq"), ("int8_channel", "qdq")]
)
def test_perplexity_of_a_trained_model(tmp_path, format, mode):
    folder = DATA / "lm" / "quern-6m"
    quern.export_model(folder, tmp_path / "m.onnx", "onnx", format, onnx_weights=mode)
    text = (DATA / "text" / "novels.txt").read_text()[:12000]
    tokens = quern.Tokenizer(folder).encode(text)[:512]
    theirs, ours = OrtModel(tmp_path / "m.onnx").logits(tokens), reference(folder, format)
    expected = all_logits(ours, np.asarray(tokens))
    assert_close(theirs, expected)
    # Logits that differ by at most d have logarithms of probabilities within 2 d.
    ratio = perplexity(theirs, tokens) / perplexity(expected, tokens)
    assert abs(np.log(ratio)) <= 2 * TOLERANCE * np.abs(expected).max()


def perplexity(logits: NDArray, tokens: list[int]) -> float:
    shifted = logits[:-1].astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=-1)) - shifted[np.arange(len(shifted)), tokens[1:]]
    return float(np.exp(losses.mean()))


# ---------------------------------------------------------------------------
# What cannot be written
# ---------------------------------------------------------------------------

NOT_HELD = [
    (
        "nf4", "auto",
        "expects a format that DequantizeLinear holds: integers of 2, 4, 8 or 16 bits or floats "
        "of 8, a scale f32, f16 or bf16 for columns of a row, a row or the tensor, and zero points "
        "of the same integers or none; but got nf4 (codebook @nf4 [1, 64], scale f32); give the "
        "weight another by --format or --rule",
    ),
    ("q4_1", "auto", "but got q4_1 (u4 [1, 32], scale f16, add f16"),
    ("int3_g64", "auto", "but got int3_g64 (i3 [1, 64], scale f16)"),
    ("fp8_block", "qdq", "but got fp8_block (f8E4M3FN [128, 128] partial, scale f32)"),
    (
        "int8_channel", "matmulnbits",
        "expects a format that MatMulNBits holds: integers of 2, 4 or 8 bits, a scale f32, f16 or "
        "bf16 for 16, 32, 64, 128 or 256 columns of a row, and zero points of the same integers, "
        "of 4-bit codes such floats, or none; but got int8_channel (i8 [1, *], scale f32); give "
        "the weight another by --format or --rule, or have it written by --onnx-weights auto",
    ),
    ("i4 [1, 8], scale f16", "matmulnbits", "but got i4 [1, 8], scale f16; give"),
]  # fmt: skip


@pytest.mark.parametrize(("format", "mode", "message"), NOT_HELD)
def test_a_format_that_is_not_held(wide, tmp_path, format, mode, message):
    rules = [("*.1.mlp.down_proj.weight", format)]
    error = error_of(wide, tmp_path / "m.onnx", "onnx", "bf16", rules=rules, onnx_weights=mode)
    assert error.startswith("weight 'model.layers.1.mlp.down_proj.weight': expects a format that ")
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_for_must_make_sense(tiny, tmp_path):
    assert error_of(tiny, tmp_path / "m.bin", "onnx") == (
        f"{tmp_path}/m.bin: expects a name that ends in .onnx, by which it is known as such a file"
    )
    assert error_of(tiny, tmp_path / "m.onnx", "onnx", onnx_weights="qcdq") == (
        "expects onnx_weights to be one of auto, qdq, matmulnbits, but got 'qcdq'"
    )
    assert error_of(tiny, tmp_path / "m.gguf", "gguf", onnx_weights="qdq") == (
        "expects onnx_weights with the container onnx only, but got it with 'gguf'"
    )
    assert list(tmp_path.iterdir()) == []


def test_experts_are_not_written_yet(tmp_path):
    quern.synthesize("tiny-mixtral", tmp_path / "model")
    assert error_of(tmp_path / "model", tmp_path / "m.onnx", "onnx") == (
        "/model/layers.0/mlp/gate: expects operations that are written as ONNX, but got "
        "'nn.route'; models with experts have none yet"
    )


# ---------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------

DATA_NAME = re.compile(r"m\.[0-9a-f]{16}\.onnx\.data")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """85 MB of weights in BF16: more than lie in the model's own file."""
    shape = synth.Shape(2048, 4096, 1, 32, 8, 64, vocabulary=4096, context=128)
    folder = tmp_path_factory.mktemp("large") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "large", shape)
        quern.synthesize("large", folder)
    return folder


def data_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "m.onnx")


@onnx_reads_ours
@ort_runs_ours
def test_large_models_have_their_data_beside_them(large, tmp_path):
    out = tmp_path / "m.onnx"
    quern.export_model(large, out, "onnx")
    onnx.checker.check_model(str(out), full_check=True)
    (first,) = data_files(tmp_path)
    assert DATA_NAME.fullmatch(first)
    assert out.stat().st_size < 1 << 20
    tokens = tokens_of(20)
    assert_close(OrtModel(out).logits(tokens), all_logits(reference(large), tokens))
    # Another model in its place has data of another name; the old ones go.
    (tmp_path / "m.extra.onnx.data").write_bytes(b"not ours")
    quern.export_model(large, out, "onnx", "f16")
    (second,) = set(data_files(tmp_path)) - {"m.extra.onnx.data"}
    assert DATA_NAME.fullmatch(second) and second != first
    quern.export_model(large, out, "onnx", "int4_g128")
    assert data_files(tmp_path) == ["m.extra.onnx.data"]
    # The same model has the same bytes, whatever the threads.
    quern.export_model(large, out, "onnx", threads=1)
    assert first in data_files(tmp_path)


def run_export(
    model: Path, out: Path, progress: str, limit: str = ""
) -> subprocess.CompletedProcess:
    script = textwrap.dedent(f"""
        import os, resource, signal, quern
        progress = None
        {progress}
        {limit}
        quern.export_model({str(model)!r}, {str(out)!r}, "onnx", "f16", progress=progress)
    """)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_a_killed_run_leaves_the_old_model(large, tmp_path, fraction):
    out = tmp_path / "m.onnx"
    quern.export_model(large, out, "onnx")
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in os.listdir(tmp_path)}
    kill = (
        "progress = lambda stage, done: stage == 'weights' and done >= "
        f"{fraction} and os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert run_export(large, out, kill).returncode == -signal.SIGKILL
    after = {name: (tmp_path / name).stat().st_mtime_ns for name in os.listdir(tmp_path)}
    assert {name: after.get(name) for name in before} == before
    assert all(".tmp-" in name for name in set(after) - set(before))


def test_a_full_disk_names_the_file(large, tmp_path):
    limit = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))"
    )
    done = run_export(large, tmp_path / "m.onnx", "", limit)
    assert done.returncode == 1
    assert f"{tmp_path}/m.onnx.data: cannot be given " in done.stderr
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_its_name_leaves_no_data(large, tmp_path):
    """Data has its name first; where the model cannot get its own, it goes."""
    (tmp_path / "m.onnx").mkdir()
    assert error_of(large, tmp_path / "m.onnx", "onnx") == (
        f"{tmp_path}/m.onnx: cannot be written: Is a directory"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_an_interrupt_leaves_nothing(large, tmp_path):
    def stop(stage, done):
        if stage == "weights" and done > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quern.export_model(large, tmp_path / "m.onnx", "onnx", progress=stop)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------


def test_commands(tmp_path, capfd):
    def run(*arguments: str) -> str:
        assert main(arguments) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    out = str(tmp_path / "m.onnx")
    shown = run("export", str(QUERN_6M), "--container", "onnx", "-o", out)
    assert "16.009 bits per weight: 43 BFLOAT16, 13 FLOAT" in shown
    arguments = ("--format", "int4_g128", "--container", "onnx", "-o", out)
    shown = run("quantize", str(QUERN_6M), *arguments)
    assert "13 FLOAT, 43 FLOAT16, 43 UINT8" in shown
    shown = run("quantize", str(QUERN_6M), *arguments, "--onnx-weights", "qdq")
    assert "13 FLOAT, 43 FLOAT16, 43 INT4" in shown
