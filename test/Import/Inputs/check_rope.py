#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the rope of imported IR with its definition in binary64.

check_rope.py IR THETA [linear FACTOR | llama3 FACTOR LOW HIGH CONTEXT]
"""

import math
import re
import sys


def llama3(frequency, factor, low, high, context):
    """Long waves are stretched, short ones kept, those between blended."""
    wavelength = 2 * math.pi / frequency
    if wavelength < context / high:
        return frequency
    if wavelength > context / low:
        return frequency / factor
    smooth = (context / wavelength - low) / (high - low)
    return frequency * ((1 - smooth) / factor + smooth)


def main():
    path, theta, *scaling = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    width = int(re.search(r"head_dim = (\d+) : i64, heads", text)[1])
    expected = [float(theta) ** (-i / width) for i in range(0, width, 2)]
    if scaling[:1] == ["linear"]:
        expected = [f / float(scaling[1]) for f in expected]
    if scaling[:1] == ["llama3"]:
        numbers = [float(s) for s in scaling[1:]]
        kinds = {f: llama3(f, *numbers) / f for f in expected}
        # The test is worth something only if all three cases occur.
        assert 1 in kinds.values()
        assert any(abs(k * numbers[0] - 1) < 1e-9 for k in kinds.values())
        assert any(1.01 / numbers[0] < k < 0.99 for k in kinds.values())
        expected = [f * kinds[f] for f in expected]
    arrays = re.findall(r"inverse_frequencies = array<f32: ([^>]*)>", text)
    assert arrays, "no rope"
    for array in arrays:
        found = [float(number) for number in array.split(",")]
        assert len(found) == len(expected), (len(found), len(expected))
        for f, e in zip(found, expected, strict=True):
            assert abs(f - e) <= 5e-7 * e, (f, e)
    print("rope agrees", len(arrays))


if __name__ == "__main__":
    main()
