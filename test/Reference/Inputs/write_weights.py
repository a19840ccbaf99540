# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the weights of load.mlir, column-transforms.mlir and stored.mlir: the
bf16 tensors w [2, 2] and wide [2, 4], and codes and scales as bytes."""

import json
import struct
import sys

# All exact in bf16. By energy the columns of wide are 1, 2, 0, 3.
TENSORS = {
    "w": ([2, 2], [7.0, 3.25, -0.875, 0.0]),
    "wide": ([2, 4], [2.0, -8.0, 4.0, 1.0, -1.0, 6.0, 3.0, 0.5]),
}

BYTES = {
    "codes": bytes([0x81, 0xF7]),
    "scales": struct.pack("<2e", 0.5, 2.0),
    "wide_codes": bytes([0x81, 0xF7, 0x32, 0x54]),
    "wide_scales": bytes([1, 2, 3, 4]),
    "groups": struct.pack("<4i", 1, 0, 1, 0),
    "bad_groups": struct.pack("<4i", 1, 0, 1, 1),
    "infinite": struct.pack("<2e", 0.5, float("inf")),
}

data = b""
entries = {}
for name, (shape, values) in TENSORS.items():
    begin = len(data)
    data += b"".join(struct.pack("<f", value)[2:] for value in values)
    entries[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, len(data)]}
for name, values in BYTES.items():
    begin = len(data)
    data += values
    entries[name] = {"dtype": "U8", "shape": [len(values)], "data_offsets": [begin, len(data)]}
header = json.dumps(entries).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + data)
