# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the weights of load.mlir: one bf16 tensor w [2, 2]."""

import json
import struct
import sys

VALUES = [7.0, 3.25, -0.875, 0.0]  # all exact in bf16

data = b"".join(struct.pack("<f", value)[2:] for value in VALUES)
header = json.dumps(
    {"w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, len(data)]}}
).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + data)
