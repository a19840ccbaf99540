# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `quern check` says other programs load, and the rules that it says it by."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import quern
from quern import client_rules, synth
from quern.cli import main
from quern.client_rules import Expression, parse_rules, parse_version
from support import ROOT, needs_compiler

GENERATE = ROOT / "test" / "Import" / "Inputs" / "generate.py"
BOOK = client_rules.builtin_rules()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`model(family, "key=value", …)`: a folder whose weights are never read."""
    made: dict[tuple[str, ...], Path] = {}

    def get(family: str = "llama", *options: str) -> Path:
        key = (family, *options)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("model") / "m"
            sizes = ("hidden_size=256", "intermediate_size=512")
            command = [sys.executable, GENERATE, family, made[key], *sizes, *options]
            subprocess.run(command, check=True)
        return made[key]

    return get


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in f32 with rows that groups of 512 fit."""
    shape = synth.Shape(
        512, 512, layers=1, heads=8, kv_heads=4, head_dim=64, vocabulary=320, context=64
    )
    folder = tmp_path_factory.mktemp("floats") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, "floats", shape)
        quern.synthesize("floats", folder, dtype="f32")
    return folder


def layers(format: str) -> list[tuple[str, str]]:
    """A rule that leaves all but the matrices of layers as they are."""
    return [("*_proj.weight", format)]


INT3 = "i3 [1, 128], scale f16"
ROWS4 = "i4 [1, *], scale f16"
GROUP512 = "i4 [1, 512], scale f16"
GROUP256_ASYM = "u4 [1, 256], scale f16, zero u4"


# ---------------------------------------------------------------------------
# Clients
# ---------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize(
    ("client", "version", "container", "format", "answer", "rule"),
    [
        ("llama.cpp", "0.5.0", "gguf", "q4_k", "yes", ""),
        ("llama.cpp", "0.5.0", "awq", "int4_g128_asym", "no", "llama.cpp-other"),
        ("llama.cpp", "0.4.0", "gguf", "q4_k", "unknown", ""),
        ("llama.cpp", "b8146", "gguf", "q4_k", "unknown", ""),
        ("vllm", "0.33.0", "awq", "int4_g128_asym", "yes", ""),
        ("vllm", "0.33.0", "awq", "int4_g128", "no", "vllm-awq"),
        ("vllm", "0.33.0", "awq", GROUP256_ASYM, "unknown", "vllm-awq-group"),
        ("vllm", "0.33.0", "gptq", "int4_g128", "yes", ""),
        ("vllm", "0.33.0", "gptq", "int4_g128_asym", "no", "vllm-gptq-symmetric"),
        ("vllm", "0.11.0", "gptq", "int4_g128", "yes", ""),
        ("vllm", "0.33.0", "compressed-tensors", "int4_g128", "yes", ""),
        ("vllm", "0.33.0", "compressed-tensors", "int4_g128_asym", "yes", ""),
        ("vllm", "0.33.0", "compressed-tensors", INT3, "unknown", "vllm-ct-int-other"),
        ("vllm", "0.11.0", "compressed-tensors", INT3, "no", "vllm-ct-int-old"),
        ("vllm", "0.33.0", "compressed-tensors", "int8_channel", "yes", ""),
        ("vllm", "0.33.0", "compressed-tensors", "fp8_channel", "yes", ""),
        ("vllm", "0.33.0", "compressed-tensors", "nvfp4_divisor", "unknown", ""),
        ("vllm", "0.33.0", "fp8", "fp8_block", "yes", ""),
        ("vllm", "0.33.0", "fp8", "int8_channel", "no", "vllm-fp8"),
        ("vllm", "0.22.1", "bnb", "bnb_nf4", "yes", ""),
        ("vllm", "0.33.0", "bnb", "bnb_nf4", "no", "vllm-bnb-removed"),
        ("vllm", "0.22.1", "gguf", "q4_k", "yes", ""),
        ("vllm", "0.22.1", "gguf", "tq2_0", "no", "vllm-gguf-types"),
        ("vllm", "0.33.0", "gguf", "q4_k", "no", "vllm-gguf-removed"),
        ("vllm", "0.34.0", "awq", "int4_g128_asym", "unknown", ""),
        ("vllm", "0.33.0", "onnx", "int4_g128", "no", "vllm-other"),
        ("transformers", "5.23.0", "compressed-tensors", "int4_g128", "yes", ""),
        ("transformers", "5.23.0", "compressed-tensors", "q4_k", "no", "transformers-ct-weights"),
        ("transformers", "5.23.0", "awq", "int4_g128_asym", "yes", ""),
        ("transformers", "5.23.0", "awq", GROUP256_ASYM, "no", "transformers-awq-weights"),
        ("transformers", "5.23.0", "gptq", INT3, "yes", ""),
        ("transformers", "5.23.0", "gptq", "int5_g32", "no", "transformers-gptq-weights"),
        ("transformers", "5.23.0", "bnb", "bnb_nf4", "yes", ""),
        ("transformers", "5.23.0", "bnb", "q4_0", "no", "transformers-bnb-weights"),
        ("transformers", "5.23.0", "fp8", "fp8_block", "yes", ""),
        ("transformers", "5.23.0", "fp8", "fp8_channel", "no", "transformers-fp8-weights"),
        ("transformers", "5.23.0", "gguf", "q4_k", "yes", ""),
        ("transformers", "5.23.0", "gguf", "q1_0", "no", "transformers-gguf-types"),
        ("transformers", "5.23.0", "onnx", "int4_g128", "no", "transformers-other"),
        ("transformers", "4.0.0", "awq", "int4_g128_asym", "unknown", ""),
        ("onnxruntime", "1.32.0", "gguf", "q4_k", "no", "onnxruntime-other"),
    ],
)
def test_clients(model, client, version, container, format, answer, rule):
    found = quern.check_model(model(), client, version, container, rules=layers(format))
    assert found.answer == answer, found
    worst = [finding for finding in found.findings if finding.answer == answer]
    if rule:
        assert rule in [finding.rule for finding in worst]
        assert all(finding.sources and finding.do for finding in worst if finding.rule)


@needs_compiler
@pytest.mark.parametrize(
    ("version", "format", "answer", "rule"),
    [
        ("1.32.0", "int4_g128", "yes", ""),
        ("1.32.0", INT3, "no", "onnxruntime-nbits"),
        ("1.32.0", "i4 [1, 8], scale f16", "no", "onnxruntime-nbits"),
        ("1.32.0", GROUP512, "yes", ""),
        ("1.22.0", GROUP512, "no", "onnxruntime-nbits-old"),
        ("1.22.0", "int8_g32", "unknown", "onnxruntime-nbits8-old"),
        ("1.32.0", "int8_channel", "yes", ""),
        ("1.32.0", "nvfp4", "no", "onnxruntime-qdq"),
        ("1.32.0", "nf4", "no", ""),
    ],
)
def test_onnx_runtime(floats, version, format, answer, rule):
    found = quern.check_model(floats, "onnxruntime", version, "onnx", rules=layers(format))
    assert found.answer == answer, found
    assert not rule or rule in [finding.rule for finding in found.findings]
    if format == "nf4":
        assert found.findings[-1].says.startswith("Quern cannot write it: weight 'model.layers.0.")


@needs_compiler
@pytest.mark.parametrize(
    ("container", "format", "answer", "rule"),
    [
        ("openvino", "int4_g128", "yes", ""),
        ("openvino", "int8_channel_asym", "yes", ""),
        ("openvino", "nf4", "yes", ""),
        ("openvino", INT3, "no", "openvino-codes"),
        ("openvino", "q4_1", "no", "openvino-codes"),
        ("gptq", "int4_g128", "no", "openvino-other"),
    ],
)
def test_openvino(floats, container, format, answer, rule):
    found = quern.check_model(floats, "openvino", container=container, rules=layers(format))
    assert found.answer == answer, found
    assert not rule or rule in [finding.rule for finding in found.findings]


@needs_compiler
def test_a_bf16_model_is_unknown_to_onnx_runtime(model):
    found = quern.check_model(model(), "onnxruntime", container="onnx", rules=layers("int4_g128"))
    assert found.answer == "unknown"
    unknown = [finding for finding in found.findings if finding.answer == "unknown"]
    assert {finding.format for finding in unknown} == {"bf16"}


@needs_compiler
def test_models_as_they_are(model, tmp_path):
    folder = model()
    assert quern.check_model(folder, "transformers").answer == "yes"
    assert quern.check_model(folder, "vllm").answer == "yes"
    lost = quern.check_model(folder, "llama.cpp")
    assert (lost.answer, lost.container) == ("no", "safetensors")
    file = tmp_path / "m.gguf"
    quern.export_model(ROOT / "examples" / "quern-6m", file, "gguf", "Q4_K_M")
    found = quern.check_model(file, "llama.cpp")
    assert (found.answer, found.container) == ("yes", "gguf")
    types = {finding.format for finding in found.findings if finding.subject == "weight"}
    assert types == {"Q4_K", "Q6_K", "F32"}
    assert quern.check_model(file, "onnxruntime").answer == "no"


@needs_compiler
def test_architectures(model):
    phi = quern.check_model(model("gemma2"), "transformers")
    assert phi.answer == "yes"
    neox = quern.check_model(model("gpt_neox"), "vllm")
    assert (neox.answer, neox.findings[1].subject) == ("unknown", "architecture")
    assert "no rule says it for vLLM 0.33.0" in neox.findings[1].says


@needs_compiler
def test_what_quern_cannot_write(model):
    """An exporter's refusal is passed on as it is, with the weight and what to do."""
    found = quern.check_model(model(), "llama.cpp", container="gguf", format="int8_channel")
    assert found.answer == "no"
    assert "Quern cannot write it: weight 'model.embed_tokens.weight'" in found.findings[-1].says
    assert "give the weight another by --format or --rule" in found.findings[-1].says


# ---------------------------------------------------------------------------
# Shapes, fused weights, more than one device
# ---------------------------------------------------------------------------


@needs_compiler
def test_tiles(model):
    """Marlin took multiples of 64 rows and 128 columns, and fills up since 0.33."""
    narrow = model("llama", "intermediate_size=544")
    for container in ("gptq", "compressed-tensors"):
        old = quern.check_model(narrow, "vllm", "0.22.1", container, rules=layers(ROWS4))
        assert old.answer == "no"
        (lost,) = [finding for finding in old.findings if finding.answer == "no"]
        assert (lost.rule, lost.what) == ("vllm-gptq-tiles", "model.layers.*.mlp.down_proj.weight")
        assert lost.found == "fused_rows 256, part_cols 544"
        assert len(lost.weights) == 2
        new = quern.check_model(narrow, "vllm", "0.33.0", container, rules=layers(ROWS4))
        assert new.answer == "yes"


@needs_compiler
@pytest.mark.parametrize("container", ["awq", "gptq", "compressed-tensors"])
def test_fused_weights_of_unequal_formats(model, container):
    first, second = "int4_g128", "int4_g32"
    if container == "awq":
        first, second = "int4_g128_asym", "int4_g32_asym"
    rules = [*layers(first), ("*k_proj.weight", second)]
    found = quern.check_model(model(), "vllm", "0.22.1", container, rules=rules)
    assert found.answer == "no"
    (lost,) = [finding for finding in found.findings if finding.subject == "fused"]
    assert lost.found == f"q_proj {first}, k_proj {second}, v_proj {first}"
    assert lost.expected == "one format for q_proj, k_proj, v_proj"
    assert "model.layers.1.self_attn.k_proj.weight" in lost.weights
    # Weights that are not fused may differ.
    rules = [*layers(first), ("*down_proj.weight", second)]
    found = quern.check_model(model(), "vllm", "0.22.1", container, rules=rules)
    refused = [finding.subject for finding in found.findings if finding.answer == "no"]
    # These checkpoints have one size of groups for all, which the exporter says.
    assert refused == ([] if container == "compressed-tensors" else ["container"])


@needs_compiler
def test_what_is_not_fused_in_gguf_files(model):
    rules = [*layers("q4_k"), ("*v_proj.weight", "q6_k")]
    assert quern.check_model(model(), "vllm", "0.22.1", "gguf", rules=rules).answer == "yes"


@needs_compiler
def test_blocks_across_fused_weights(model):
    """Key heads of 3 times 32 rows end within a block of 128."""
    odd = model("llama", "num_attention_heads=6", "num_key_value_heads=3", "head_dim=32")
    rules = layers("fp8_block")
    found = quern.check_model(odd, "vllm", container="fp8", rules=rules)
    assert found.answer == "no"
    assert {f.found for f in found.findings if f.rule == "vllm-fp8-merged" and f.expected} == {
        "part_rows 192, block_rows 128",
        "part_rows 96, block_rows 128",
    }


@needs_compiler
def test_devices_that_cut_a_group(model):
    def check(devices: int, format: str = "int4_g128_asym") -> quern.Check:
        rules = layers(format)
        return quern.check_model(
            model(), "vllm", container="awq", rules=rules, tensor_parallel=devices
        )

    assert check(2).answer == "yes"
    found = check(4)
    assert found.answer == "no"
    (lost,) = [finding for finding in found.findings if finding.answer == "no"]
    assert lost.what == "model.layers.*.self_attn.o_proj.weight"
    assert (lost.expected, lost.found) == ("part_cols % group == 0", "part_cols 64, group 128")
    assert check(4, "int4_g32_asym").answer == "yes"
    assert "fewer devices" in lost.do


@needs_compiler
def test_devices_that_cut_a_block(model):
    wide = model("llama", "hidden_size=512", "head_dim=64")
    rules = layers("fp8_block")
    for devices, answer in ((1, "yes"), (2, "yes"), (8, "no")):
        found = quern.check_model(
            wide, "vllm", container="fp8", rules=rules, tensor_parallel=devices
        )
        assert found.answer == answer, devices
    assert "vllm-fp8-split" in [finding.rule for finding in found.findings]


@needs_compiler
def test_devices_that_cut_heads_or_rows(model):
    rules = layers("int4_g32_asym")
    lost = quern.check_model(model(), "vllm", container="awq", rules=rules, tensor_parallel=3)
    assert (lost.answer, lost.findings[2].found) == ("no", "heads 8, tensor_parallel 3")
    odd = model("llama", "intermediate_size=514")
    found = quern.check_model(odd, "vllm", container="fp8", tensor_parallel=4)
    lost = [
        (f.what.split(".")[-2], f.expected, f.found)
        for f in found.findings
        if f.answer == "no" and f.subject == "weight"
    ]
    rows = ("rows % 4 == 0", "rows 514")
    assert sorted(lost) == [
        ("down_proj", "cols % 4 == 0", "cols 514"), ("gate_proj", *rows), ("up_proj", *rows),
    ]  # fmt: skip
    other = quern.check_model(model(), "transformers", tensor_parallel=2)
    assert (other.answer, other.findings[2].subject) == ("unknown", "parallel")


# ---------------------------------------------------------------------------
# The command
# ---------------------------------------------------------------------------


@needs_compiler
def test_exit_status_and_json(model, capsys):
    command = ["check", str(model()), "--for", "vllm", "--container", "awq"]
    command_of_4_bits = [*command, "--rule", "*_proj.weight=int4_g128_asym"]
    assert main(command_of_4_bits) == 0
    assert "for vLLM 0.33.0: yes" in capsys.readouterr().out
    assert main([*command, "--rule", "*_proj.weight=int4_g128", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["answer"], found["client"], found["version"]) == ("no", "vllm", "0.33.0")
    assert main([*command_of_4_bits, "--version", "9.9"]) == 4
    assert "the releases that were read are 0.11.0, 0.22.1, 0.33.0" in capsys.readouterr().out


@needs_compiler
def test_the_table_says_which_weights_which_numbers_and_what_to_do(model, capsys):
    command = ["check", str(model()), "--for", "vllm", "--container", "awq"]
    rule = "*_proj.weight=int4_g128_asym"
    assert main([*command, "--rule", rule, "--tensor-parallel", "4"]) == 3
    text = capsys.readouterr().out
    row = "model.layers.*.self_attn.o_proj.weight 2 256 x 256 int4_g128_asym no"
    assert any(" ".join(line.split()) == row for line in text.splitlines())
    assert (
        "no: model.layers.*.self_attn.o_proj.weight: expects part_cols % group == 0, but got "
        "part_cols 64, group 128: each group lies on one device; choose smaller groups"
    ) in text
    assert "or fewer devices [vllm-groups-of-devices]" in text


@needs_compiler
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"client": "tensorrt"}, "expects a client, one of llama.cpp, vllm, onnxruntime,"),
        ({"version": "newest"}, "expects a version such as 1.2.0, or a build such as b8146, but"),
        ({"version": "0..1"}, "but got '0..1'"),
        ({"format": "q4_k"}, "expects --container beside --format and --rule"),
        ({"tensor_parallel": 0}, "tensor-parallel: expects at least 1, but got 0"),
        ({"container": "awq", "format": "q9"}, "q9"),
        ({"container": "awq", "rules": [("nothing", "q4_k")]}, "nothing"),
    ],
)
def test_wrong_options(model, options, message):
    with pytest.raises(quern.QuernError) as raised:
        quern.check_model(model(), **{"client": "vllm"} | options)
    assert message in str(raised.value)


def test_no_model(tmp_path):
    with pytest.raises(quern.QuernError, match="there is no such file or folder"):
        quern.check_model(tmp_path / "absent", "vllm")
    (tmp_path / "x.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    with pytest.raises(quern.QuernError, match="expects a model folder with config"):
        quern.check_model(tmp_path / "x.safetensors", "vllm")


# ---------------------------------------------------------------------------
# The rules
# ---------------------------------------------------------------------------


def test_every_client_has_rules_that_say_yes_and_rules_that_say_no():
    assert set(BOOK.clients) == {"llama.cpp", "vllm", "onnxruntime", "openvino", "transformers"}
    for client in BOOK.clients:
        rules = [rule for rule in BOOK.rules if rule.client == client]
        assert any(rule.answer == "yes" for rule in rules)
        assert any(rule.answer == "no" for rule in rules)
        assert {rule.about for rule in rules} >= {"container", "architecture", "weight"}


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.name)
def test_every_rule_has_sources_that_name_a_release_or_a_page(rule):
    assert rule.says or rule.about == "architecture"
    for source in rule.source:
        names_release = any(character.isdigit() for character in source) and ":" in source
        assert names_release or ", tried" in source or source.startswith("https://"), source
    # Every release that a rule speaks of is one whose source is named.
    assert rule.versions


def test_the_file_is_the_one_in_share():
    assert client_rules.RULES_FILE.read_text() == (ROOT / "share" / "clients.txt").read_text()


HEAD = "client c\n  title C\n  read 1.0 2.0\nrule r\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  title x\n", "f:1: expects `client` or `rule` first, but got 'title'"),
        ("client\n", "f:1: expects `client NAME` or `rule NAME`, but got 'client '"),
        ("client c\nrule r\n", "client 'c' expects `title` and `read`"),
        ("client c\n  title C\n  read x\n", "f:3: expects a version such as 1.2.0"),
        (HEAD + "  for d 1.0\n", "f:5: expects a client from above, but got 'd'"),
        (HEAD + "  for c 1.5\n", "expects versions of c that were read, 1.0 2.0, but got '1.5'"),
        (HEAD + "  for c 1.0\n  about weights\n", "expects `about` one of container, architecture"),
        (HEAD + "  for c 1.0\n  about weight\n  answer yes\n", "rule 'r' expects a source"),
        (
            HEAD + "  for c 1.0\n  about weight\n  source s\n",
            "rule 'r' expects `needs` or `answer`",
        ),
        (
            HEAD + "  for c 1.0\n  about weight\n  source s\n  answer maybe\n",
            "expects `answer` yes, no or unknown",
        ),
        (
            HEAD + "  for c 1.0\n  about weight\n  source s\n  answer no\n",
            "rule 'r' expects `do`: what to do where it says no",
        ),
        (HEAD + "  for c 1.0\n  about fused\n  source s\n", "rule 'r' expects `parts`"),
        (HEAD + "  about weight\n  needs colour == 1\n", "expects a fact, one of container,"),
        (HEAD + "  about container\n  needs rows == 1\n", "expects a fact, one of container,"),
        (HEAD + "  colour red\n", "f:5: rule 'r' has an unknown line 'colour'"),
        (HEAD + "  says\n", "f:5: expects something behind `says`"),
        (HEAD + "rule r\n", "rule 'r' expects `for CLIENT VERSIONS`"),
    ],
)
def test_rules_that_are_wrong(text, message):
    with pytest.raises(quern.QuernError) as raised:
        parse_rules(text, "f")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows(", "expects an expression, but got 'rows('"),
        ("rows()", "expects no Call in an expression"),
        ("rows.real == 1", "expects no Attribute"),
        ("rows ** 2 == 4", "expects no Pow"),
        ("[r for r in rows]", "expects a fact"),
        ("rows == 1.5", "expects numbers and texts in an expression, but got 1.5"),
        ("columns == 1", "expects a fact, one of rows, cols, but got 'columns'"),
    ],
)
def test_expressions_that_are_wrong(text, message):
    with pytest.raises(quern.QuernError) as raised:
        Expression(text, ("rows", "cols"))
    assert message in str(raised.value)


def test_expressions():
    facts = {"rows": 6, "cols": 4, "code": "int"}
    known = tuple(facts)
    for text, expected in {
        "rows % cols == 2": True, "rows == 6 and not cols > 4": True, "rows in (1, 2)": False,
        'code == "int" or rows': True, "1 < cols <= 4 < rows": True, "rows // cols * 2 == 3": False,
        "rows + 2 - cols != 4": False, 'code not in ("float", "int")': False,
    }.items():  # fmt: skip
        assert Expression(text, known).holds(facts) == expected, text


def test_versions_are_ordered():
    texts = ["0.9.2", "0.10.0", "0.10.1", "0.10.1.post1", "0.10.2", "v1", "1.0.1"]
    versions = [parse_version(text) for text in texts]
    assert versions == sorted(versions) and len(set(versions)) == len(versions)
    assert parse_version("1.0") == parse_version("v1.0.0")
    assert parse_version("b8146")[0] != parse_version("8146")[0]
    assert parse_version("b8146") < parse_version("b10000")
