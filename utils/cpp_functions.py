# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the functions of a C++ file begin and end, by counting braces.

No compiler is asked, so that the check needs no build. What it takes to be
right on LLVM-style code: comments, literals and preprocessor lines are blanked
first, and a brace opens a function when it follows a parameter list and is not
inside another function.
"""

import re

_TOKENS = re.compile(
    r"""
      //[^\n]* | /\*.*?\*/                                 # comments
    | R"(?P<tag>[^\s()\\]*)\(.*?\)(?P=tag)"                # raw strings
    | "(?:[^"\\\n]|\\.)*"                                  # strings
    | (?<![0-9a-zA-Z_])'(?:[^'\\\n]|\\.)+'                 # characters
    | ^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*                       # preprocessor lines
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
_NOT_PARAMETERS = re.compile(r"\b(alignas|decltype|noexcept|requires|__attribute__)\s*\(\s*\)")
_OPERATOR = re.compile(r"\boperator\s*[^\s\w(]+")
_CONTROL = re.compile(r"^\s*(if|for|while|switch|do|else|catch|try|return)\b")


def blank_literals(text):
    """`text` with comments, literals and directives blanked; lines stay."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return _TOKENS.sub(blank, text)


def _without_parentheses(header):
    """`header` with the inside of every outermost pair of parentheses cut."""
    kept, depth = [], 0
    for c in header:
        depth -= c == ")"
        if depth <= 0:
            kept.append(c)
        depth += c == "("
    return "".join(kept)


def _opens_function(header):
    header = _OPERATOR.sub("operator", header)
    flat = _NOT_PARAMETERS.sub("", _without_parentheses(header))
    if "()" not in flat.replace(" ", "") or _CONTROL.match(flat):
        return False
    before = flat[: flat.index("(")]
    return "=" not in flat and not re.match(r"\s*(namespace|class|enum)\b", before)


def _kind(header, stack):
    """What the brace after `header` opens: a scope, a function or neither."""
    if any(kind != "scope" for kind, _, _ in stack):
        return "other"
    if _opens_function(header):
        return "function"
    return "scope" if _SCOPE.search(header) else "other"


def functions(text):
    """Yields (line of the opening brace, line of the closing brace, name)."""
    code = blank_literals(text)
    stack = []  # (kind, line, name) of every open brace
    begin, line = 0, 1  # of the text since the last brace or semicolon
    for index, c in enumerate(code):
        line += c == "\n"
        if c == "{":
            header = code[begin:index]
            name = re.search(r"([\w~:]+)\s*\(", header)
            kind = _kind(header, stack)
            stack.append((kind, line, name.group(1) if name else "?"))
        elif c == "}" and stack:
            kind, opened, name = stack.pop()
            if kind == "function":
                yield opened, line, name
        if c in "{};":
            begin = index + 1
