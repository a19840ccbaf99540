# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""utils/bench-peers without its peers: what it would compare, and its table."""

import importlib.machinery
import importlib.util
import subprocess
import sys

import pytest
from quern.formats import read_formats
from support import ROOT

SCRIPT = ROOT / "utils" / "bench-peers"


@pytest.fixture(scope="module")
def bench_peers():
    loader = importlib.machinery.SourceFileLoader("bench_peers", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_peers", loader))
    sys.modules["bench_peers"] = module
    loader.exec_module(module)
    yield module
    del sys.modules["bench_peers"]


def test_formats_have_names_here(bench_peers):
    known = {name.lower() for name in read_formats()}
    assert {name.lower() for name in bench_peers.PAIRS} <= known
    assert set(bench_peers.PAIRS) >= bench_peers.FLOAT_FORMATS


def test_rows_compare_medians_with_the_fastest_peer(bench_peers, capsys):
    speeds = {
        "quern": bench_peers.Speeds([30, 20, 10], [4, 5, 6]),
        "slow": bench_peers.Speeds([5, 5, 5], [1, 1, 1]),
        "fast": bench_peers.Speeds([9, 10, 11], [2, 3, 2]),
    }
    bench_peers.print_row("Q4_0", speeds, {"read_share": 0.5})
    assert capsys.readouterr().out == (
        "| `Q4_0` | 20.0 | 5.0 | 10.0 | **2.00** | 5.0 | 1.0 | 2.0 | **2.50** | 50% |\n"
    )


def test_unknown_formats_are_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "x", "--formats", "Q4_0,Q99"],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    assert "expects formats of Q4_0, " in done.stderr and "but got Q99" in done.stderr
    assert not (tmp_path / "x").exists()
