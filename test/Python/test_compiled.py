# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled models, against the independent forward pass and the given facts."""

import json

import numpy as np
import pytest
import quern
from numpy_llama import NumpyLlama, scores
from quern.cli import main
from support import DATA, needs_compiler, needs_data

pytestmark = needs_compiler

FORMATS = [
    "f32",
    "f16",
    "bf16",
    "int8_channel",
    "int4_g128",
    "int4_g128_asym",
    "q4_0",
    "q8_0",
    "q4_k",
    "q6_k",
    "fp8_channel",
    "mxfp4",
    "nf4",
]
INVENTED = "i3 [1, 48], scale (u5 [1, 6], scale f16)"
FAMILIES = [
    "tiny-llama",
    "tiny-llama3",
    "tiny-mqa",
    "tiny-mistral",
    "tiny-qwen2",
    "tiny-qwen3",
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compiles a model once for each set of options and gives the artifact; for
    this processor only, if nothing else is said."""
    made = {}

    def get(model, format, **given):
        options = {"target": "host", "kv_cache": "f32"} | given
        key = (model, format, *sorted(options.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("compiled") / "artifact"
            quern.compile_model(model, made[key], format, **options)
        return made[key]

    return get


def windows_of_text(name, text, characters=None):
    tokenizer = quern.Tokenizer(DATA / "lm" / name)
    content = (DATA / "text" / f"{text}.txt").read_text("utf-8")
    return tokenizer, tokenizer.encode(content[:characters])


@needs_data("lm/stories260K")
def test_golden_greedy_text(compiled, capfd):
    folder = DATA / "lm" / "stories260K"
    out = compiled(folder, "f32")
    golden = (folder / "golden_greedy_200.txt").read_bytes()
    assert main(["run", str(out), "--prompt", "", "--max-tokens", "200"]) == 0
    assert capfd.readouterr().out.encode() == golden


@pytest.mark.parametrize("shape", FAMILIES)
def test_families_match_the_independent_forward_pass(compiled, tmp_path, shape):
    quern.synthesize(shape, tmp_path / "model")
    reference = NumpyLlama(tmp_path / "model", np.float64)
    tokens = np.random.default_rng(0).integers(0, 320, 70, dtype=np.int32)
    expected = reference.logits(tokens)
    tolerance = 1e-4 * np.abs(expected).max()
    out = compiled(tmp_path / "model", "bf16")
    with quern.Model(out) as model, model.session() as session:
        logits = session.prefill(tokens, rows=len(tokens))
        np.testing.assert_allclose(logits, expected, atol=tolerance)
        # Again in pieces of every kind: many, several, and one token.
        session.truncate(13)
        logits = session.prefill(tokens[13:40], rows=5)
        np.testing.assert_allclose(logits, expected[35:40], atol=tolerance)
        for place in range(40, 70):
            logits = session.decode(int(tokens[place]))
            np.testing.assert_allclose(logits, expected[place], atol=tolerance)


@pytest.mark.slow
@needs_data("lm", "text")
@pytest.mark.parametrize(
    ("name", "text", "context", "count", "perplexity"),
    [
        ("quern-6m", "novels", 512, 102668, 31.962),
        ("stories260K", "tinystories_val", 512, 194310, 4.28942),
        ("stories260K-wide256", "tinystories_val", 512, 194310, 4.28942),
        ("babyllama-tok105", "tinystories_val", 256, 399876, 2.35235),
    ],
)
def test_float_perplexity_of_the_manifest(compiled, name, text, context, count, perplexity, capfd):
    out = compiled(DATA / "lm" / name, "f32")
    file = DATA / "text" / f"{text}.txt"
    command = ["eval", out, "--text", file, "--context", context, "--json"]
    assert main([str(argument) for argument in command]) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["tokens"] == count
    assert result["perplexity"] == pytest.approx(perplexity, rel=1e-3)


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
def test_perplexity_of_weights_that_gguf_rounded(compiled, kind):
    folder = DATA / "lm" / "stories260K-wide256"
    tokenizer, tokens = windows_of_text("stories260K-wide256", "tinystories_val", 20_000)
    reference = rounded_by_gguf(NumpyLlama(folder), kind)
    expected = np.exp(scores(reference, tokens, 512, tokenizer.bos_id).mean())
    with quern.Model(compiled(folder, kind)) as model:
        result = quern.evaluate(model, tokens, 512, tokenizer.bos_id)
    assert result.perplexity == pytest.approx(expected, rel=1e-3)


@needs_data("lm/quern-6m", "text/novels.txt")
@pytest.mark.parametrize("format", [*FORMATS, INVENTED])
def test_instruction_sets_agree_on_every_format(compiled, format):
    folder = DATA / "lm" / "quern-6m"
    tokenizer, tokens = windows_of_text("quern-6m", "novels", 8_000)
    out = compiled(folder, format, target="all")
    perplexities = {}
    for isa in json.loads((out / "manifest.json").read_text())["isas"]:
        try:
            model = quern.Model(out, isa=isa)
        except quern.QuernError as error:
            assert error.status == quern.Status.CPU_FEATURES
            continue
        with model:
            result = quern.evaluate(model, tokens, 512, tokenizer.bos_id)
            perplexities[isa] = result.perplexity
    print("instruction sets run:", *perplexities)
    assert "portable" in perplexities
    for perplexity in perplexities.values():
        assert perplexity == pytest.approx(perplexities["portable"], rel=1e-4)


@needs_data("lm/quern-6m", "text/novels.txt")
@pytest.mark.parametrize("format", ["q4_0", "q4_k", INVENTED])
def test_integer_results_are_equal_to_the_bit(compiled, format):
    out = compiled(DATA / "lm" / "quern-6m", format, compute="int8", target="all")
    _, tokens = windows_of_text("quern-6m", "novels", 600)
    with quern.Model(out, isa="portable") as model, model.session() as session:
        expected = session.prefill(tokens[:100], rows=100)
    with quern.Model(out, threads=1) as model, model.session() as session:
        first = session.prefill(tokens[:100], rows=100)
    with quern.Model(out, threads=2) as model, model.session() as session:
        np.testing.assert_array_equal(session.prefill(tokens[:100], rows=100), first)
    # Norms and softmax are floating point and may differ in the last bits.
    np.testing.assert_allclose(first, expected, atol=1e-3 * np.abs(expected).max())


@needs_data("lm/quern-6m", "text/novels.txt")
def test_more_bits_come_closer(compiled, monkeypatch, tmp_path):
    monkeypatch.setenv("QUERN_CACHE", str(tmp_path))
    folder = DATA / "lm" / "quern-6m"
    tokenizer, tokens = windows_of_text("quern-6m", "novels", 8_000)
    divergences = []
    with quern.Model(quern.reference_artifact(folder)) as against:
        for format in ("q4_0", "q6_k", "q8_0", "bf16"):
            with quern.Model(compiled(folder, format)) as model:
                result = quern.evaluate(model, tokens, 512, tokenizer.bos_id, against=against)
                divergences.append(result.kld_mean)
    assert divergences == sorted(divergences, reverse=True)
    assert divergences[-1] < 1e-9


def test_reference_artifacts_are_kept(monkeypatch, tmp_path, tiny_model):
    monkeypatch.setenv("QUERN_CACHE", str(tmp_path))
    first = quern.reference_artifact(tiny_model)
    made = (first / "model.so").stat().st_mtime_ns
    assert quern.reference_artifact(tiny_model) == first
    assert (first / "model.so").stat().st_mtime_ns == made


def test_progress_names_stages_and_reports_is_json(tiny_model, tmp_path):
    told = []
    report = quern.compile_model(
        tiny_model,
        tmp_path / "out",
        "q8_0",
        target="host",
        progress=lambda *what: told.append(what),
    )
    assert isinstance(report, dict)
    assert told
    assert all(stage and 0 <= share <= 1 for stage, share in told)


def test_what_a_callback_raises_is_raised(tiny_model, tmp_path):
    def fail(stage, share):
        raise ZeroDivisionError(stage)

    with pytest.raises(ZeroDivisionError):
        quern.compile_model(tiny_model, tmp_path / "out", "q8_0", target="host", progress=fail)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/absent", "--format", "Q4_0"], "absent"),
        (["{model}", "--format", "Q9_Z"], "Q9_Z"),
        (["{model}", "--format", "i4 [1, 32], scale f1"], "f1"),
        (["{model}", "--format", "Q4_0", "--rule", "*.absent=f32"], "*.absent"),
        (["{model}", "--format", "Q4_0", "--formats", "{tmp}/absent"], "absent"),
        (["{model}", "--format", "Q4_0", "--context", "-1"], "context"),
        (["{model}", "--format", "Q4_0", "--context", "9999999"], "9999999"),
    ],
)
def test_compile_errors_are_one_paragraph(capfd, tmp_path, tiny_model, arguments, message):
    filled = [argument.format(tmp=tmp_path, model=tiny_model) for argument in arguments]
    assert main(["compile", *filled, "-o", str(tmp_path / "out")]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err.replace("\n", " ")
    assert not (tmp_path / "out").exists()
