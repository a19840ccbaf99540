# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""llama.cpp and its kin for utils/bench-peers: builds, model files, speeds."""

import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUERN = ROOT / ".venv" / "bin" / "quern"
PACKAGE = "llama-cpp-python==0.3.36"
GGUF = "gguf==0.19.0"
# The last ones leave out what no table runs: servers, tests, and attention over
# every type of KV cache but F16.
FLAGS = ("CMAKE_BUILD_TYPE=Release", "CMAKE_C_COMPILER=clang-22",
         "CMAKE_CXX_COMPILER=clang++-22", "GGML_NATIVE=ON", "LLAMA_CURL=OFF",
         "LLAMA_BUILD_SERVER=OFF", "LLAMA_BUILD_TESTS=OFF",
         "GGML_IQK_FA_ALL_QUANTS=OFF")  # fmt: skip
# Quantizing takes long: a sixteenth of the rows is quantized, then repeated.
PART = 16


@dataclasses.dataclass
class Peer:
    """One build. settings: options of its llama-bench to choose from, by label."""

    name: str
    version: str
    programs: pathlib.Path  # the folder of llama-bench
    settings: dict
    has_depth: bool  # -d D instead of -gp D,N
    cold: tuple  # options for a run without a warm-up


@dataclasses.dataclass
class Rates:
    """Measured numbers by setting; `sign` is -1 where less is better."""

    sign: int = 1
    by_setting: dict = dataclasses.field(default_factory=dict)

    def add(self, setting, value):
        self.by_setting.setdefault(setting, []).append(value)

    def best(self):
        """The best setting's name and its median."""
        medians = {s: statistics.median(values) for s, values in self.by_setting.items()}
        setting = max(medians, key=lambda s: self.sign * medians[s])
        return setting, medians[setting]

    def settings_to_run(self, settings):
        """All of them in the first round, the best one in later rounds."""
        return [self.best()[0]] if self.by_setting else list(settings)


def run(*words, **options):
    """Runs a command; its failure ends the program with its name and output."""
    words = [str(w) for w in words]
    print("$ " + " ".join(words), file=sys.stderr, flush=True)
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, **options)
    if done.returncode:
        sys.exit(f"error: {words[0]} exited with {done.returncode}\n{done.stdout}")
    return done.stdout


def build(source, targets):
    """The folder of the programs of `source`, built with clang for this machine."""
    programs = source / "build" / "bin"
    if not all((programs / target).exists() for target in targets):
        run("cmake", "-S", source, "-B", source / "build", "-G", "Ninja",
            *(f"-D{flag}" for flag in FLAGS))  # fmt: skip
        run("ninja", "-C", source / "build", *targets)
    return programs


def describe_peer(name, version, programs):
    """Learns from llama-bench's help what it can be told."""
    text = run(programs / "llama-bench", "--help")
    settings = {"": []}
    if "--run-time-repack" in text:
        settings["repacked"] = ["-rtr", 1]
    cold = ("--no-warmup",) if "--no-warmup" in text else ("-w", 0)
    return Peer(name, version, programs, settings, "--n-depth" in text, cold)


def llama_cpp(folder):
    """llama.cpp of the source package, downloaded to `folder` and built, once."""
    if not any(folder.glob("llama_cpp_python-*/vendor/llama.cpp")):
        run(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:",
            "--no-build-isolation", "-d", folder, PACKAGE)  # fmt: skip
        # Debian 12's tarfile has no filter against paths that leave the folder.
        run("tar", "-xzf", next(folder.glob("llama_cpp_python-*.tar.gz")), "-C", folder)
    source = next(folder.glob("llama_cpp_python-*/vendor/llama.cpp"))
    programs = build(source, ["llama-bench", "llama-quantize"])
    return describe_peer("llama.cpp", "of " + PACKAGE.replace("==", " "), programs)


def ik_llama_cpp(source):
    """ik_llama.cpp of the sources in `source`, built there, once."""
    done = subprocess.run(["git", "-C", source, "rev-parse", "--short", "HEAD"],
                          text=True, capture_output=True)  # fmt: skip
    version = done.stdout.strip() or "of an unknown commit"
    return describe_peer("ik_llama.cpp", version, build(source, ["llama-bench"]))


def python_with_gguf(folder):
    """A Python that writes GGUF, in an environment of its own."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", folder / "venv")
        run(python, "-m", "pip", "install", GGUF)
    return python


def make_file(path, make):
    """`path`, which `make`(temporary path) writes unless it is there."""
    if not path.exists():
        partial = path.with_name(path.name + ".partial")
        make(partial)
        partial.rename(path)
    return path


def write_gguf(folder, *words):
    run(python_with_gguf(folder), ROOT / "utils" / "write-gguf.py", *words)


def quantize(quantizer, source, out, kind):
    """Every matrix in type `kind`; what the quantizer prints."""
    return run(quantizer, "--pure", source, out, kind, os.cpu_count(), stderr=subprocess.STDOUT)


def f16_file(folder, model):
    return make_file(folder / f"{model.name}-F16.gguf", lambda out: write_gguf(folder, model, out))


def peer_file(folder, model, quantizer, kind):
    """The model in GGUF with every matrix in type `kind`, for all peers."""

    def write(out):
        piece = make_file(
            folder / f"{model.name}-F16-part.gguf",
            lambda partial: write_gguf(folder, model, partial, "--part", PART),
        )
        quantized = out.with_suffix(".rows")
        quantize(quantizer, piece, quantized, kind)
        write_gguf(folder, model, out, "--like", quantized)
        quantized.unlink()

    return make_file(folder / f"{model.name}-{kind}.gguf", write)


def decoding(peer, depth, count):
    """llama-bench's options that decode `count` tokens behind `depth`."""
    if peer.has_depth:
        return ["-p", 0, "-n", count, "-d", depth]
    return ["-p", 0, "-n", 0, "-gp", f"{depth},{count}"]


def measure_peer(peer, path, threads, test, rates):
    """Adds tokens per second of each setting worth running to `rates`."""
    for setting in rates.settings_to_run(peer.settings):
        text = run(peer.programs / "llama-bench", "-m", path, "-t", threads, "-r", 1,
                   "-o", "json", *peer.settings[setting], *test)  # fmt: skip
        rates.add(setting, rate_in(text))


def rate_in(text):
    """Tokens per second in what llama-bench prints, JSON after possible notes."""
    return json.loads(text[re.search(r"^\[", text, re.MULTILINE).start() :])[0]["avg_ts"]
