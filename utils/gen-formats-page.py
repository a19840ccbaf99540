#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures every named format and writes docs/generated/Formats.md.

    .venv/bin/python utils/gen-formats-page.py [--text FILE] [--tokens N]
        [--benchmark PROGRAM] [--output FILE]

PROGRAM is quern-formats-benchmark of a build with QUERN_BUILD_BENCHMARKS; without
one the page has no speeds. What was measured is kept, by content, in
build/formats-page and in the cache of `quern sweep`, so that a run that was
interrupted goes on and a new format costs only its own time.
"""

import argparse
import datetime
import functools
import hashlib
import json
import pathlib
import subprocess

import numpy as np
import quern
from quern.compiler import compiler_identity
from quern.evaluate import windows
from quern.formats import bits_per_weight, read_formats
from quern.progress import Progress
from quern.sweep import FLOAT, SweepOptions

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "examples" / "quern-6m"
CHECK_TEXT = ROOT / "examples" / "quern-6m-eval.txt"
CHECK_TOKENS = 128
CHECK_CONTEXT = 256
CACHE = ROOT / "build" / "formats-page"
EXACT = 1e-3
SOLVERS = ("rtn", "mse")
COMPUTES = ("f32", "int8")
# Of a large weight, so that a scale a row or tensor costs next to nothing.
LARGE = 4096


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = ROOT.parent / "shared" / "data"
    parser.add_argument("--text", type=pathlib.Path, default=data / "text" / "novels.txt")
    parser.add_argument("--tokens", type=int, default=20_000)
    default = ROOT / "build" / "bin" / "quern-formats-benchmark"
    parser.add_argument("--benchmark", type=pathlib.Path, default=default)
    output = ROOT / "docs" / "generated" / "Formats.md"
    parser.add_argument("--output", type=pathlib.Path, default=output)
    return parser.parse_args()


def cached(facts, measure, *arguments):
    """measure(*arguments), or what it returned before under the same facts."""
    text = json.dumps([measure.__name__, *map(str, (*facts, *arguments))])
    place = CACHE / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
    if place.is_file():
        return json.loads(place.read_text(encoding="utf-8"))
    value = measure(*arguments)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_suffix(".partial")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(place)
    return value


def measure_quality(formats, options):
    """{solver: {name: Row}}"""
    text = options.text.read_text(encoding="utf-8")
    result = {}
    for solver in SOLVERS:
        settings = SweepOptions(solver=solver, tokens=options.tokens)
        with Progress(f"quality, {solver}") as bar:
            rows = quern.sweep(MODEL, text, formats, CACHE / "sweep", settings, bar.update)
        result[solver] = {row.name: row for row in rows}
    return result


@functools.cache
def float_matrices():
    model = quern.ReferenceModel(MODEL)
    names = [tensor.name for tensor in quern.inspect(MODEL).tensors if len(tensor.shape) == 2]
    return {name: model.weight(name).astype(np.float64) for name in names}


def encode_error(format, solver):
    """RMS of what the codes get wrong over the RMS of the weights."""
    coded = quern.ReferenceModel(MODEL, format, solver=solver)
    error = weight = 0.0
    for name, values in float_matrices().items():
        error += float(np.square(coded.weight(name).astype(np.float64) - values).sum())
        weight += float(np.square(values).sum())
    return (error / weight) ** 0.5


def interpreted_perplexity(format, compute, tokens, bos):
    model = quern.ReferenceModel(MODEL, format, compute=compute)
    losses = []
    for window in windows(tokens, CHECK_CONTEXT, bos):
        logits = model.logits(window[:-1], rows=len(window) - 1).astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = logits[np.arange(len(logits)), window[1:]]
        losses.append(np.log(np.exp(logits).sum(axis=-1)) - chosen)
    return float(np.exp(np.concatenate(losses).mean()))


def check_kernels(format, compute):
    """{instruction set: relative difference from the interpreter's perplexity}"""
    tokenizer = quern.Tokenizer(MODEL)
    tokens = tokenizer.encode(CHECK_TEXT.read_text(encoding="utf-8"))[:CHECK_TOKENS]
    bos = tokenizer.bos_id
    expected = interpreted_perplexity(format, compute, tokens, bos)
    folder = CACHE / f"artifact-{hashlib.sha256(f'{format}{compute}'.encode()).hexdigest()[:16]}"
    report = quern.compile_model(MODEL, folder, format, compute=compute)
    result = {}
    for isa in report["isas"]:
        try:
            with quern.Model(folder, isa=isa) as model:
                found = quern.evaluate(model, tokens, CHECK_CONTEXT, bos).perplexity
        except quern.QuernError as error:
            if error.status != quern.Status.CPU_FEATURES:
                raise
            continue
        result[isa] = abs(found / expected - 1)
    return result


def measure_speed(name, program):
    """{"isa/compute/M": {"GB/s": …, "GOP/s": …}}"""
    command = [program, f"--benchmark_filter=^[^/]+/{name}/", "--benchmark_format=json"]
    done = subprocess.run(
        [*command, "--benchmark_min_time=0.1"], check=True, capture_output=True, text=True
    )
    result = {}
    for entry in json.loads(done.stdout)["benchmarks"]:
        if entry.get("error_occurred"):
            raise RuntimeError(f"{entry['name']}: {entry['error_message']}")
        isa, _, compute, tokens = entry["name"].split("/")
        result[f"{isa}/{compute}/{tokens}"] = {key: entry[key] for key in ("GB/s", "GOP/s")}
    return result


def measure_formats(formats, program):
    """{name: {"error": {solver: …}, "checked": {compute: …}, "speed": …}}"""
    compiler = [compiler_identity()]
    binary = hashlib.sha256(program.read_bytes()).hexdigest() if program.is_file() else ""
    result = {}
    with Progress("formats") as bar:
        for done, (name, format) in enumerate(formats.items()):
            bar.update(done / len(formats), name)
            machine = [binary, processor(), format]
            result[name] = {
                "error": {s: cached(compiler, encode_error, format, s) for s in SOLVERS},
                "checked": {c: cached(compiler, check_kernels, format, c) for c in COMPUTES},
                "speed": cached(machine, measure_speed, name, program) if binary else {},
            }
    return result


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def definition_rows(formats):
    for name, format in formats.items():
        yield f"`{name}`", f"{bits_per_weight(format, LARGE, LARGE):.6g}", f"`{format}`"


def quality_rows(formats, measured, quality):
    for name in formats:
        errors = [f"{100 * measured[name]['error'][solver]:.3g}" for solver in SOLVERS]
        cells = [f"{quality['rtn'][name].bits_per_weight:.3f}", *errors]
        for solver in SOLVERS:
            row = quality[solver][name]
            if row.error:
                raise SystemExit(f"error: {name}, {solver}: {row.error}")
            result = row.evaluation
            cells += [f"{result.perplexity:.5g}", f"{result.kld_mean:.3g}"]
        notes = quality["rtn"][name].notes
        yield f"`{name}`" + (" *" if notes else ""), *cells


def speed_rows(formats, measured, isa):
    for name in formats:
        cells = []
        for compute in COMPUTES:
            difference = measured[name]["checked"][compute][isa]
            is_exact = compute == "f32" and difference <= EXACT
            cells.append("yes" if is_exact else f"{100 * difference:.2g} %")
        for tokens, unit in ((1, "GB/s"), (64, "GOP/s")):
            for compute in COMPUTES:
                speed = measured[name]["speed"].get(f"{isa}/{compute}/{tokens}")
                cells.append(f"{speed[unit]:.3g}" if speed else "")
        yield f"`{name}`", *cells


HEAD = """# Every named format

Measured by [`utils/gen-formats-page.py`](../../utils/gen-formats-page.py); do not edit. \
{date}, {cpu}.

```console
cmake -S . -B build -DQUERN_BUILD_BENCHMARKS=ON && ninja -C build quern-formats-benchmark
.venv/bin/python utils/gen-formats-page.py --tokens {tokens}
```

## What they are

Bits are those of a weight of a {large} x {large} matrix, scales included. The grammar is in \
[Formats](../Formats.md).
"""

QUALITY = """
## What they cost

On [`quern-6m`](../../examples/quern-6m), all matrices in the format; one whose columns or rows \
the blocks do not divide takes a fallback, which the bits include and * marks. The error is the \
RMS of the difference over the RMS of the weights, in percent, by rounding (`rtn`) and by search \
(`mse`). Perplexity and KL divergence from the float model, in nats, are over the first \
{tokens:,} tokens of `{text}` in windows of 512; the float model's perplexity is \
{perplexity:.5g}. Activations are float.
"""

KERNELS = """
## What kernels make of them

A table for each instruction set of the machine. *f32* and *int8* say how far the perplexity of \
the kernels is from the interpreter's on {count} tokens: *yes* is at most {exact:g}, which exact \
mode must keep; in integer mode both round activations, and independent roundings differ. Speeds \
are of one core, with a weight that lies in the second-level cache: bytes of the weight for one \
token (M = 1), multiplications and additions for 64 tokens (M = 64). Without integer products a \
format has no speed for int8.
"""


def write_page(options, formats, measured, quality):
    float_row = quality["rtn"][FLOAT].evaluation
    today = datetime.date.today().isoformat()
    parts = [
        HEAD.format(date=today, cpu=processor(), tokens=options.tokens, large=LARGE),
        table(("name", "bits", "format"), definition_rows(formats)),
        QUALITY.format(
            tokens=options.tokens, text=options.text.name, perplexity=float_row.perplexity
        ),
        table(
            ("name", "bits", "error rtn", "mse", "perplexity rtn", "KLD", "perplexity mse", "KLD"),
            quality_rows(formats, measured, quality),
        ),
    ]
    columns = ("name", "f32", "int8", "GB/s f32", "GB/s int8", "GOP/s f32", "GOP/s int8")
    parts.append(KERNELS.format(count=CHECK_TOKENS, exact=EXACT))
    for isa in next(iter(measured.values()))["checked"]["f32"]:
        parts += [f"### {isa}\n", table(columns, speed_rows(formats, measured, isa)), ""]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


def main():
    options = parse_arguments()
    formats = read_formats()
    quality = measure_quality(formats, options)
    measured = measure_formats(formats, options.benchmark)
    write_page(options, formats, measured, quality)


if __name__ == "__main__":
    main()
