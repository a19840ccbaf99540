# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""utils/interop-report counts results of clients, and never passes what was not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from client_versions import client_version
from support import ROOT

REPORT = ROOT / "utils" / "interop-report"


def case(client: dict[str, str] | None, outcome: str = "") -> str:
    value = json.dumps(client).replace('"', "&quot;")
    inside = f'<properties><property name="client" value="{value}"/></properties>' if client else ""
    return f'<testcase name="t">{inside}{outcome}</testcase>'


def report(path: Path, *cases: str) -> dict[tuple[str, str, str], tuple[str, str]]:
    """{(container, direction, client): (version, result)} of the printed table."""
    path.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    done = subprocess.run([sys.executable, REPORT, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if "|" in line][2:]
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in lines}


def test_results_are_counted_by_container_direction_and_client(tmp_path):
    gguf = {"name": "gguf", "container": "gguf", "direction": "write", "version": "0.19.0"}
    llama = gguf | {"name": "llama.cpp", "version": ""}
    fp8 = {"name": "transformers", "container": "fp8", "direction": "read", "version": "5.0"}
    absent = gguf | {"container": "fp8", "version": ""}
    other = {"name": "made-up", "container": "tar", "direction": "read", "version": "1"}
    rows = report(
        tmp_path / "r.xml",
        case(gguf), case(gguf), case(gguf, "<failure/>"), case(gguf, "<skipped/>"), case(None),
        case(llama, "<skipped/>"), case(fp8, "<skipped/>"), case(other),
        case(absent),
    )  # fmt: skip
    assert rows["gguf", "write", "gguf"] == ("0.19.0", "2 passed, 1 failed, 1 skipped")
    assert rows["gguf", "write", "llama.cpp"] == ("–", "not installed")
    assert rows["fp8", "read", "transformers"] == ("5.0", "not run: all tests were skipped")
    assert rows["gguf", "read", "gguf"] == ("–", "no result")
    assert rows["fp8", "write", "gguf"] == ("–", "not installed")
    assert rows["tar", "read", "made-up"] == ("1", "1 passed")


def test_several_reports_are_added(tmp_path):
    gguf = {"name": "gguf", "container": "gguf", "direction": "write", "version": "0.19.0"}
    report(tmp_path / "first.xml", case(gguf), case(gguf, "<failure/>"))
    report(tmp_path / "second.xml", case(gguf), case(gguf))
    command = [sys.executable, REPORT, tmp_path / "first.xml", tmp_path / "second.xml"]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| gguf | write | gguf | 0.19.0 | 3 passed, 1 failed |" in rows


def test_no_report(tmp_path):
    done = subprocess.run([sys.executable, REPORT, tmp_path / "no.xml"], capture_output=True)
    assert done.returncode == 2 and b"expects the JUnit XML" in done.stderr


def test_marked_tests_report_their_client(tmp_path):
    """The marker reaches the XML, with the version that is installed."""
    out = tmp_path / "out.xml"
    name = "test/Python/test_llama_cpp.py"
    options = ["-p", "no:cacheprovider", "-q", f"--junitxml={out}", "-k", "sentencepiece"]
    absent = {key: value for key, value in os.environ.items() if key != "QUERN_LLAMA_CPP"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, name],
        cwd=ROOT, capture_output=True, text=True, env=absent,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    rows = subprocess.run([sys.executable, REPORT, out], capture_output=True, text=True).stdout
    assert "| gguf | write | llama.cpp | – | not installed |" in rows
    assert client_version("gguf") and client_version("no-such-package") == ""
