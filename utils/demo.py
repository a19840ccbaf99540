#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The main job on the embedded model: quantize, compile, run, compare.

Every step is a `quern` command, printed as it would be typed. What it makes
lies in build/demo.
"""

import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUERN = ROOT / ".venv" / "bin" / "quern"
MODEL = pathlib.Path("examples/quern-6m")
TEXT = pathlib.Path("examples/quern-6m-eval.txt")
OUT = pathlib.Path("build/demo")
PROMPT = "It was a dark and stormy night"
# Row of the table: what `quern compile` is told. The first is the reference.
VARIANTS = {
    "float": ("--format", "bf16"),
    "Q4_K": ("--format", "Q4_K"),
    "Q4_K, int8": ("--format", "Q4_K", "--compute", "int8"),
}


def quern(*arguments, capture=False):
    """Runs one `quern` command from the root of the repository."""
    words = [str(a) for a in arguments]
    print("\n$ quern " + " ".join(f'"{w}"' if " " in w else w for w in words), flush=True)
    output = subprocess.PIPE if capture else None
    done = subprocess.run([QUERN, *words], cwd=ROOT, stdout=output, text=True)
    if done.returncode:
        sys.exit(f"error: quern {words[0]} failed")
    return done.stdout


def measure(artifact, reference):
    """What the table shows about one artifact, by column."""
    options = ["--text", TEXT, "--json"]
    if reference:
        options += ["--against", reference]
    quality = json.loads(quern("eval", artifact, *options, capture=True))
    speed = json.loads(quern("bench", artifact, "--prompt-tokens", 256, "--json", capture=True))
    manifest = json.loads((ROOT / artifact / "manifest.json").read_text())
    kld = quality.get("kld_mean")
    return {
        "weights": f"{manifest['weight_bytes'] / 1e6:.2f} MB",
        "bits/weight": f"{manifest['bits_per_weight']:.2f}",
        "perplexity": f"{quality['perplexity']:.3f} ± {quality['perplexity_stderr']:.3f}",
        "KL divergence": "–" if kld is None else f"{kld:.4f} ± {quality['kld_stderr']:.4f}",
        "prefill": f"{speed['prefill_tokens_per_second']:.0f} tok/s",
        "decode": f"{speed['decode_tokens_per_second']:.0f} tok/s",
    }


def print_table(rows):
    table = [["", *next(iter(rows.values()))]]
    table += [[name, *row.values()] for name, row in rows.items()]
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells))


def main():
    shutil.rmtree(ROOT / OUT, ignore_errors=True)
    (ROOT / OUT).mkdir(parents=True)
    rows, reference = {}, None
    for name, options in VARIANTS.items():
        artifact = OUT / ("quern-6m-" + name.lower().replace(", ", "-"))
        quern("compile", MODEL, *options, "--target", "host", "-o", artifact)
        rows[name] = measure(artifact, reference)
        reference = reference or artifact
    options = ("--max-tokens", 120, "--temperature", 0.8, "--seed", 1)
    quern("run", artifact, "--prompt", PROMPT, *options)
    print(f"\n\n{MODEL} on {TEXT}:\n")
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
