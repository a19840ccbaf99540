# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""codec-tool for tests: bytes of any format and layout to numbers and back."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("QUERN_BUILD", ROOT / "build"))
TOOL = BUILD / "test/tools/codec-tool"

needs_tool = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")


def run(mode, number_format, layout, rows, cols, data):
    command = [str(TOOL), mode, number_format, layout, str(rows), str(cols)]
    done = subprocess.run(command, input=bytes(data), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def decode(number_format, layout, rows, cols, data):
    result = run("decode", number_format, layout, rows, cols, data)
    return np.frombuffer(result, np.float32).reshape(rows, cols)


def encode(number_format, layout, values):
    rows, cols = values.shape
    data = np.ascontiguousarray(values, np.float32).tobytes()
    return np.frombuffer(run("encode", number_format, layout, rows, cols, data), np.uint8)


def assert_same_bits(actual, expected):
    """Equal bits, except that any NaN equals any other."""
    actual, expected = actual.ravel(), expected.astype(np.float32).ravel()
    assert actual.shape == expected.shape
    same = (actual.view(np.uint32) == expected.view(np.uint32)) | (
        np.isnan(actual) & np.isnan(expected)
    )
    wrong = np.flatnonzero(~same)
    assert wrong.size == 0, (wrong[:5], actual[wrong[:5]], expected[wrong[:5]])
