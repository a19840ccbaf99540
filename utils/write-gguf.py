#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a Llama model as GGUF, without a tokenizer, for utils/bench-peers.

write-gguf.py MODEL OUT: in F16. With `--part P`, only every matrix's first 1/P
of rows. `--like FILE` takes the matrices from FILE instead, a quantized GGUF
file of such a part, and repeats their rows until the model has all of its own:
speed depends on shapes and types, and quantizing a part takes 1/P of the time.
"""

import argparse
import json
import pathlib

import gguf
import gguf_models
import numpy as np


def add_tensors(writer, tensors, config, part):
    """In F16 but for vectors; the first 1/`part` of the rows."""
    for name, array in tensors.items():
        numbers = gguf_models.as_floats(array)
        if array.ndim == 2:
            numbers = numbers[: len(array) // part].astype(np.float16)
        if part == 1:
            numbers = gguf_models.pair_rows(name, numbers, config)
        writer.add_tensor(gguf_models.gguf_name(name), numbers)


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
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--like", type=pathlib.Path)
    arguments = parser.parse_args()
    writer = gguf.GGUFWriter(arguments.out, "llama", use_temp_file=True)
    config = json.loads((arguments.model / "config.json").read_text())
    gguf_models.write_facts(writer, config)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("none")
    tensors = gguf_models.read_safetensors(arguments.model / "model.safetensors")
    if arguments.like:
        add_repeated_tensors(writer, tensors, arguments.like)
    else:
        add_tensors(writer, tensors, config, arguments.part)
    gguf_models.finish(writer)


if __name__ == "__main__":
    main()
