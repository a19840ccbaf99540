# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `quern inspect` reads, and what it refuses."""

import json

import pytest
import quern
from quern.inspect import format_inspection


def write(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype="F32", shape=(2, 3), offsets=(0, 24)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_a_file(tmp_path):
    header = {
        "a": entry(),
        "b": entry("BF16", (2,), (24, 28)),
        "__metadata__": {"format": "pt"},
    }
    found = quern.inspect(write(tmp_path / "x.safetensors", header, bytes(28)))
    assert [(t.name, t.shape, t.encoding, t.bytes) for t in found.tensors] == [
        ("a", [2, 3], "F32", 24),
        ("b", [2], "BF16", 4),
    ]
    assert (found.kind, found.weight_bytes, found.bits_per_weight) == (
        "safetensors",
        28,
        28.0,
    )


def test_a_model(tiny_model):
    found = quern.inspect(tiny_model)
    assert (found.kind, found.bits_per_weight) == ("model", 16.0)
    assert found.facts["hidden_size"] == 96
    assert found.weight_bytes == sum(tensor.bytes for tensor in found.tensors)
    row = ["model.norm.weight", "96", "BF16", "16.000", "192"]
    table = format_inspection(found).splitlines()
    assert any(line.split() == row for line in table)


def test_an_artifact(fake):
    found = quern.inspect(fake)
    (tensor,) = found.tensors
    assert (found.kind, tensor.encoding, tensor.layout) == ("artifact", "q4_0", "panel")
    assert found.bits_per_weight == 4.5
    assert json.loads(json.dumps(found.as_dict()))["tensors"][0]["shape"] == [320, 64]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{", "its header is not valid JSON"),
        (b"[]", "expects its header to be a JSON object"),
        (
            {"a": entry(offsets=(0, 25))},
            "tensor 'a': bytes 0 to 25 do not lie in 24 bytes",
        ),
        ({"a": entry(offsets=(8, 0))}, "tensor 'a': bytes 8 to 0 do not lie in 24"),
        ({"a": entry(shape=(2, 4))}, "tensor 'a': 24 bytes do not hold"),
        ({"a": entry(shape=(2, -3))}, "sizes and offsets must be whole numbers"),
        ({"a": entry(shape=(2, 3.0))}, "sizes and offsets must be whole numbers"),
        ({"a": entry("F99")}, "tensor 'a': unknown or missing 'F99'"),
        ({"a": {"dtype": "F32"}}, "tensor 'a': unknown or missing 'shape'"),
        ({"a": 1}, "tensor 'a': "),
    ],
)
def test_damaged_headers(tmp_path, header, message):
    path = write(tmp_path / "x.safetensors", header, bytes(24))
    with pytest.raises(quern.QuernError, match=message):
        quern.inspect(path)


@pytest.mark.parametrize("content", [b"", b"\1", b"\xff" * 8, (1000).to_bytes(8, "little") + b"{}"])
def test_lying_lengths(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(quern.QuernError, match="not a safetensors file, or cut short"):
        quern.inspect(tmp_path / "x.safetensors")


def test_shards_outside_the_folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    index = {"weight_map": {"a": "../secret.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(quern.QuernError, match="expects files of this folder"):
        quern.inspect(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(quern.QuernError, match="expects a model folder"):
        quern.inspect(tmp_path)
    with pytest.raises(quern.QuernError, match="there is no such file or folder"):
        quern.inspect(tmp_path / "absent")
