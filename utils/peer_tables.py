# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tables of utils/bench-peers: what they measure and how they print it."""

import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import time

import peers as kin
from peers import QUERN, ROOT, Rates, run

# Quern's format, and the type that peers are given: of the same codes where
# they have it, else of the same bits.
PAIRS = {
    "Q4_0": "Q4_0",
    "Q4_K": "Q4_K_S",
    "Q5_K": "Q5_K_S",
    "Q6_K": "Q6_K",
    "Q8_0": "Q8_0",
    "Q3_K": "Q3_K_S",
    "Q2_K": "Q2_K",
    "IQ4_XS": "IQ4_XS",
    "MXFP4": "MXFP4_MOE",
    "NF4": "IQ4_NL",
    "int4_g128": "Q4_0",
    "FP8_channel": "Q8_0",
    "BF16": "BF16",
    "F16": "F16",
}
# Formats without scales have no integer mode.
COMPUTE = {"BF16": "bf16", "F16": "f32"}
SMALL_MODELS = (ROOT.parent / "shared/data/lm/stories260K", ROOT / "examples/quern-6m")


class Race:
    """Who runs on what: the arguments, the peers, and the files made so far."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = arguments.folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.peers = [kin.llama_cpp(self.folder)]
        self.quantizer = self.peers[0].programs / "llama-quantize"
        if arguments.ik:
            self.peers.append(kin.ik_llama_cpp(arguments.ik.resolve()))
        self.names = ["Quern", *(peer.name for peer in self.peers)]

    def model(self, shape):
        path = self.folder / shape
        if not path.exists():
            run(QUERN, "synth", "--shape", shape, "--dtype", "f16", "-o", path)
        return path

    def artifact(self, model, name):
        path = self.folder / f"{model.name}-{name}.quern"
        compute = COMPUTE.get(name, "int8")
        shutil.rmtree(path, ignore_errors=True)
        run(QUERN, "compile", model, "--format", name, "--compute", compute, "--target", "host",
            "-o", path)  # fmt: skip
        return path

    def peer_file(self, model, name):
        if PAIRS[name] == "F16":
            return kin.f16_file(self.folder, model)
        return kin.peer_file(self.folder, model, self.quantizer, PAIRS[name])

    def entries(self, model):
        """Each format with the peers' file and our artifact, which is gone after
        its turn; none when files are only prepared."""
        for name in self.arguments.formats:
            path = self.peer_file(model, name)
            if self.arguments.prepare:
                continue
            artifact = self.artifact(model, name)
            yield name, path, artifact
            shutil.rmtree(artifact)


def bench_quern(artifact, threads, prompt, count):
    text = run(QUERN, "bench", artifact, "--threads", threads, "--repeat", 1, "--prompt-tokens",
               prompt, "--generate-tokens", count, "--json")  # fmt: skip
    return json.loads(text)


def print_cells(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def print_head(*cells):
    print_cells(*cells)
    print("|" + "---|" * len(cells), flush=True)


def rate_cell(rates, digits=1):
    setting, median = rates.best()
    return f"{median:.{digits}f}" + (f" ({setting})" if setting else "")


def ratio_cell(contest):
    """Of the first of a contest, Quern, to the best of the rest."""
    own, *others = (rates.best()[1] for rates in contest)
    if contest[0].sign < 0:
        return f"**{min(others) / own:.2f}**"
    return f"**{own / max(others):.2f}**"


def share_cell(shares):
    return f"{statistics.median(shares):.0%}"


def processor():
    """What the system calls the processor, and what of it matters to speed."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    if "model name" not in facts:
        return platform.machine()
    wanted = r"avx2|avx_vnni|avx512_(vnni|bf16)|avx512_?vbmi|amx_\w+"
    has = [flag for flag in facts["flags"].split() if re.fullmatch(wanted, flag)]
    return (
        f"{facts['model name']} (family {facts['cpu family']}, model {facts['model']}; "
        f"{' '.join(has)})"
    )


def describe_machine(arguments):
    return (
        f"{datetime.date.today()}, {processor()}, {os.cpu_count()} processors; "
        f"threads: {arguments.threads}; rounds: {arguments.rounds}.\n"
    )


def describe_run(race):
    """The lines above a table: who ran, where, and when."""
    who = "; ".join(f"{peer.name} {peer.version}" for peer in race.peers)
    print(f"{describe_machine(race.arguments)}{who}; built with {' '.join(kin.FLAGS)}.\n")


def describe_limits(report):
    print(f"\nMeasured with {report['threads']} threads on {report['cpu']} ({report['isa']}): "
          f"{report['read_bytes_per_second'] / 1e9:.1f} GB/s read, "
          f"{report['operations_per_second'] / 1e12:.2f} T operations/s in {report['compute']}.",
          flush=True)  # fmt: skip


# Prefill and decode in each format.


def compare_formats(race):
    arguments, model = race.arguments, race.model(race.arguments.shape)
    report = None
    for name, files, artifact in race.entries(model):
        prefills, decodes = ([Rates() for _ in race.names] for _ in range(2))
        shares = {"operations_share": [], "read_share": []}
        for _ in range(arguments.rounds):
            report = measure_phases(race, artifact, files, prefills, decodes, shares)
        print_format(name, prefills, decodes, shares)
    if report:
        describe_limits(report)


def measure_phases(race, artifact, path, prefills, decodes, shares):
    """One round. The last report of `quern bench`."""
    a = race.arguments
    prefill = bench_quern(artifact, a.threads, a.prefill, 1)
    decode = bench_quern(artifact, a.threads, a.depth, a.decode)
    prefills[0].add("", prefill["prefill_tokens_per_second"])
    decodes[0].add("", decode["decode_tokens_per_second"])
    shares["operations_share"].append(prefill["operations_share"])
    shares["read_share"].append(decode["read_share"])
    for peer, prefilled, decoded in zip(race.peers, prefills[1:], decodes[1:], strict=True):
        kin.measure_peer(peer, path, a.threads, ["-p", a.prefill, "-n", 0], prefilled)
        kin.measure_peer(peer, path, a.threads, kin.decoding(peer, a.depth, a.decode), decoded)
    return decode


def print_formats_head(race):
    a = race.arguments
    print_head("format", f"prefill of {a.prefill}, Quern", *race.names[1:], "ratio",
               "of arithmetic peak", f"decode behind {a.depth}, Quern", *race.names[1:], "ratio",
               "of read bandwidth")  # fmt: skip


def print_format(name, prefills, decodes, shares):
    print_cells(f"`{name}`", *map(rate_cell, prefills), ratio_cell(prefills),
                share_cell(shares["operations_share"]), *map(rate_cell, decodes),
                ratio_cell(decodes), share_cell(shares["read_share"]))  # fmt: skip


# Long contexts.


def compare_contexts(race):
    a, model = race.arguments, race.model(race.arguments.shape)
    for name, path, artifact in race.entries(model):
        prefills, decodes = ([Rates() for _ in race.names] for _ in range(2))
        near = []
        for _ in range(a.rounds):
            report = bench_quern(artifact, a.threads, a.depth, a.decode)
            near.append(report["decode_tokens_per_second"])
            report = bench_quern(artifact, a.threads, a.context, a.decode)
            prefills[0].add("", report["prefill_tokens_per_second"])
            decodes[0].add("", report["decode_tokens_per_second"])
            measure_far_peers(race, path, prefills[1:], decodes[1:])
        reading = cache_bytes(model, a.context - a.depth) / report["read_bytes_per_second"]
        print_context(name, prefills, decodes, statistics.median(near), reading)


def measure_far_peers(race, path, prefills, decodes):
    a = race.arguments
    for peer, prefilled, decoded in zip(race.peers, prefills, decodes, strict=True):
        prompt = ["-p", a.context, "-n", 0, *peer.cold]
        kin.measure_peer(peer, path, a.threads, prompt, prefilled)
        behind = [*kin.decoding(peer, a.context, a.decode), *peer.cold]
        kin.measure_peer(peer, path, a.threads, behind, decoded)


def cache_bytes(model, tokens):
    """Of keys and values in F16 that decoding reads for `tokens` of context."""
    config = json.loads((model / "config.json").read_text())
    width = config["num_key_value_heads"] * config.get(
        "head_dim", config["hidden_size"] // config["num_attention_heads"]
    )
    return tokens * config["num_hidden_layers"] * 2 * width * 2


def print_contexts_head(race):
    a = race.arguments
    print_head("format", f"prefill of {a.context}, Quern", *race.names[1:], "ratio",
               f"decode behind {a.depth}, Quern", f"behind {a.context}, Quern", *race.names[1:],
               "ratio", "lost, ms a token", "reading the KV cache, ms", "over")  # fmt: skip


def print_context(name, prefills, decodes, near, reading):
    """reading: seconds that the further context takes at full bandwidth."""
    lost = 1 / decodes[0].best()[1] - 1 / near
    print_cells(f"`{name}`", *map(rate_cell, prefills), ratio_cell(prefills), f"{near:.1f}",
                *map(rate_cell, decodes), ratio_cell(decodes), f"{1e3 * lost:.2f}",
                f"{1e3 * reading:.2f}", f"{lost / reading - 1:+.0%}")  # fmt: skip


# Small models.


def compare_small_models(race):
    a = race.arguments
    for model in SMALL_MODELS:
        for name, path, artifact in race.entries(model):
            contest = [Rates() for _ in race.names]
            for _ in range(a.rounds):
                measure_small(race, artifact, path, contest)
            cells = [rate_cell(rates, 0) for rates in contest]
            print_cells(model.name, f"`{name}`", *cells, ratio_cell(contest))


def measure_small(race, artifact, path, contest):
    """One round; everybody on any number of threads, up to those allowed."""
    a = race.arguments
    counts = {f"{n} thread{'s' * (n > 1)}": n for n in range(1, a.threads + 1)}
    for setting in contest[0].settings_to_run(counts):
        report = bench_quern(artifact, counts[setting], a.depth, a.decode)
        contest[0].add(setting, report["decode_tokens_per_second"])
    for peer, rates in zip(race.peers, contest[1:], strict=True):
        for setting in rates.settings_to_run(counts):
            one = Rates()
            test = kin.decoding(peer, a.depth, a.decode)
            kin.measure_peer(peer, path, counts[setting], test, one)
            rates.add(setting, one.best()[1])


# Start and compilation.


def seconds(*words):
    begin = time.perf_counter()
    run(*words, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def compare_starts(race):
    a, model = race.arguments, race.model(race.arguments.shape)
    for name, path, artifact in race.entries(model):
        contest = [Rates(-1) for _ in race.names]
        # The first round reads the files into the page cache.
        for is_measured in [False] + [True] * a.rounds:
            targets = contest if is_measured else [Rates(-1) for _ in race.names]
            measure_start(race, artifact, path, targets)
        cells = [rate_cell(rates, 2) for rates in contest]
        print_cells(f"`{name}`", *cells, ratio_cell(contest))


def measure_start(race, artifact, path, contest):
    """One round: whole processes that make one token."""
    threads = race.arguments.threads
    own = seconds(QUERN, "run", artifact, "--prompt", "a", "--max-tokens", 1, "--threads", threads)
    contest[0].add("", own)
    for peer, rates in zip(race.peers, contest[1:], strict=True):
        for setting in rates.settings_to_run(peer.settings):
            rates.add(setting, seconds(
                peer.programs / "llama-bench", "-m", path, "-t", threads, "-r", 1, "-p", 0,
                "-n", 1, *peer.cold, *peer.settings[setting]))  # fmt: skip


# What the extension reports, which `quern compile` sums up.
COMPILE = """
import json, sys
from quern.compiler import compile_model
model, out, name, threads = sys.argv[1:]
report = compile_model(model, out, name, compute="int8", target="host", threads=int(threads))
print(json.dumps(report["seconds"]))
"""


def compare_compilers(race):
    a, model = race.arguments, race.model(race.arguments.shape)
    source = kin.f16_file(race.folder, model)
    if a.prepare:
        return
    out = race.folder / "compiled.quern"
    for name in a.formats:
        code, contest = [], [Rates(-1), Rates(-1)]
        for is_measured in [False] + [True] * a.rounds:
            stages = json.loads(run(QUERN.with_name("python"), "-c", COMPILE, model, out, name,
                                    a.threads))  # fmt: skip
            begin = time.perf_counter()
            run(race.quantizer, "--pure", source, out.with_suffix(".gguf"), PAIRS[name], a.threads,
                stderr=subprocess.STDOUT)  # fmt: skip
            peer = time.perf_counter() - begin
            if is_measured:
                weights = sum(t for stage, t in stages.items() if stage.startswith("weights"))
                code.append(stages["codegen"] + stages["link"])
                contest[0].add("", weights)
                contest[1].add("", peer)
        cells = [rate_cell(rates, 1) for rates in contest]
        print_cells(f"`{name}`", f"{statistics.median(code):.1f}", *cells, ratio_cell(contest))
    shutil.rmtree(out)
    out.with_suffix(".gguf").unlink()


# A table's first line, what fills it, and its formats unless others are named.
TABLES = {
    "formats": (print_formats_head, compare_formats, [n for n in PAIRS if n != "F16"]),
    "context": (print_contexts_head, compare_contexts, ["Q4_0", "Q4_K"]),
    "small": (
        lambda race: print_head(
            "model", "format", "decode, Quern", *race.names[1:], "ratio"),
        compare_small_models, ["F16", "Q8_0"],
    ),
    "start": (
        lambda race: print_head(
            "format", "first token, s, Quern", *race.names[1:], "times faster"),
        compare_starts, ["Q4_0", "Q4_K", "Q8_0"],
    ),
    "compile": (
        lambda race: print_head(
            "format", "code, s", "quantize and pack, s, Quern", "llama-quantize", "times faster"),
        compare_compilers, ["Q4_0", "Q4_K"],
    ),
}  # fmt: skip
