# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler as Python and the command line see it: its results against
weights that others rounded, its reference artifacts, progress and errors."""

import signal

import numpy as np
import pytest
import quern
from numpy_llama import NumpyLlama, scores
from quern.cli import main
from support import DATA, needs_compiler, needs_data

pytestmark = needs_compiler


def read_text(name, text, characters):
    tokenizer = quern.Tokenizer(DATA / "lm" / name)
    content = (DATA / "text" / f"{text}.txt").read_text("utf-8")
    return tokenizer.encode(content[:characters]), tokenizer.bos_id


def rounded_by_gguf(model, kind):
    """Rounds all matrices of a NumpyLlama as the `gguf` package does."""
    gguf = pytest.importorskip("gguf")
    code = gguf.GGMLQuantizationType[kind]
    for name, values in model.weights.items():
        if values.ndim == 2:
            packed = gguf.quants.quantize(values.astype(np.float32), code)
            model.weights[name] = gguf.quants.dequantize(packed, code).astype(model.dtype)
    return model


@needs_data("lm/stories260K-wide256", "text/tinystories_val.txt")
@pytest.mark.parametrize("kind", ["Q4_0", "Q8_0"])
def test_perplexity_of_weights_that_gguf_rounded(compile_once, kind):
    folder = DATA / "lm" / "stories260K-wide256"
    tokens, bos = read_text("stories260K-wide256", "tinystories_val", 10_000)
    expected = np.exp(scores(rounded_by_gguf(NumpyLlama(folder), kind), tokens, 512, bos).mean())
    with quern.Model(compile_once(folder, kind, target="host", kv_cache="f32")) as model:
        result = quern.evaluate(model, tokens, 512, bos)
    # Float sums in another order, and nothing else.
    assert result.perplexity == pytest.approx(expected, rel=1e-5)


@needs_data("lm/quern-6m", "text/novels.txt")
def test_more_bits_come_closer(compile_once, monkeypatch, tmp_path):
    monkeypatch.setenv("QUERN_CACHE", str(tmp_path))
    folder = DATA / "lm" / "quern-6m"
    tokens, bos = read_text("quern-6m", "novels", 8_000)
    divergences = []
    with quern.Model(quern.reference_artifact(folder)) as against:
        for format in ("q4_0", "q6_k", "q8_0", "bf16"):
            out = compile_once(folder, format, target="host", kv_cache="f32")
            with quern.Model(out) as model:
                result = quern.evaluate(model, tokens, 512, bos, against=against)
            divergences.append(result.kld_mean)
    assert divergences == sorted(divergences, reverse=True)
    # The checkpoint is in BF16.
    assert divergences[-1] < 1e-9


def test_reference_artifacts_are_kept_until_the_model_changes(monkeypatch, tmp_path):
    monkeypatch.setenv("QUERN_CACHE", str(tmp_path / "cache"))
    quern.synthesize("tiny-llama", tmp_path / "model")
    first = quern.reference_artifact(tmp_path / "model")
    made = (first / "model.so").stat().st_mtime_ns
    assert quern.reference_artifact(tmp_path / "model") == first
    assert (first / "model.so").stat().st_mtime_ns == made
    quern.synthesize("tiny-llama", tmp_path / "model", seed=1)
    assert quern.reference_artifact(tmp_path / "model") != first


def test_progress_and_report(tiny_model, tmp_path):
    told = []
    report = quern.compile_model(
        tiny_model,
        tmp_path / "out",
        "q8_0",
        target="host",
        progress=lambda *what: told.append(what),
    )
    assert told
    assert all(stage and 0 <= share <= 1 for stage, share in told)
    assert set(report["seconds"]) == {stage for stage, _ in told}
    made = quern.inspect(tmp_path / "out")
    assert report["weight_bytes"] == made.weight_bytes
    assert report["bits_per_weight"] == pytest.approx(made.bits_per_weight)


@pytest.mark.parametrize("stage", ["import", "codegen", "weights", "link"])
def test_an_interrupt_leaves_nothing_behind(tiny_model, tmp_path, stage):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    told = []

    def interrupt(running, share):
        told.append(running)
        if running.startswith(stage):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        quern.compile_model(tiny_model, tmp_path / "out", "q8_0", target="host", progress=interrupt)
    signal.signal(signal.SIGINT, before)
    assert told[-1].startswith(stage)
    assert list(tmp_path.iterdir()) == []


def test_what_is_replaced_survives_an_interrupt(tiny_model, tmp_path):
    quern.compile_model(tiny_model, tmp_path / "out", "q8_0", target="host")
    before = (tmp_path / "out/manifest.json").read_bytes()

    def fail(stage, share):
        if stage.startswith("weights"):
            raise ZeroDivisionError(stage)

    with pytest.raises(ZeroDivisionError):
        quern.compile_model(tiny_model, tmp_path / "out", "q4_0", target="host", progress=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/manifest.json").read_bytes() == before


def test_import_to_text(tiny_model):
    text = quern.import_to_text(tiny_model)
    assert "func.func @forward" in text
    assert len(text) < 1 << 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/absent", "--format", "Q4_0"], "absent"),
        (["{model}", "--format", "Q9_Z"], "Q9_Z"),
        (["{model}", "--format", "i4 [1, 32], scale f1"], "f1"),
        (["{model}", "--format", "Q4_0", "--rule", "*.absent=f32"], "*.absent"),
        (["{model}", "--format", "Q4_0", "--formats", "{tmp}/absent"], "absent"),
        (
            ["{model}", "--format", "Q4_0", "--context", "-1"],
            "context: expects a number from 0",
        ),
        (["{model}", "--format", "Q4_0", "--context", "9999999"], "9999999"),
        (
            ["{model}", "--format", "Q4_0", "--threads", "9999999999"],
            "threads: expects a number",
        ),
        (["{model}", "--format", "\udcff"], "expects valid Unicode"),
    ],
)
def test_errors_are_one_paragraph(capfd, tmp_path, tiny_model, arguments, message):
    filled = [argument.format(tmp=tmp_path, model=tiny_model) for argument in arguments]
    assert main(["compile", *filled, "-o", str(tmp_path / "out")]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("error:") == 1
    assert message in captured.err.replace("\n", " ")
    assert not (tmp_path / "out").exists()
