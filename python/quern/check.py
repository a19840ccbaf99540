# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether another program can load and run what an export would write."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import artifact
from .client_rules import MODEL_FACTS, Expression, Rule, RuleBook, builtin_rules, parse_version
from .compiler import load_extension
from .errors import QuernError, check_unicode
from .inspect import format_table, inspect

# What config.json calls the ways that containers are called by.
_CONTAINERS = {"bitsandbytes": "bnb"}
_HEADS = ("lm_head.weight", "embed_out.weight")
_RANK = {"yes": 0, "unknown": 1, "no": 2}


@dataclass
class Finding:
    """What one rule, or the lack of one, says of weights that are alike.

    subject: as in share/clients.txt. what: the weights, with * for the number of a layer, or the
    container or the architecture. weights: their names. expected, found: a condition that does
    not hold, and its numbers.
    """

    subject: str
    what: str
    answer: str
    weights: list[str] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)
    format: str = ""
    rule: str = ""
    says: str = ""
    expected: str = ""
    found: str = ""
    do: str = ""
    sources: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Check:
    """What `quern check --json` prints; answer: "yes", "no" or "unknown"."""

    model: str
    client: str
    version: str
    container: str
    tensor_parallel: int
    answer: str
    findings: list[Finding]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_model(
    model: str | Path,
    client: str,
    version: str = "",
    container: str = "",
    format: str = "",
    rules: Sequence[tuple[str, str]] = (),
    formats_file: str | Path | None = None,
    tensor_parallel: int = 1,
    book: RuleBook | None = None,
) -> Check:
    """Whether `client` loads and runs `model`, exported as `quern export` and `quern quantize`
    would with these options; without a container, the model as it is.

    version: of the client; "" for the last that rules were read off. tensor_parallel: devices
    that weights are divided between. Nothing is written and no weight is read.
    """
    book = book or builtin_rules()
    if client not in book.clients:
        raise QuernError(f"expects a client, one of {', '.join(book.clients)}, but got '{client}'")
    if tensor_parallel < 1:
        raise QuernError(f"tensor-parallel: expects at least 1, but got {tensor_parallel}")
    if (format or rules) and not container:
        raise QuernError("expects --container beside --format and --rule: what would be written")
    version = version or book.clients[client].read[-1]
    parse_version(version)
    as_is = not container
    container = container or _container_of(Path(model))
    plan = _plan(model, container, format, rules, formats_file)
    checker = _Checker(book, client, version, container, tensor_parallel, plan)
    findings = checker.run(exporter_decides=not as_is)
    worst = max((finding.answer for finding in findings), key=_RANK.__getitem__)
    return Check(str(model), client, version, container, tensor_parallel, worst, findings)


def _container_of(model: Path) -> str:
    """What a model is in."""
    kind = inspect(model).kind
    if kind == "gguf":
        return "gguf"
    if kind != "model":
        raise QuernError(f"{model}: expects a model folder with config.json or a GGUF file")
    quantization = artifact.read_json(model / "config.json").get("quantization_config")
    if not isinstance(quantization, dict):
        return "safetensors"
    method = str(quantization.get("quant_method", "?"))
    return _CONTAINERS.get(method, method)


def _plan(
    model: str | Path,
    container: str,
    format: str,
    rules: Sequence[tuple[str, str]],
    formats_file: str | Path | None,
) -> dict[str, Any]:
    texts = [model, container, format, formats_file, *(text for rule in rules for text in rule)]
    for text in texts:
        check_unicode("the options", str(text))
    compiler = load_extension()
    try:
        text = compiler.plan_export(
            model_path=str(model),
            container=container,
            format=format,
            rules=list(rules),
            formats_file="" if formats_file is None else str(formats_file),
        )
    except compiler.CompileError as error:
        raise QuernError(str(error)) from None
    plan: dict[str, Any] = json.loads(text)
    return plan


class _Checker:
    """Applies the rules for one client and container to a plan."""

    def __init__(
        self,
        book: RuleBook,
        client: str,
        version: str,
        container: str,
        tensor_parallel: int,
        plan: dict[str, Any],
    ) -> None:
        self.book, self.client, self.container = book, client, container
        self.version, self.plan = version, plan
        self.model: dict[str, Any] = dict.fromkeys(MODEL_FACTS, 0)
        self.model.update(plan["model"])
        self.model.update(container=container, tensor_parallel=tensor_parallel)
        self.weights = [_weight_facts(entry) for entry in plan["weights"]]

    def run(self, exporter_decides: bool) -> list[Finding]:
        findings = [self._container(), self._architecture()]
        refused = self.plan["refused"] if exporter_decides else ""
        if findings[0].answer != "no":
            self._divide(findings)
            self._fuse(findings)
            weights = _merged([self._weight(facts) for facts in self.weights])
            # Nobody can try what is not written.
            findings += [f for f in weights if not refused or f.answer != "unknown"]
        if refused:
            says = f"Quern cannot write it: {refused}"
            findings.append(Finding("container", self.container, "no", says=says))
        return findings

    def _rules(self, about: str) -> list[Rule]:
        version = parse_version(self.version)
        return self.book.covering(self.client, version, self.container, about)

    def _unknown(self, subject: str, what: str) -> Finding:
        client = self.book.clients[self.client]
        says = f"no rule says it for {client.title} {self.version}"
        if self.version not in client.read:
            says += f"; the releases that were read are {', '.join(client.read)}"
        return Finding(subject, what, "unknown", says=says, do="try it")

    def _container(self) -> Finding:
        found = [_apply(rule, self.model, self.container) for rule in self._rules("container")]
        return _worst(found) or self._unknown("container", self.container)

    def _architecture(self) -> Finding:
        name = str(self.model["architecture"])
        for rule in self._rules("architecture"):
            if name in rule.lists["takes"] and rule.speaks_of(self.model):
                return _finding(rule, name, "yes")
        return self._unknown("architecture", name)

    def _divide(self, findings: list[Finding]) -> None:
        """Sizes of weights on one device, and what is said of dividing them."""
        devices = self.model["tensor_parallel"]
        for facts in self.weights:
            facts["part_rows"], facts["part_cols"] = facts["rows"], facts["cols"]
        if devices == 1:
            return
        what = f"tensor parallel {devices}"
        rules = [rule for rule in self._rules("parallel") if rule.speaks_of(self.model)]
        found = _worst([_apply(rule, self.model, what) for rule in rules])
        findings.append(found or self._unknown("parallel", what))
        if not found or found.answer == "no":
            return
        lost = []
        for facts in self.weights:
            lost += self._divide_weight(rules[0], facts, devices)
        findings += _merged(lost)

    def _divide_weight(self, rule: Rule, facts: dict[str, Any], devices: int) -> list[Finding]:
        ways = {"rows": devices, "kv_rows": min(devices, self.model["kv_heads"]), "cols": devices}
        for key, parts in ways.items():
            if facts["part"] not in rule.lists.get(key, []) or facts["use"] == "vector":
                continue
            extent = "cols" if key == "cols" else "rows"
            if facts[extent] % parts:
                lost = _finding(rule, _pattern(facts["name"]), "no")
                lost.subject, lost.weights = "weight", [facts["name"]]
                lost.shape, lost.format = facts["shape"], facts["format"]
                lost.expected = f"{extent} % {parts} == 0"
                lost.found = f"{extent} {facts[extent]}"
                return [lost]
            facts["part_" + extent] = facts[extent] // parts
        return []

    def _fuse(self, findings: list[Finding]) -> None:
        """Rows of fused weights, and fused weights of unequal formats."""
        for facts in self.weights:
            facts["fused_rows"] = facts["part_rows"]
        matrices = {facts["name"]: facts for facts in self.weights if facts["use"] == "linear"}
        lost = []
        for rule in self._rules("fused"):
            if not rule.speaks_of(self.model):
                continue
            parts = rule.lists["parts"]
            for name in matrices:
                if matrices[name]["part"] != parts[0]:
                    continue
                names = [_with_last_part(name, part) for part in parts]
                group = [matrices[other] for other in names if other in matrices]
                for facts in group:
                    facts["fused_rows"] = sum(other["part_rows"] for other in group)
                lost += _unequal(rule, parts, group)
        findings += _merged(lost)

    def _weight(self, facts: dict[str, Any]) -> Finding:
        all_facts = self.model | facts
        what = _pattern(facts["name"])
        rules = [rule for rule in self._rules("weight") if rule.speaks_of(all_facts)]
        finding = _worst([_apply(rule, all_facts, what) for rule in rules])
        finding = finding or self._unknown("weight", what)
        finding.weights, finding.shape = [facts["name"]], facts["shape"]
        finding.format = facts["type"] or facts["format"]
        return finding


def _weight_facts(entry: dict[str, Any]) -> dict[str, Any]:
    """The facts that rules have names for."""
    shape = entry["shape"]
    rows, cols = (shape[0], shape[1]) if len(shape) == 2 else (1, shape[-1])
    block_rows, block_cols = entry["block"] if entry["code"] != "plain" else (1, 1)
    return {
        "name": entry["name"],
        "part": _last_part(entry["name"]),
        "use": "head" if entry["name"] in _HEADS else entry["use"],
        "shape": shape,
        "rows": rows,
        "cols": cols,
        "format": entry["format_name"] or entry["format"],
        "type": entry["type"],
        "code": entry["code"],
        "bits": entry["bits"],
        "signed": entry["is_signed"],
        "group": block_cols or cols,
        "block_rows": block_rows or rows,
        "whole_row": entry["code"] != "plain" and not block_cols,
        "scale": entry["scale"],
        "scale_levels": entry["scale_levels"],
        "offset": entry["offset"],
        "offset_format": entry["offset_format"],
        "flat": entry["is_flat"],
        "partial": entry["is_partial"],
        "columns": " ".join(entry["columns"]),
    }


def _finding(rule: Rule, what: str, answer: str) -> Finding:
    do = "" if answer == "yes" else rule.do
    return Finding(
        rule.about, what, answer, rule=rule.name, says=rule.says, do=do, sources=rule.source
    )


def _apply(rule: Rule, facts: dict[str, Any], what: str) -> Finding:
    if rule.answer:
        return _finding(rule, what, rule.answer)
    for need in rule.needs:
        if not need.holds(facts):
            finding = _finding(rule, what, "no")
            finding.expected, finding.found = need.text, _numbers(need, facts)
            return finding
    return _finding(rule, what, "yes")


def _numbers(need: Expression, facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(facts[name])}" for name in need.names)


def _shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | str) else str(value)


def _worst(findings: list[Finding]) -> Finding | None:
    return max(findings, key=lambda finding: _RANK[finding.answer], default=None)


def _unequal(rule: Rule, parts: list[str], group: list[dict[str, Any]]) -> list[Finding]:
    """One finding if the formats of fused weights differ."""
    formats = {facts["part"]: facts["format"] for facts in group}
    if len(set(formats.values())) < 2:
        return []
    finding = _finding(rule, _pattern(group[0]["name"]), "no")
    finding.weights = [facts["name"] for facts in group]
    finding.expected = f"one format for {', '.join(parts)}"
    finding.found = ", ".join(f"{part} {format}" for part, format in formats.items())
    return [finding]


def _merged(findings: list[Finding]) -> list[Finding]:
    """One finding for all weights of which the same is said, in the order of the first."""
    merged: dict[str, Finding] = {}
    for finding in findings:
        alike = json.dumps(asdict(finding) | {"weights": []})
        if alike in merged:
            merged[alike].weights += finding.weights
        else:
            merged[alike] = finding
    return list(merged.values())


def _pattern(name: str) -> str:
    return re.sub(r"\.\d+\.", ".*.", name)


def _last_part(name: str) -> str:
    """`q_proj` of `model.layers.0.self_attn.q_proj.weight`."""
    return name.split(".")[-2] if "." in name else name


def _with_last_part(name: str, part: str) -> str:
    words = name.split(".")
    words[-2] = part
    return ".".join(words)


def format_check(check: Check, title: str) -> str:
    """The table and the sentences that `quern check` prints."""
    devices = f" on {check.tensor_parallel} devices" if check.tensor_parallel > 1 else ""
    question = f"{check.model} as {check.container} for {title} {check.version}{devices}"
    rows = [("what", "weights", "shape", "format", "answer")]
    for finding in check.findings:
        is_weight = finding.subject in ("weight", "fused")
        what = finding.what if is_weight else f"{finding.subject} {finding.what}"
        count = str(len(finding.weights)) if finding.weights else ""
        shape = " x ".join(str(size) for size in finding.shape)
        rows.append((what, count, shape, finding.format, finding.answer))
    table = format_table(rows, right_aligned={1})
    told = [f for f in check.findings if f.answer != "yes" or f.subject == "container"]
    return "\n".join([f"{question}: {check.answer}", table, *_sentences(told)])


def _sentences(findings: list[Finding]) -> list[str]:
    """One for all findings that say the same."""
    named: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        named.setdefault((finding.answer, _sentence(finding)), []).append(finding.what)
    most = 2
    result = []
    for (answer, text), names in named.items():
        more = f" and {len(names) - most} more" if len(names) > most else ""
        result.append(f"{answer}: {', '.join(names[:most])}{more}: {text}")
    return result


def _sentence(finding: Finding) -> str:
    """What a finding says, for people."""
    text = finding.says
    if finding.expected:
        text = f"expects {finding.expected}, but got {finding.found}: {text}"
    if finding.do:
        text += f"; {finding.do}"
    if finding.rule and finding.answer != "yes":
        text += f" [{finding.rule}]"
    return text
