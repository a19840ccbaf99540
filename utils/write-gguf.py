#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a Hugging Face folder of Llama or its kin as GGUF.

write-gguf.py MODEL OUT: in F16. `--type T` encodes the matrices in one of ggml's
types that the gguf package has an encoder for. `--pre NAME` adds the tokenizer,
whose words are split as llama.cpp does under that name.

For utils/bench-peers, `--part P` writes only every matrix's first 1/P of rows.
`--like FILE` takes the matrices from FILE instead, a quantized GGUF file of such
a part, and repeats their rows until the model has all of its own: speed depends
on shapes and types, and quantizing a part takes 1/P of the time.
"""

import argparse
import json
import pathlib

import gguf
import gguf_models
import numpy as np


def add_tensors(writer, tensors, config, kind, part):
    """In `kind` but for vectors; the first 1/`part` of the rows."""
    for name, array in tensors.items():
        data, raw = gguf_models.as_floats(array), None
        if array.ndim == 2:
            data = gguf.quants.quantize(data[: len(array) // part], kind)
            raw = kind if data.dtype == np.uint8 else None
        if part == 1:
            data = gguf_models.pair_rows(name, data, config)
        writer.add_tensor(gguf_models.gguf_name(name), np.ascontiguousarray(data), raw_dtype=raw)


def add_repeated_tensors(writer, tensors, like):
    """The names and heights of `tensors`, the rows of `like`, a GGUF file."""
    quantized = {tensor.name: tensor for tensor in gguf.GGUFReader(like).tensors}
    for name, array in tensors.items():
        tensor = quantized[gguf_models.gguf_name(name)]
        data = tensor.data
        if data.ndim == 2:
            data = np.tile(data, (-(-len(array) // len(data)), 1))[: len(array)]
        # Of F32 and F16 the writer reads the type off the numbers.
        is_raw = data.dtype == np.uint8
        writer.add_tensor(tensor.name, data, raw_dtype=tensor.tensor_type if is_raw else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--type", default="F16", metavar="T")
    parser.add_argument("--pre", metavar="NAME")
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--like", type=pathlib.Path)
    arguments = parser.parse_args()
    config = json.loads((arguments.model / "config.json").read_text())
    writer = gguf.GGUFWriter(arguments.out, config["model_type"], use_temp_file=True)
    gguf_models.write_facts(writer, config)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{arguments.type}"])
    if arguments.pre:
        gguf_models.write_tokenizer(writer, arguments.model, arguments.pre)
    else:
        writer.add_tokenizer_model("none")
    tensors = gguf_models.read_safetensors(arguments.model / "model.safetensors")
    if arguments.like:
        add_repeated_tensors(writer, tensors, arguments.like)
    else:
        kind = gguf.GGMLQuantizationType[arguments.type]
        add_tensors(writer, tensors, config, kind, arguments.part)
    gguf_models.finish(writer)


if __name__ == "__main__":
    main()
