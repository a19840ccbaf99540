# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models written as OpenVINO's IR: read by OpenVINO, whose constants are our
numbers, and run by it on a processor, whose logits are ours."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import quern
from numpy.typing import NDArray
from quern import synth
from quern.cli import main
from support import ROOT, all_logits, needs_compiler

ov = pytest.importorskip("openvino")

pytestmark = [needs_compiler, pytest.mark.client("openvino", "openvino", "write")]

QUERN_6M = ROOT / "examples" / "quern-6m"
FAMILIES = [
    "tiny-llama", "tiny-llama3", "tiny-mqa", "tiny-mistral", "tiny-qwen2", "tiny-qwen3",
    "tiny-gpt2", "tiny-gpt-neox", "tiny-phi3", "tiny-gemma2", "tiny-gemma3",
]  # fmt: skip
# Sums of at most a few hundred products in f32, in another order.
TOLERANCE = 1e-4
# In f32 as the graph says: activations would else be bf16, or 8 bits beside codes.
EXACT = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}


def error_of(*arguments: object, **options: object) -> str:
    with pytest.raises(quern.QuernError) as raised:
        quern.export_model(*arguments, **options)
    return str(raised.value)


def read(folder: Path) -> ov.Model:
    return ov.Core().read_model(folder / "openvino_model.xml")


class IrModel:
    """A folder in OpenVINO's plugin for processors."""

    def __init__(self, folder: Path) -> None:
        self.model = ov.Core().compile_model(read(folder), "CPU", EXACT)
        self.caches = [i for i in self.model.inputs if "past_" in i.any_name]

    def empty_cache(self, batch: int = 1) -> list[NDArray]:
        shapes = [i.partial_shape for i in self.caches]
        return [
            np.zeros((batch, s[1].get_length(), 0, s[3].get_length()), np.float32) for s in shapes
        ]

    def run(self, ids, mask, positions, cache) -> tuple[NDArray, list[NDArray]]:
        feeds = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
        feeds = {name: np.asarray(value, np.int64) for name, value in feeds.items()}
        feeds |= {i.any_name: array for i, array in zip(self.caches, cache, strict=True)}
        logits, *present = self.model(feeds).values()
        return logits, present

    def logits(self, tokens: NDArray, begin: int = 0) -> NDArray:
        """Of all positions of one text, whose first is `begin`."""
        ids = np.asarray(tokens)[None]
        positions = begin + np.arange(ids.size)[None]
        return self.run(ids, np.ones_like(ids), positions, self.empty_cache())[0][0]


def assert_close(found: NDArray, expected: NDArray) -> None:
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


def tokens_of(count: int, seed: int = 1) -> NDArray:
    return np.random.default_rng(seed).integers(0, 320, count)


def reference(*arguments: object, **options: object) -> quern.ReferenceModel:
    return quern.ReferenceModel(*arguments, kv_cache="f32", **options)


class Weights:
    """Numbers that the constants of a folder stand for, by the formula of
    share/openvino-weights.txt, and as the graph computes them."""

    def __init__(self, folder: Path) -> None:
        self.constants, self.products = {}, {}
        for op in read(folder).get_ordered_ops():
            if op.get_type_name() == "Constant":
                self.constants[op.friendly_name] = op
            elif op.get_type_name() in ("MatMul", "Gather"):
                for value in op.input_values():
                    self.products.setdefault(self._codes_of(value.get_node()), value)

    def _codes_of(self, node: ov.Node) -> str:
        """The constant that a chain of Convert, Subtract, … begins with."""
        chain = ("Convert", "Subtract", "Multiply", "Reshape")
        while node.get_type_name() in chain:
            node = node.input_value(0).get_node()
        return node.friendly_name

    def type(self, name: str) -> str:
        return self.constants[name].get_output_element_type(0).to_string()

    def shape(self, name: str) -> list[int]:
        return list(self.constants[name].get_output_shape(0))

    def array(self, name: str) -> NDArray:
        return self.constants[name].get_data(dtype=np.float32)

    def numbers(self, weight: str) -> NDArray:
        """[rows, columns], as our own names have them."""
        codes = self.array(weight)
        if f"{weight}_zero_point" in self.constants:
            codes = codes - self.array(f"{weight}_zero_point")
        if f"{weight}_scale" in self.constants:
            codes = codes * self.array(f"{weight}_scale")
        return codes.reshape(codes.shape[0], -1)

    def computed(self, weight: str) -> NDArray:
        graph = ov.Model([self.products[weight]], [], "numbers")
        return ov.Core().compile_model(graph, "CPU", EXACT)([])[0]


def check(folder: Path, out: Path, format: str, kind: str, scale: str = "") -> Weights:
    """Exports a model and holds everything against ours: the numbers to the
    bit, and the logits."""
    quern.export_model(folder, out, "openvino", format)
    model, tokens = reference(folder, format), tokens_of(30)
    weights = Weights(out)
    for name in ("self_attn.k_proj", "mlp.down_proj"):
        full = f"model.layers.1.{name}.weight"
        expected = model.weight(full).tobytes()
        assert weights.type(full) == kind
        assert scale == "" or weights.type(f"{full}_scale") == scale
        assert weights.numbers(full).tobytes() == expected, name
        assert weights.computed(full).tobytes() == expected, name
    assert_close(IrModel(out).logits(tokens), all_logits(model, tokens))
    return weights


@pytest.fixture(scope="module", params=["tied", "untied"])
def tiny(request, tmp_path_factory):
    """Rows of 96 and 160 columns; the embedding is the output matrix, or not."""
    folder = tmp_path_factory.mktemp(request.param) / "model"
    quern.synthesize("tiny-llama" if request.param == "tied" else "tiny-llama3", folder, seed=4)
    return folder


# ---------------------------------------------------------------------------
# Graphs
# ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in FAMILIES if n in synth.SHAPES])
def test_families(tmp_path, name):
    """Each family's norms, rotations, windows and caps, on whole prompts."""
    quern.synthesize(name, tmp_path / "model", seed=5)
    quern.export_model(tmp_path / "model", tmp_path / "ir", "openvino")
    tokens = tokens_of(60)
    expected = all_logits(reference(tmp_path / "model"), tokens)
    assert_close(IrModel(tmp_path / "ir").logits(tokens), expected)
    check_shapes(tmp_path / "ir")


def check_shapes(folder: Path) -> None:
    """Types and shapes that the file says are those that OpenVINO infers."""
    said = {}
    for layer in ElementTree.parse(folder / "openvino_model.xml").getroot().find("layers"):
        for port in layer.findall("output/port"):
            dims = [int(dim.text) for dim in port.findall("dim")]
            said[layer.get("name")] = (port.get("precision"), dims)
    names = {"FP32": "f32", "FP16": "f16", "I64": "i64", "BOOL": "boolean"}
    for op in read(folder).get_ordered_ops():
        if op.get_type_name() == "Result":
            continue
        shape = op.get_output_partial_shape(0)
        precision, dims = said[op.friendly_name]
        found = [dim.get_length() if dim.is_static else -1 for dim in shape]
        type = op.get_output_element_type(0).to_string()
        assert (names.get(precision, precision.lower()), dims) == (type, found), op.friendly_name


def test_the_cache_and_padding(tmp_path):
    """Two texts at once, the shorter one filled up on the left; then token by
    token. The first layers of tiny-mistral look at a window of 24."""
    quern.synthesize("tiny-mistral", tmp_path / "model", seed=6)
    quern.export_model(tmp_path / "model", tmp_path / "ir", "openvino")
    ours, theirs = reference(tmp_path / "model"), IrModel(tmp_path / "ir")
    texts = [tokens_of(40, seed=1), tokens_of(33, seed=2)]
    padding = [40 - len(text) for text in texts]
    ids = np.array([[7] * n + text.tolist() for n, text in zip(padding, texts, strict=True)])
    mask = np.array([[0] * n + [1] * (40 - n) for n in padding])
    positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
    cache, parts = theirs.empty_cache(2), []
    for begin, end in ((0, 36), (36, 37), (37, 40)):
        columns = slice(begin, end)
        logits, cache = theirs.run(ids[:, columns], mask[:, :end], positions[:, columns], cache)
        parts.append(np.array(logits))
        cache = [np.array(array) for array in cache]
        assert all(array.shape[2] == end for array in cache)
    logits = np.concatenate(parts, axis=1)
    assert np.isfinite(logits).all()
    for i, n in enumerate(padding):
        assert_close(logits[i, n:], all_logits(ours, texts[i]))


def test_far_positions(tmp_path):
    """Attention sees how far tokens are apart, not where they are: a text that
    begins at a million has the logits of one that begins at zero. Angles in f32
    would be wrong by a tenth there."""
    quern.synthesize("tiny-llama", tmp_path / "model", seed=6)
    quern.export_model(tmp_path / "model", tmp_path / "ir", "openvino")
    model, tokens = IrModel(tmp_path / "ir"), tokens_of(30)
    assert_close(model.logits(tokens, begin=1_000_000), np.array(model.logits(tokens)))


def test_names_and_shapes(tmp_path):
    """The inputs and outputs that users of decoders with a cache expect."""
    quern.synthesize("tiny-llama", tmp_path / "model")
    quern.export_model(tmp_path / "model", tmp_path / "ir", "openvino")
    model = read(tmp_path / "ir")

    def described(values) -> dict[str, tuple[str, str]]:
        return {
            v.any_name: (v.element_type.to_string(), v.partial_shape.to_string()) for v in values
        }

    inputs, outputs = described(model.inputs), described(model.outputs)
    assert list(inputs)[:4] == [
        "input_ids", "attention_mask", "position_ids", "past_key_values.0.key",
    ]  # fmt: skip
    assert inputs["input_ids"] == ("i64", "[?,?]")
    assert inputs["past_key_values.1.value"] == ("f32", "[?,2,?,16]")
    assert list(outputs)[:3] == ["logits", "present.0.key", "present.0.value"]
    assert outputs["logits"] == ("f32", "[?,?,320]")
    assert outputs["present.1.key"] == ("f32", "[?,2,?,16]")


# ---------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------

HELD = {
    "f32": ("f32", ""),
    "f16": ("f16", ""),
    "bf16": ("bf16", ""),
    "int8_tensor": ("i8", "f32"),
    "int8_channel": ("i8", "f32"),
    "int8_channel_asym": ("u8", "f32"),
    "int8_g32": ("i8", "f32"),
    "int4_channel": ("i4", "f32"),
    "int4_g32": ("i4", "f16"),
    "int4_g32_asym": ("u4", "f16"),
    "u4 [1, *], scale bf16, zero u4": ("u4", "bf16"),
    "i4 [1, 16] partial, scale bf16, zero i4": ("i4", "bf16"),
    "u4 [1, 32], scale f16, zero f16": ("u4", "f16"),
    "codebook @nf4 [1, 32], scale f32": ("nf4", "f32"),
    "codebook @nf4 [1, *], scale f16": ("nf4", "f16"),
    "fp8_channel": ("f8e4m3", "f32"),
    "f8E4M3FN [1, 32], scale f16": ("f8e4m3", "f16"),
    "fp8_e5m2_channel": ("f8e5m2", "f32"),
}


@pytest.mark.parametrize("format", HELD)
def test_formats(tiny, tmp_path, format):
    check(tiny, tmp_path / "ir", format, *HELD[format])


@pytest.mark.parametrize(
    ("format", "kind"), [("int4_g128", "i4"), ("int4_g128_asym", "u4"), ("nf4", "nf4")]
)
def test_groups_of_a_wide_model(tmp_path, format, kind):
    weights = check(QUERN_6M, tmp_path / "ir", format, kind)
    group = 64 if format == "nf4" else 128
    down = "model.layers.0.mlp.down_proj.weight"
    assert weights.shape(down) == [256, 768 // group, group]
    assert weights.shape(f"{down}_scale") == [256, 768 // group, 1]


@pytest.mark.parametrize(
    ("format", "kind"),
    [("int4_g128", "i4"), ("int4_g128_asym", "u4"), ("int8_channel", "i8"), ("nf4", "nf4")],
)
def test_codes_stay_codes(tmp_path, format, kind):
    """The plugin recognises the pattern: its products read codes, and no matrix
    becomes f32. It looks nothing up in a table of NF4 codes, which does."""
    quern.export_model(QUERN_6M, tmp_path / "ir", "openvino", format)
    types = {}
    for op in IrModel(tmp_path / "ir").model.get_runtime_model().get_ops():
        if op.get_rt_info()["layerType"] == "Const" and op.get_output_partial_shape(0).is_static:
            shape = tuple(op.get_output_shape(0))
            types.setdefault(shape, set()).add(op.get_output_element_type(0).to_string())
    for shape in ((256, 256), (128, 256), (768, 256), (256, 768)):
        assert types[shape] == {kind}, shape
    assert types[4096, 256] == ({"f32"} if kind == "nf4" else {kind})


@pytest.mark.parametrize("kind", ["q4_0", "q8_0"])
def test_codes_of_a_file_are_kept(wide, tmp_path, kind):
    """From GGUF: the same codes and scales in another layout."""
    quern.export_model(wide, tmp_path / "m.gguf", "gguf", kind)
    quern.export_model(tmp_path / "m.gguf", tmp_path / "ir", "openvino")
    model, weights = reference(tmp_path / "m.gguf"), Weights(tmp_path / "ir")
    for name in ("self_attn.q_proj", "mlp.down_proj"):
        full = f"model.layers.2.{name}.weight"
        np.testing.assert_array_equal(weights.numbers(full), model.weight(full))
    tokens = tokens_of(40)
    assert_close(IrModel(tmp_path / "ir").logits(tokens), all_logits(model, tokens))


# ---------------------------------------------------------------------------
# What cannot be written
# ---------------------------------------------------------------------------

NOT_HELD = [
    (
        "mxfp4",
        "expects a format that OpenVINO holds: f32, f16, bf16, or integers of 4 or 8 bits, floats "
        "of 8 bits (E4M3FN, E5M2) or codes of normal floats, a scale f32, f16 or bf16 for columns "
        "of a row, a row or the matrix, and zero points of the same integers, of columns of a row "
        "also floats, or none; but got mxfp4 (f4E2M1FN [1, 32], scale f8E8M0FNU from amax / 4 "
        "down); give the weight another by --format or --rule",
    ),
    ("q4_1", "but got q4_1 (u4 [1, 32], scale f16, add f16"),
    ("int3_g64", "but got int3_g64 (i3 [1, 64], scale f16)"),
    ("fp8_block", "but got fp8_block (f8E4M3FN [128, 128] partial, scale f32)"),
    ("nf4_nested", "but got nf4_nested ("),
    ("bnb_nf4", "but got bnb_nf4 ("),
    ("fp4", "but got fp4 ("),
]


@pytest.mark.parametrize(("format", "message"), NOT_HELD)
def test_a_format_that_is_not_held(wide, tmp_path, format, message):
    rules = [("*.1.mlp.down_proj.weight", format)]
    error = error_of(wide, tmp_path / "ir", "openvino", "bf16", rules=rules)
    assert error.startswith("weight 'model.layers.1.mlp.down_proj.weight': expects a format that ")
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_groups_that_leave_columns_over(tiny, tmp_path):
    error = error_of(tiny, tmp_path / "ir", "openvino", "i4 [1, 64] partial, scale f16")
    assert "but got i4 [1, 64] partial, scale f16, which leaves columns over of 96; give" in error
    assert list(tmp_path.iterdir()) == []


def test_experts_are_not_written_yet(tmp_path):
    quern.synthesize("tiny-mixtral", tmp_path / "model")
    assert error_of(tmp_path / "model", tmp_path / "ir", "openvino") == (
        "/model/layers.0/mlp/gate: expects operations that are written as OpenVINO, but got "
        "'nn.route'; models with experts have none yet"
    )


def test_onnx_weights_are_not_asked_for(tiny, tmp_path):
    assert error_of(tiny, tmp_path / "ir", "openvino", onnx_weights="qdq") == (
        "expects onnx_weights with the container onnx only, but got it with 'openvino'"
    )


# ---------------------------------------------------------------------------
# Folders
# ---------------------------------------------------------------------------


def test_files_of_the_folder(tmp_path):
    """What describes the model and its tokens goes with it; of a quantized
    source, config.json says no quantization any more."""
    source = tmp_path / "gptq"
    quern.export_model(QUERN_6M, source, "gptq", "int4_g128")
    quern.export_model(source, tmp_path / "ir", "openvino")
    names = {path.name for path in (tmp_path / "ir").iterdir()}
    assert {"openvino_model.xml", "openvino_model.bin", "config.json", "tokenizer.json"} <= names
    assert "quantization_config" in json.loads((source / "config.json").read_text())
    assert "quantization_config" not in json.loads((tmp_path / "ir/config.json").read_text())
    text = (source / "tokenizer.json").read_bytes()
    assert (tmp_path / "ir/tokenizer.json").read_bytes() == text


def test_the_same_model_has_the_same_bytes(tiny, tmp_path):
    for threads in (1, 3):
        quern.export_model(tiny, tmp_path / str(threads), "openvino", "int8_g32", threads=threads)
    for name in ("openvino_model.xml", "openvino_model.bin"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()


def test_a_folder_with_something_in_it_stays(tiny, tmp_path):
    (tmp_path / "ir").mkdir()
    (tmp_path / "ir" / "mine.txt").write_text("mine")
    error = error_of(tiny, tmp_path / "ir", "openvino")
    assert error.startswith(f"{tmp_path}/ir: is not replaced: it is not empty")
    assert [path.name for path in (tmp_path / "ir").iterdir()] == ["mine.txt"]


def run_export(out: Path, progress: str, limit: str = "") -> subprocess.CompletedProcess:
    script = textwrap.dedent(f"""
        import os, resource, signal, quern
        progress = None
        {progress}
        {limit}
        quern.export_model({str(QUERN_6M)!r}, {str(out)!r}, "openvino", "f16", progress=progress)
    """)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_a_killed_run_leaves_no_folder_of_that_name(tmp_path, fraction):
    kill = (
        "progress = lambda stage, done: stage == 'weights' and done >= "
        f"{fraction} and os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert run_export(tmp_path / "ir", kill).returncode == -signal.SIGKILL
    assert not (tmp_path / "ir").exists()
    assert all(".tmp-" in path.name for path in tmp_path.iterdir())


def test_a_full_disk_names_the_file(tmp_path):
    limit = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 22, resource.RLIM_INFINITY))"
    )
    done = run_export(tmp_path / "ir", "", limit)
    assert done.returncode == 1
    assert "openvino_model.bin: cannot be given " in done.stderr
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path):
    def stop(stage, done):
        if stage == "weights" and done > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quern.export_model(QUERN_6M, tmp_path / "ir", "openvino", progress=stop)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------


def test_commands(tmp_path, capfd):
    def run(*arguments: str) -> str:
        assert main(arguments) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    shown = run("export", str(QUERN_6M), "--container", "openvino", "-o", str(tmp_path / "a"))
    assert "16.009 bits per weight: 43 bf16, 13 f32" in shown
    arguments = ("--format", "int4_g128", "--container", "openvino", "-o", str(tmp_path / "b"))
    shown = run("quantize", str(QUERN_6M), *arguments)
    assert "43 f16, 13 f32, 43 i4" in shown


def test_check_sees_what_is_not_held(wide):
    """As for every container: quern check plans the export."""
    found = quern.check_model(wide, "vllm", container="openvino", format="int3_g64")
    assert found.answer == "no"
    assert any("expects a format that OpenVINO holds" in f.says for f in found.findings)
