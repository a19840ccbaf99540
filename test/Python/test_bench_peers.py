# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""utils/bench-peers without its peers: what it would compare, and its tables."""

import argparse
import json
import pathlib
import subprocess
import sys

import pytest
from quern.formats import read_formats
from support import ROOT

sys.path.insert(0, str(ROOT / "utils"))
import peer_tables
import peers
from peers import Peer, Rates

SCRIPT = ROOT / "utils" / "bench-peers"
LLAMA_CPP = Peer("llama.cpp", "1", pathlib.Path("one"), {"": []}, True, ("--no-warmup",))
IK = Peer("ik", "2", pathlib.Path("two"), {"": [], "repacked": ["-rtr", 1]}, False, ("-w", 0))


def rates(*values, sign=1):
    result = Rates(sign)
    for value in values:
        result.add("", value)
    return result


def test_formats_have_names_here():
    known = {name.lower() for name in read_formats()}
    assert {name.lower() for name in peer_tables.PAIRS} <= known
    assert set(peer_tables.PAIRS) >= set(peer_tables.COMPUTE)
    for _, _, formats in peer_tables.TABLES.values():
        assert set(formats) <= set(peer_tables.PAIRS)


def test_the_better_setting_stays_and_is_named():
    speeds = Rates()
    speeds.add("", 10)
    speeds.add("repacked", 20)
    assert speeds.settings_to_run(IK.settings) == ["repacked"]
    speeds.add("repacked", 8)
    speeds.add("repacked", 12)
    assert speeds.best() == ("repacked", 12)
    assert peer_tables.rate_cell(speeds) == "12.0 (repacked)"
    assert Rates().settings_to_run(IK.settings) == ["", "repacked"]


def test_of_times_the_least_is_the_best():
    assert rates(3, 1, 2, sign=-1).best() == ("", 2)
    times = Rates(-1)
    times.add("slow", 5)
    times.add("fast", 4)
    assert times.best() == ("fast", 4)
    assert peer_tables.ratio_cell([rates(2, sign=-1), times]) == "**2.00**"


def test_rows_compare_medians_with_the_fastest_peer(capsys):
    prefills = [rates(30, 20, 10), rates(5, 5, 5), rates(9, 10, 11)]
    decodes = [rates(4, 5, 6), rates(1, 1, 1), rates(2, 3, 2)]
    shares = {"operations_share": [0.1, 0.6, 0.2], "read_share": [0.5]}
    peer_tables.print_format("Q4_0", prefills, decodes, shares)
    assert capsys.readouterr().out == (
        "| `Q4_0` | 20.0 | 5.0 | 10.0 | **2.00** | 20% | 5.0 | 1.0 | 2.0 | **2.50** | 50% |\n"
    )


def test_long_contexts_are_charged_with_reading_the_cache(tmp_path, capsys):
    config = {"num_key_value_heads": 2, "num_hidden_layers": 3, "hidden_size": 64,
              "num_attention_heads": 8}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert peer_tables.cache_bytes(tmp_path, 10) == 10 * 3 * 2 * (2 * 8) * 2
    # 10 ms a token near, 12 ms far: 2 ms lost, where reading takes 1.6 ms.
    far = 1000 / 12
    peer_tables.print_context("Q4_0", [rates(9), rates(3)], [rates(far), rates(25)], 100, 0.0016)
    assert capsys.readouterr().out == (
        "| `Q4_0` | 9.0 | 3.0 | **3.00** | 100.0 | 83.3 | 25.0 | **3.33** | 2.00 | 1.60 | +25% |\n"
    )


def test_each_peer_is_told_in_its_own_words(monkeypatch):
    assert peers.decoding(LLAMA_CPP, 128, 64) == ["-p", 0, "-n", 64, "-d", 128]
    assert peers.decoding(IK, 128, 64) == ["-p", 0, "-n", 0, "-gp", "128,64"]
    commands = []

    def fake_run(*words, **_):
        commands.append(words)
        return json.dumps([{"avg_ts": len(commands)}])

    monkeypatch.setattr(peers, "run", fake_run)
    speeds = Rates()
    for _ in range(2):
        peers.measure_peer(IK, "m.gguf", 2, ["-p", 512, "-n", 0], speeds)
    assert [("-rtr" in words) for words in commands] == [False, True, True]
    assert speeds.by_setting == {"": [1], "repacked": [2, 3]}


def test_peers_are_asked_what_they_know(monkeypatch):
    texts = {
        "one": "  -d, --n-depth <n>\n  --no-warmup\n",
        "two": "  -gp <pp,tg>\n  -w, --warmup <0|1>\n  -rtr, --run-time-repack <0|1>\n",
    }
    monkeypatch.setattr(peers, "run", lambda program, _: texts[program.parent.name])
    for peer in (LLAMA_CPP, IK):
        assert peers.describe_peer(peer.name, peer.version, peer.programs) == peer


def test_speeds_are_read_behind_notes():
    text = 'note: [no mmap]\n[\n  {\n    "avg_ts": 12.5,\n    "samples_ts": [ 12.5 ]\n  }\n]\n'
    assert peers.rate_in(text) == 12.5


def test_files_are_made_once_and_whole(tmp_path):
    path = tmp_path / "a.gguf"

    def fail(out):
        out.write_text("half")
        raise OSError

    with pytest.raises(OSError):
        peers.make_file(path, fail)
    assert not path.exists()
    assert peers.make_file(path, lambda out: out.write_text("whole")) == path
    peers.make_file(path, fail)
    assert path.read_text() == "whole"


def test_the_head_says_who_ran(capsys):
    arguments = argparse.Namespace(threads=2, rounds=3)
    peer_tables.describe_run(argparse.Namespace(arguments=arguments, peers=[LLAMA_CPP, IK]))
    head = capsys.readouterr().out
    assert "threads: 2; rounds: 3." in head
    assert "llama.cpp 1; ik 2; built with CMAKE_BUILD_TYPE=Release" in head


@pytest.mark.parametrize("table", [[], ["--small"], ["--context", "64"]])
def test_unknown_formats_are_refused(tmp_path, table):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "x", *table, "--formats", "Q4_0,Q99"],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    assert "expects formats of Q4_0, " in done.stderr and "but got Q99" in done.stderr
    assert not (tmp_path / "x").exists()


def test_tables_exclude_each_other(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "x", "--small", "--start"],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 2
    assert "--start: not allowed with argument --small" in done.stderr
