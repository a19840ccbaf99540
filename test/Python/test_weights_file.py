# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""weights.safetensors as others see it: the official reader and XXH3."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xxhash

safetensors = pytest.importorskip("safetensors")

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("QUERN_BUILD", ROOT / "build"))
WRITER = BUILD / "test" / "unit" / "QuernWriteWeights"

pytestmark = pytest.mark.skipif(
    not WRITER.exists(), reason=f"{WRITER.name} is not built (ninja quern-unittests)"
)

SIZES = {
    "model.norm.weight": 300,
    "empty": 0,
    "line": 64,
    "größe": 65,
    "large": (1 << 20) + 1,
    "last": 7,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(path, the lines that the writer printed, split)"""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    arguments = [f"{name}={size}" for name, size in SIZES.items()]
    done = subprocess.run(
        [str(WRITER), str(path), *arguments], check=True, text=True, capture_output=True
    )
    return path, [line.split() for line in done.stdout.splitlines()]


def expected_bytes(index: int, size: int) -> np.ndarray:
    return ((np.arange(size) + 7 * index) % 251).astype(np.uint8)


def test_official_reader_gives_the_bytes(written):
    path, _ = written
    with safetensors.safe_open(path, framework="numpy") as file:
        stored = set(file.keys())
        pads = {name for name in stored if name.startswith("__pad.")}
        assert stored - pads == set(SIZES)
        for index, (name, size) in enumerate(SIZES.items()):
            np.testing.assert_array_equal(file.get_tensor(name), expected_bytes(index, size))
        for name in pads:
            assert not file.get_tensor(name).any()


def test_metadata_describes_each_tensor(written):
    path, _ = written
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    assert metadata["format"] == "quern"
    assert metadata["format_version"] == "1"
    descriptors = json.loads(metadata["descriptors"])
    assert descriptors == {name: {"index": i} for i, name in enumerate(SIZES)}


def test_record_is_what_the_file_holds(written):
    path, (head, *tensors) = written
    content = path.read_bytes()
    data_offset, file_bytes = int(head[0]), int(head[1])
    assert data_offset % 4096 == 0
    assert data_offset == 8 + int.from_bytes(content[:8], "little")
    assert file_bytes == len(content)
    assert head[2] == xxhash.xxh3_64_hexdigest(content[:data_offset])
    for (offset, digest), (name, size) in zip(tensors, SIZES.items(), strict=True):
        begin = data_offset + int(offset)
        assert begin % (4096 if size > 1 << 20 else 64) == 0, name
        assert digest == xxhash.xxh3_64_hexdigest(content[begin : begin + size]), name
