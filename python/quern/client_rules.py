# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rules of share/clients.txt, which says what they look like."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .errors import QuernError

RULES_FILE = Path(__file__).parent / "share" / "clients.txt"

SUBJECTS = ("container", "architecture", "weight", "fused", "parallel")
ANSWERS = ("yes", "no", "unknown")
MODEL_FACTS = (
    "container", "architecture", "heads", "kv_heads", "head_dim", "vocabulary", "hidden",
    "intermediate", "layers", "tensor_parallel",
)  # fmt: skip
WEIGHT_FACTS = (
    "name", "part", "use", "rows", "cols", "part_rows", "part_cols", "fused_rows", "format", "type",
    "code", "bits", "signed", "group", "block_rows", "whole_row", "scale", "scale_levels",
    "offset", "offset_format", "flat", "partial", "columns",
)  # fmt: skip
_LISTS = ("takes", "parts", "rows", "kv_rows", "cols")
_TEXTS = ("says", "do", "about", "answer")

Version = tuple[str, tuple[int, ...]]


def parse_version(text: str) -> Version:
    """What versions are ordered by: 0.11.0, v0.11.0, 0.10.1.post1, or b8146, a build of
    llama.cpp; builds and versions cannot be compared."""
    found = re.fullmatch(r"([vb]?)(\d+(?:\.\d+)*)(?:\.?post(\d+))?", text)
    if not found or (found[1] == "b") != text.startswith("b"):
        raise QuernError(
            f"expects a version such as 1.2.0, or a build such as b8146, but got '{text}'"
        )
    numbers = [int(number) for number in found[2].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    padded = (*numbers, *[0] * (6 - len(numbers)), int(found[3] or 0))
    return ("b" if found[1] == "b" else "", padded)


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda value, values: value in values,
    ast.NotIn: lambda value, values: value not in values,
}  # fmt: skip


class Expression:
    """A condition on facts; only what share/clients.txt lists is understood."""

    def __init__(self, text: str, known: tuple[str, ...]) -> None:
        self.text = text
        try:
            self._tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError) as error:
            raise QuernError(f"expects an expression, but got '{text}': {error}") from None
        self.names = list(
            dict.fromkeys(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name))
        )
        for name in self.names:
            if name not in known:
                raise QuernError(f"expects a fact, one of {', '.join(known)}, but got '{name}'")
        self._check(self._tree)

    def _check(self, tree: ast.AST) -> None:
        understood = (
            ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.BinOp, ast.Compare, ast.Name,
            ast.Load, ast.Constant, ast.Tuple, *_BINARY, *_COMPARE,
        )  # fmt: skip
        for node in ast.walk(tree):
            if not isinstance(node, understood):
                kind = type(node).__name__
                raise QuernError(f"expects no {kind} in an expression, but got '{self.text}'")
            if isinstance(node, ast.Constant) and type(node.value) not in (int, str):
                raise QuernError(
                    f"expects numbers and texts in an expression, but got {node.value!r}"
                )

    def holds(self, facts: Mapping[str, Any]) -> bool:
        return bool(self._value(self._tree, facts))

    def _value(self, node: ast.AST, facts: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return facts[node.id]
        if isinstance(node, ast.Tuple):
            return tuple(self._value(part, facts) for part in node.elts)
        if isinstance(node, ast.BoolOp):
            parts = (bool(self._value(part, facts)) for part in node.values)
            return all(parts) if isinstance(node.op, ast.And) else any(parts)
        if isinstance(node, ast.UnaryOp):
            return not self._value(node.operand, facts)
        if isinstance(node, ast.BinOp):
            left, right = self._value(node.left, facts), self._value(node.right, facts)
            return _BINARY[type(node.op)](left, right)
        assert isinstance(node, ast.Compare)
        left = self._value(node.left, facts)
        for kind, part in zip(node.ops, node.comparators, strict=True):
            right = self._value(part, facts)
            if not _COMPARE[type(kind)](left, right):
                return False
            left = right
        return True


@dataclass
class Client:
    """title: as people write it. read: the releases that rules were read off."""

    name: str
    title: str = ""
    read: list[str] = field(default_factory=list)


@dataclass
class Rule:
    """One rule; the attributes are its lines. lists: those of names."""

    name: str
    line: int
    client: str = ""
    versions: list[tuple[Version, Version]] = field(default_factory=list)
    about: str = ""
    container: list[str] = field(default_factory=list)
    condition: Expression | None = None
    needs: list[Expression] = field(default_factory=list)
    answer: str = ""
    says: str = ""
    do: str = ""
    source: list[str] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)

    def covers(self, client: str, version: Version, container: str) -> bool:
        return (
            client == self.client
            and (not self.container or container in self.container)
            and any(
                first[0] == version[0] and first[1] <= version[1] <= last[1]
                for first, last in self.versions
            )
        )

    def speaks_of(self, facts: Mapping[str, Any]) -> bool:
        return self.condition is None or self.condition.holds(facts)


@dataclass
class RuleBook:
    """All of share/clients.txt."""

    clients: dict[str, Client] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)

    def covering(self, client: str, version: Version, container: str, about: str) -> list[Rule]:
        return [
            rule
            for rule in self.rules
            if rule.about == about and rule.covers(client, version, container)
        ]


@cache
def builtin_rules() -> RuleBook:
    """The rules that Quern ships."""
    return parse_rules(RULES_FILE.read_text(encoding="utf-8"), RULES_FILE.name)


def parse_rules(text: str, file_name: str) -> RuleBook:
    """Reads rules. Errors begin with `file_name` and the line."""
    book = RuleBook()
    current: Client | Rule | None = None
    number = 0
    try:
        for number, head, rest, is_indented in _lines(text):
            if not is_indented:
                _finish(current)
                current = _begin(book, head, rest, number)
            elif isinstance(current, Client):
                _client_line(current, head, rest)
            elif isinstance(current, Rule):
                _rule_line(book, current, head, rest)
            else:
                raise QuernError(f"expects `client` or `rule` first, but got '{head}'")
        _finish(current)
    except QuernError as error:
        raise QuernError(f"{file_name}:{number}: {error}") from None
    return book


def _lines(text: str) -> Iterator[tuple[int, str, str, bool]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            head, _, rest = line.strip().partition(" ")
            yield number, head, rest.strip(), line[0] == " "


def _begin(book: RuleBook, head: str, rest: str, number: int) -> Client | Rule:
    if head not in ("client", "rule") or not re.fullmatch(r"[\w.-]+", rest):
        raise QuernError(f"expects `client NAME` or `rule NAME`, but got '{head} {rest}'")
    if head == "client":
        if rest in book.clients:
            raise QuernError(f"client '{rest}' is there already")
        book.clients[rest] = Client(rest)
        return book.clients[rest]
    if any(rule.name == rest for rule in book.rules):
        raise QuernError(f"rule '{rest}' is there already")
    book.rules.append(Rule(rest, number))
    return book.rules[-1]


def _client_line(client: Client, head: str, rest: str) -> None:
    if head == "title":
        client.title = rest
    elif head == "read":
        client.read = rest.split()
        for version in client.read:
            parse_version(version)
    else:
        raise QuernError(f"expects `title` or `read`, but got '{head}'")


def _rule_line(book: RuleBook, rule: Rule, head: str, rest: str) -> None:
    known = (*MODEL_FACTS, *WEIGHT_FACTS) if rule.about == "weight" else MODEL_FACTS
    if not rest:
        raise QuernError(f"expects something behind `{head}`")
    if head == "for":
        _read_versions(book, rule, rest.split())
    elif head == "container":
        rule.container = rest.split()
    elif head == "if":
        rule.condition = Expression(rest, known)
    elif head == "needs":
        rule.needs.append(Expression(rest, known))
    elif head == "source":
        rule.source.append(rest)
    elif head in _TEXTS:
        setattr(rule, head, rest)
    elif head in _LISTS:
        rule.lists[head] = rest.split()
    else:
        raise QuernError(f"rule '{rule.name}' has an unknown line '{head}'")


def _read_versions(book: RuleBook, rule: Rule, words: list[str]) -> None:
    rule.client = words[0]
    if rule.client not in book.clients:
        raise QuernError(f"expects a client from above, but got '{rule.client}'")
    read = book.clients[rule.client].read
    for word in words[1:]:
        first, _, last = word.partition("..")
        for version in (first, last or first):
            if version not in read:
                raise QuernError(
                    f"expects versions of {rule.client} that were read, {' '.join(read)}, but got "
                    f"'{version}'"
                )
        rule.versions.append((parse_version(first), parse_version(last or first)))


def _finish(current: Client | Rule | None) -> None:
    """What a whole client or rule must have."""
    if isinstance(current, Client) and not (current.title and current.read):
        raise QuernError(f"client '{current.name}' expects `title` and `read`")
    if not isinstance(current, Rule):
        return
    rule = current
    if not (rule.client and rule.versions):
        raise QuernError(f"rule '{rule.name}' expects `for CLIENT VERSIONS`")
    if rule.about not in SUBJECTS:
        expected = ", ".join(SUBJECTS)
        raise QuernError(
            f"rule '{rule.name}' expects `about` one of {expected}, got '{rule.about}'"
        )
    if not rule.source:
        raise QuernError(f"rule '{rule.name}' expects a source")
    if rule.answer and (rule.answer not in ANSWERS or rule.needs):
        raise QuernError(
            f"rule '{rule.name}' expects `answer` yes, no or unknown and then no `needs`, but got "
            f"'{rule.answer}'"
        )
    decides = {"architecture": "takes", "fused": "parts", "parallel": "rows"}.get(rule.about)
    if (decides and decides not in rule.lists) or (not decides and not (rule.answer or rule.needs)):
        raise QuernError(f"rule '{rule.name}' expects `{decides or 'needs` or `answer'}`")
    if rule.answer != "yes" and rule.about in ("container", "weight", "fused") and not rule.do:
        can_fail = rule.answer or rule.needs or rule.about == "fused"
        if can_fail:
            raise QuernError(f"rule '{rule.name}' expects `do`: what to do where it says no")
