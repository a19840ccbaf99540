# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command `quern`: what it prints, and how it fails."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import quern
from quern.cli import main


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("It was a dark and stormy night; the rain fell in torrents. " * 20)
    return path


def run(capfd, *arguments):
    """(exit status, stdout, stderr) of a command line."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def test_version(capfd):
    status, out, _ = run(capfd, "--version")
    assert (status, out) == (0, f"quern {quern.__version__}\n")


def test_run_prints_the_prompt_and_what_follows(capfd, fake):
    status, out, err = run(capfd, "run", fake, "--prompt", "Hello", "--max-tokens", 30)
    with quern.Model(fake) as model:
        expected = "".join(quern.generate(model, quern.Tokenizer(fake), "Hello", 30))
    assert (status, out, err) == (0, "Hello" + expected, "")


def test_run_takes_every_sampling_option(capfd, fake):
    options = ["--max-tokens", 20, "--temperature", 1.5, "--top-p", 0.9, "--top-k", 40]
    command = ["run", fake, "--prompt", "x", "--threads", 1, *options, "--seed"]
    first = run(capfd, *command, 1)
    assert first[0] == 0
    assert first == run(capfd, *command, 1)
    assert first != run(capfd, *command, 2)


def test_eval_json(capfd, fake, make_fake, text):
    command = ["eval", fake, "--text", text, "--context", 64, "--json"]
    status, out, _ = run(capfd, *command)
    assert status == 0
    assert list(json.loads(out)) == ["tokens", "perplexity", "perplexity_stderr"]
    assert json.loads(out)["tokens"] == len(text.read_text())
    status, out, _ = run(capfd, *command, "--score-from", 32, "--against", make_fake(0.1))
    assert status == 0
    assert list(json.loads(out)) == [
        "tokens",
        "perplexity",
        "perplexity_stderr",
        "kld_mean",
        "kld_stderr",
        "kld_p99",
        "same_top",
    ]
    # Of 63 text tokens of a window the first 31 are not scored.
    assert json.loads(out)["tokens"] == 18 * 32 + max(0, len(text.read_text()) - 18 * 63 - 31)


def test_eval_table(capfd, fake, text):
    status, out, _ = run(capfd, "eval", fake, "--text", text, "--context", 64)
    assert status == 0
    assert out.startswith("tokens scored   1,180\nperplexity ")


def test_inspect(capfd, fake, tiny_model):
    status, out, _ = run(capfd, "inspect", fake, "--json")
    assert (status, json.loads(out)["bits_per_weight"]) == (0, 4.5)
    status, out, _ = run(capfd, "inspect", tiny_model)
    assert status == 0
    assert "model.layers.1.mlp.down_proj.weight" in out


def test_synth(capfd, tmp_path):
    status, out, _ = run(capfd, "synth", "--shape", "tiny-qwen3", "-o", tmp_path / "new" / "model")
    assert (status, out) == (0, f"{tmp_path}/new/model: 24 tensors, 394,432 bytes of weights\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "{tmp}", "--prompt", "x"], "error: {tmp}: expects a folder written by quern"),
        (["run", "{fake}", "--prompt", "x", "--top-p", "2"], "error: top-p: expects more than 0"),
        (["run", "{fake}", "--prompt", "x", "--isa", "avx9"], "but got avx9"),
        (["run", "{fake}", "--prompt", "x" * 500], "error: the prompt: expects at most 128"),
        (["run", "{fake}", "--prompt", "x\udcff"], "expects valid Unicode, but got '\\udcff' at"),
        (["eval", "{fake}", "--text", "{tmp}/absent"], "error: {tmp}/absent: No such file"),
        (["eval", "{fake}", "--text", "{tmp}/latin1"], "latin1: expects UTF-8 text, but byte 3"),
        (["eval", "{fake}", "--text", "{tmp}/empty"], "error: context: expects at most 128"),
        (["eval", "{fake}", "--text", "{tmp}/empty", "--context", "9"], "expects a token to score"),
        (["eval", "{fake}", "--text", "{tmp}/text", "--against", "{tmp}"], "expects a model fold"),
        (["bench", "{fake}", "--repeat", "0", "--prompt-tokens", "8"], "repeat: expects at least"),
        (["inspect", "{tmp}/absent"], "error: {tmp}/absent: there is no such file or folder"),
        (["synth", "--shape", "tiny-llama", "-o", "{tmp}/text"], "error: {tmp}/text: File exists"),
    ],
)
def test_errors_are_one_paragraph(capfd, fake, tmp_path, arguments, message):
    (tmp_path / "text").write_text("text")
    (tmp_path / "latin1").write_bytes("abcé".encode("latin-1"))
    (tmp_path / "empty").write_text("")
    filled = [argument.format(tmp=tmp_path, fake=fake) for argument in arguments]
    status, out, err = run(capfd, *filled)
    assert status == 1
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("error:") == 1
    assert "Traceback" not in err
    assert message.format(tmp=tmp_path) in err.replace("\n", " ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["run", "x"],
        ["compile", "x"],
        ["compile", "x", "-o", "y", "--format", "Q4_0", "--rule", "noequals"],
        ["compile", "x", "-o", "y", "--format", "Q4_0", "--compute", "int9"],
        ["synth", "--shape", "llama-3b", "-o", "x"],
        ["run", "x", "--prompt", "y", "--max-tokens", "many"],
    ],
)
def test_wrong_usage_is_status_2(capfd, arguments):
    status, out, err = run(capfd, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: quern")


def start(*arguments):
    command = [sys.executable, "-m", "quern", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A job in the background of a shell inherits that interrupts are ignored.
    return subprocess.Popen(
        command,
        **pipes,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_an_interrupt_is_status_130(tmp_path):
    # Far too much work for the time it gets.
    process = start("synth", "--shape", "llama-1b", "-o", tmp_path)
    while not (tmp_path / "model.safetensors.partial").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err.splitlines()[-1]) == ("", "interrupted")
    assert not list(tmp_path.glob("model.safetensors*"))


def test_a_reader_that_leaves_early(tiny_model):
    process = start("inspect", tiny_model)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 1


def test_text_is_utf8_in_any_locale(fake):
    process = start("run", fake, "--prompt", "naïve", "--max-tokens", 0)
    out, err = process.communicate()
    assert (out, err, process.returncode) == ("naïve", "", 0)


def test_a_long_path_is_on_the_line_of_the_error(tmp_path, capsys):
    path = tmp_path / ("long" * 40)
    assert main(["inspect", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {path}")
