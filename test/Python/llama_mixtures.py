# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which types llama-quantize gives the weights of a few models, as
llama_mixtures.json records them.

llama_mixtures.py FOLDER: writes the record anew with the llama-quantize in FOLDER.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import pytest
import quern
from quern import synth

RECORD = Path(__file__).with_suffix(".json")
# Few heads of keys and an output matrix; neither; rows that the blocks of
# K-quants, and all blocks, do not divide; the depth that has a rule of its own.
SHAPES = {
    "grouped": synth.Shape(256, 256, 20, 8, 2, 32, vocabulary=320, context=64, tied=False),
    "tied": synth.Shape(256, 512, 9, 4, 4, 64, vocabulary=320, context=64),
    "ragged": synth.Shape(96, 160, 8, 6, 2, 16, vocabulary=320, context=64, tied=False),
    "odd": synth.Shape(48, 80, 8, 3, 1, 16, vocabulary=320, context=64, tied=False),
    "deep": synth.Shape(256, 256, 80, 2, 1, 32, vocabulary=320, context=64),
}
# Without those that need an importance matrix.
MIXTURES = [
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S",
    "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_S", "IQ3_M", "TQ1_0",
    "TQ2_0", "F16", "BF16", "F32", "Q1_0",
]  # fmt: skip
DEEP = ["Q2_K", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M"]


def mixtures_of(name: str) -> list[str]:
    return DEEP if name == "deep" else MIXTURES


def write_model(name: str, folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synth.SHAPES, name, SHAPES[name])
        quern.synthesize(name, folder / name, seed=1, dtype="f16")
    return folder / name


def types_of(path: Path) -> dict[str, str]:
    """{part of a layer or tensor: types of the layers in order}, runs counted."""
    found: dict[str, list[tuple[int, str]]] = {}
    for tensor in gguf.GGUFReader(path).tensors:
        parts = tensor.name.split(".")
        layer, part = (int(parts[1]), parts[2]) if parts[0] == "blk" else (0, parts[0])
        if len(tensor.shape) == 2:
            found.setdefault(part, []).append((layer, tensor.tensor_type.name))
    return {
        part: " ".join(
            f"{len(list(run))}*{kind}"
            for kind, run in itertools.groupby(kind for _, kind in sorted(layers))
        )
        for part, layers in sorted(found.items())
    }


def llama_types(programs: Path, source: Path, mixture: str) -> dict[str, str] | str:
    """What llama-quantize makes of a GGUF file, or what it says instead."""
    out = source.with_name(f"{source.stem}-{mixture}.gguf")
    done = subprocess.run(
        [programs / "llama-quantize", source, out, mixture], capture_output=True, text=True
    )
    if done.returncode:
        return "refused"
    types = types_of(out)
    out.unlink()
    return types


def main() -> None:
    programs, record = Path(sys.argv[1]), {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SHAPES:
            source = Path(folder) / f"{name}.gguf"
            quern.export_model(write_model(name, Path(folder)), source, "gguf")
            record[name] = {
                mixture: llama_types(programs, source, mixture) for mixture in mixtures_of(name)
            }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
