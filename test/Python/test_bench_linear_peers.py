# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""utils/bench-linear-peers without its peers: what it reads, and its table."""

import importlib.machinery
import importlib.util
import subprocess
import sys

import pytest
from support import ROOT

SCRIPT = ROOT / "utils" / "bench-linear-peers"


@pytest.fixture(scope="module")
def bench():
    loader = importlib.machinery.SourceFileLoader("bench_linear_peers", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def entry(name, time, unit="us", **more):
    return {"name": name, "real_time": time, "time_unit": unit, **more}


def test_benchmarks_are_read_in_seconds(bench):
    report = {
        "benchmarks": [
            entry("4-bit g32/int8/1/real_time", 250),
            entry("4-bit g32/int8/64/real_time", 3, "ms"),
            entry("int8 rows/int8/1/real_time", 5, "ns"),
        ]
    }
    assert bench.benchmark_seconds(report) == {
        "Quern, 4-bit g32, int8": {"1": 0.00025, "64": 0.003},
        "Quern, int8 rows, int8": {"1": 5e-9},
    }


def test_failed_benchmarks_end_the_program(bench):
    broken = entry("4-bit g32/int8/1/real_time", 0, error_occurred=True, error_message="no kernel")
    with pytest.raises(SystemExit, match="no kernel"):
        bench.benchmark_seconds({"benchmarks": [broken]})


def test_rows_compare_medians_with_the_fastest_peer_of_their_kind(bench, capsys):
    times = {}
    for seconds in (1, 5, 2):
        bench.add_round(
            times,
            {
                "Quern, 4-bit g32, int8": {"1": seconds * 1e-6, "8": 4e-6},
                "ORT, 4-bit g32, int8": {"1": 4e-6, "8": 5e-6},
                "ORT, 4-bit g128, int8": {"1": 8e-6, "8": 2e-6},
                "PyTorch, 4-bit g32, bf16": {"1": 1e-9, "8": 1e-9},
                "PyTorch, int8, fbgemm": {"1": 1e-9, "8": 1e-9},
            },
        )
    bench.print_shape(100, 1000, times)
    assert capsys.readouterr().out.splitlines()[:3] == [
        "| 100 x 1000 | Quern, 4-bit g32, int8 | 100 (**2.00**) | 400 (**0.50**) |",
        "| 100 x 1000 | ORT, 4-bit g32, int8 | 50 | 320 |",
        "| 100 x 1000 | ORT, 4-bit g128, int8 | 25 | 800 |",
    ]


def test_an_absent_benchmark_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, "--build", tmp_path], text=True, capture_output=True
    )
    assert done.returncode == 1
    assert "quern-linear-shapes, which QUERN_BUILD_BENCHMARKS=ON builds" in done.stderr
