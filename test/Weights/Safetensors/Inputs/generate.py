#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes one good or hostile safetensors file or shard index.

generate.py CASE OUT: OUT is a file; for the index-* cases it is a folder.
"""

import json
import os
import struct
import sys


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def container(header, data=b""):
    """A file of `header`, a dictionary or raw bytes, and `data`."""
    if isinstance(header, dict):
        header = json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def one(shape="[2]", dtype='"F32"', offsets="[0,8]", data=bytes(8)):
    """A file with one tensor 'w' whose fields are raw JSON text."""
    text = '{"w":{"dtype":%s,"shape":%s,"data_offsets":%s}}'
    return container((text % (dtype, shape, offsets)).encode(), data)


GOOD = {
    "b": entry([2, 3], 0, 12, "BF16"),
    "a": entry([], 12, 16),
    "nothing": entry([0, 7], 16, 16),
    "packed": entry([4], 16, 19, "F6_E2M3"),
    "__metadata__": {"format": "pt"},
}

CASES = {
    "good": container(GOOD, bytes(19)),
    "padded-header": container(json.dumps(GOOD).encode() + b"  \n ", bytes(19)),
    "empty-file": b"",
    "short-file": bytes(7),
    "length-zero": struct.pack("<Q", 0),
    "length-huge": struct.pack("<Q", 1 << 63) + b"{}",
    "length-one-past": struct.pack("<Q", 3) + b"{}",
    "bad-utf8": container(b'{"\xff":{}}'),
    "bad-utf8-outside": container(b"{\xff}"),
    "cut-json": container(b'{"w":{"dtype":"F32"'),
    "not-object": container(b"[1, 2]"),
    "white-space-first": container(b" {}"),
    "bom": container(b"\xef\xbb\xbf{}"),
    "text-after": container(b"{} {}"),
    "nul-after": container(b'{}\0{"w":1}'),
    "comment": container(b"{/* */}"),
    "deep": container(b'{"w":' + b"[" * 100000),
    "deep-objects": container(b'{"w":{"dtype":' + b'{"a":' * 100000),
    "duplicate-tensor": container(
        b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        b'"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        bytes(2),
    ),
    "duplicate-field": container(
        b'{"w":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', bytes(1)
    ),
    "duplicate-metadata": container(b'{"__metadata__":{},"__metadata__":{}}'),
    "duplicate-metadata-key": container(b'{"__metadata__":{"a":"","a":""}}'),
    "unknown-dtype": one(dtype='"F7"'),
    "dtype-number": one(dtype="32"),
    "unknown-field": container(b'{"w":{"strides":[1]}}'),
    "missing-field": container(b'{"w":{"dtype":"U8","shape":[1]}}'),
    "entry-number": container(b'{"w":12}'),
    "shape-overflow": one(shape="[4294967296,4294967296]"),
    "shape-overflow-zero": one(shape="[4294967296,4294967296,0]", offsets="[0,0]", data=b""),
    "shape-wraps": one(shape="[4503599627370496,4096]", dtype='"U8"'),
    "shape-negative": one(shape="[-2]"),
    "shape-minus-zero": one(shape="[-0]"),
    "shape-exponent": one(shape="[1e3]"),
    "shape-fraction": one(shape="[1.0]"),
    "shape-too-large": one(shape="[9007199254740993]"),
    "shape-beyond-64": one(shape="[99999999999999999999999]"),
    "shape-string": one(shape='["2"]'),
    "shape-nested": one(shape="[[2]]"),
    "shape-scalar": one(shape="2"),
    "shape-true": one(shape="[true]"),
    "shape-null": one(shape="[null]"),
    "offsets-inverted": one(offsets="[8,0]"),
    "offsets-one": one(offsets="[8]"),
    "offsets-three": one(offsets="[0,8,8]"),
    "offsets-past-end": one(shape="[4]", offsets="[0,16]"),
    "shared": container({"v": entry([2], 0, 8), "w": entry([2], 0, 8)}, bytes(8)),
    "overlap": container({"v": entry([2], 0, 8), "w": entry([2], 4, 12)}, bytes(12)),
    "empty-inside": container({"v": entry([2], 0, 8), "w": entry([0], 4, 4)}, bytes(8)),
    "hole-before": container({"w": entry([2], 4, 12)}, bytes(12)),
    "hole-between": container({"v": entry([2], 0, 8), "w": entry([2], 9, 17)}, bytes(17)),
    "trailing": container({"w": entry([2], 0, 8)}, bytes(9)),
    "trailing-no-tensors": container({}, b"PK"),
    "cut-data": container({"w": entry([2], 0, 8)}, bytes(7)),
    "size-mismatch": one(shape="[3]"),
    "partial-byte": one(shape="[15]", dtype='"F4"'),
    "metadata-number": container(b'{"__metadata__":{"format":1}}'),
    "metadata-nested": container(b'{"__metadata__":{"format":{}}}'),
    "metadata-tensor": container({"__metadata__": entry([2], 0, 8)}, bytes(8)),
    "metadata-string": container(b'{"__metadata__":"pt"}'),
    "terminal-escape": container(b'{"\\u001b[31mred\\u0000":1}'),
}


# Headers of a few MB that repeat one small thing `n` times.
BULKY = {
    "bulky-metadata": lambda n: container(
        b'{"__metadata__":{' + b",".join(b'"%x":""' % i for i in range(n)) + b"}"
    ),
    "bulky-shape": lambda n: one(shape="[0" + ",0" * n + "]", offsets="[0,4]"),
    "bulky-string": lambda n: one(dtype='"' + "x" * (4 * n) + '"'),
    "bulky-nesting": lambda n: container(b'{"w":' + b"[" * (4 * n)),
}


def shards(weight_map, files):
    """A folder of shard files next to an index with this weight_map."""
    if not isinstance(weight_map, str):
        weight_map = json.dumps(weight_map)
    index = '{"metadata": {"total_size": 8}, "weight_map": %s}' % weight_map
    result = {"model.safetensors.index.json": index.encode()}
    for name, tensors in files.items():
        header = {t: entry([1], 4 * i, 4 * i + 4) for i, t in enumerate(tensors)}
        result[name] = container(header, bytes(4 * len(tensors)))
    return result


A, B = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
TWO = {A: ["a"], B: ["b"]}


def illegal(path):
    return shards({"a": A, "b": path}, TWO)


FOLDERS = {
    "index-good": shards({"a": A, "b": B}, TWO),
    "index-parent": illegal("../../x.safetensors"),
    "index-absolute": illegal("/etc/passwd"),
    "index-url": illegal("https://example.org/x.safetensors"),
    "index-empty-name": illegal(""),
    "index-nul": illegal(B + "\0"),
    "index-backslash": illegal("..\\x.safetensors"),
    "index-shard-missing": shards({"a": A, "b": B}, {A: ["a"]}),
    "index-tensor-missing": shards({"a": A, "b": B}, {A: ["a"], B: ["c"]}),
    "index-tensor-elsewhere": shards({"a": A, "b": A}, {A: ["a"], B: ["b"]}),
    "index-tensor-swapped": shards({"a": B, "b": A}, TWO),
    "index-tensor-twice": shards({"a": A, "b": B}, {A: ["a", "b"], B: ["b"]}),
    "index-not-listed": shards({"a": A, "b": B}, {A: ["a"], B: ["b", "c"]}),
    "index-duplicate": shards('{"a": "%s", "a": "%s"}' % (A, B), TWO),
    "index-number": shards('{"a": 1}', TWO),
    "index-list": shards("[]", TWO),
    "index-null": shards("null", TWO),
    "index-deep": shards('{"a":' + "[" * 100000, TWO),
    "index-no-map": {"model.safetensors.index.json": b"{}"},
    "index-cut": {"model.safetensors.index.json": b'{"weight_map": {'},
    "folder-pickle": {"pytorch_model.bin": b"\x80\x02."},
    "folder-empty": {},
}


def main():
    case, out = sys.argv[1:]
    if case in FOLDERS:
        os.makedirs(out, exist_ok=True)
        for old in os.listdir(out):
            os.remove(os.path.join(out, old))
        for name, content in FOLDERS[case].items():
            with open(os.path.join(out, name), "wb") as file:
                file.write(content)
        return
    with open(out, "wb") as file:
        if case == "header-too-large":  # mostly a hole in the file
            file.write(struct.pack("<Q", 100_000_001))
            file.truncate(8 + 100_000_001)
        elif case in BULKY:
            file.write(BULKY[case](1 << 20))
        else:
            file.write(CASES[case])


if __name__ == "__main__":
    main()
