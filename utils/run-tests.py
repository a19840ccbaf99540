#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run every suite, list what was skipped and why, and sum up in one line.

    utils/run-tests.py [SUITE...]

The suites are lint, lit, roundtrip (lit again, with every tool printing and
re-reading its IR), unit and python. Each writes JUnit XML to build/reports;
the last line of the output is `N passed, N failed, N skipped`.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
REPORTS = BUILD / "reports"
LLVM = "/usr/lib/llvm-" + (ROOT / "cmake/llvm-version.txt").read_text().strip()
JOBS = str(os.cpu_count() or 1)


# QUERN_SLOW=1 also runs what evaluates whole texts, some minutes more.
SELECTED = "slow or not slow" if os.environ.get("QUERN_SLOW") else "not slow"


def lit(report, *options):
    command = [f"{LLVM}/bin/lit", "-v", f"-j{JOBS}", f"--xunit-xml-output={report}"]
    return [*command, *options, str(BUILD / "test")]


def suites():
    """{name: (command, environment, report file or folder)}"""
    python = [str(ROOT / ".venv/bin/python"), "-m", "pytest"]
    ctest = ["ctest", "--test-dir", str(BUILD), "--output-on-failure", f"-j{JOBS}"]
    reports = {name: REPORTS / f"{name}.xml" for name in ("lint", "lit", "roundtrip", "python")}
    unit = REPORTS / "unit"
    return {
        "lint": (
            [str(ROOT / "utils/lint.sh"), "--report", str(reports["lint"])],
            {},
            reports["lint"],
        ),
        "lit": (lit(reports["lit"], "--param=slow=1"), {}, reports["lit"]),
        "roundtrip": (
            lit(reports["roundtrip"]),
            {"QUERN_CHECK_ROUNDTRIP": "1"},
            reports["roundtrip"],
        ),
        # GoogleTest writes a file a program, with every case in it.
        "unit": (ctest, {"GTEST_OUTPUT": f"xml:{unit}/"}, unit),
        "python": (
            [
                *python,
                "-v",
                "--durations=10",
                # A process a core; tests of one file share what its fixtures made.
                f"--numprocesses={JOBS}",
                "--dist=loadfile",
                "-m",
                SELECTED,
                f"--junitxml={reports['python']}",
                "test/Python",
            ],
            {},
            reports["python"],
        ),
    }


def read_cases(report):
    """Yields (name, 'passed' | 'failed' | 'skipped', reason) of a report."""
    files = sorted(report.glob("*.xml")) if report.is_dir() else [report]
    for file in files:
        if not file.is_file():
            continue
        for case in ElementTree.parse(file).iter("testcase"):
            name = f"{case.get('classname', '')}.{case.get('name')}".lstrip(".")
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                yield name, "failed", ""
            elif skip is not None or case.get("status") == "notrun":
                yield name, "skipped", "" if skip is None else skip.get("message") or ""
            else:
                yield name, "passed", ""


def remove_report(report):
    if report.is_dir():
        shutil.rmtree(report)
    report.unlink(missing_ok=True)


def run_suite(name, command, environment, report):
    """Runs one suite; returns its cases. A suite that fails without a failed
    case, because it crashed or found no test, counts as one failure."""
    print(f"\n==> {name}: {' '.join(command)}", flush=True)
    remove_report(report)
    begin = time.monotonic()
    status = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL
    ).returncode
    cases = list(read_cases(report))
    if not any(outcome == "failed" for _, outcome, _ in cases):
        if status:
            cases.append((f"{name}: exit status {status}", "failed", ""))
        elif not cases:
            cases.append((f"{name}: no test was run", "failed", ""))
    count = count_outcomes(cases)
    print(f"==> {name}: {count} in {time.monotonic() - begin:.0f} s", flush=True)
    return cases


def count_outcomes(cases):
    outcomes = [outcome for _, outcome, _ in cases]
    kinds = ("passed", "failed", "skipped")
    return ", ".join(f"{outcomes.count(kind)} {kind}" for kind in kinds)


def main():
    known = suites()
    wanted = sys.argv[1:] or list(known)
    for name in wanted:
        if name not in known:
            expected = ", ".join(known)
            print(f"error: expects suites among {expected}, but got '{name}'")
            return 2
    REPORTS.mkdir(parents=True, exist_ok=True)
    results = {name: run_suite(name, *known[name]) for name in wanted}
    print()
    for kind in ("skipped", "failed"):
        for suite, cases in results.items():
            for name, outcome, reason in cases:
                if outcome == kind:
                    print(f"{kind}: {suite}: {name}" + (f": {reason}" if reason else ""))
    cases = [case for cases in results.values() for case in cases]
    print(count_outcomes(cases))
    return 1 if any(outcome == "failed" for _, outcome, _ in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
