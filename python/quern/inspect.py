# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is in a model: tensors, encodings, bits per weight, sizes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import artifact
from .errors import QuernError, Status

_MAX_HEADER_BYTES = 100_000_000
_DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "U16": 16, "I16": 16,
    "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """One weight: its logical shape, how it is encoded and its bytes.

    part_of: the weight whose column transforms need this tensor, else "".
    """

    name: str
    shape: list[int]
    encoding: str
    layout: str
    bytes: int
    bits_per_weight: float
    part_of: str = ""


@dataclass(frozen=True)
class Inspection:
    """What `quern inspect --json` prints.

    kind: "artifact", "model" (a Hugging Face folder), "gguf" or "safetensors".
    facts: what the folder says about itself.
    """

    path: str
    kind: str
    facts: dict[str, Any]
    tensors: list[Tensor]
    weight_bytes: int
    bits_per_weight: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def inspect(path: str | Path) -> Inspection:
    """Reads the headers of an artifact, a model folder, a GGUF or a safetensors file."""
    path = Path(path)
    if path.is_file() and path.suffix == ".gguf":
        return _inspect_gguf(path)
    if path.is_file():
        return _summarize(path, "safetensors", {}, read_header(path))
    if not path.is_dir():
        raise QuernError(f"{path}: there is no such file or folder", Status.FILE)
    if artifact.is_artifact(path):
        return _inspect_artifact(path)
    return _inspect_model(path)


def _inspect_gguf(path: Path) -> Inspection:
    from .compiler import describe_weights

    described = describe_weights(path)
    tensors = []
    for entry in described["tensors"]:
        count = math.prod(entry["shape"])
        bits = 8 * entry["bytes"] / count if count else 0.0
        tensors.append(
            Tensor(entry["name"], entry["shape"], entry["type"], "", entry["bytes"], bits)
        )
    return _summarize(path, "gguf", described["facts"], tensors)


def read_header(path: Path) -> list[Tensor]:
    """The tensors that the header of a safetensors file lists."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _MAX_HEADER_BYTES):
                raise QuernError(
                    f"{path}: expects a header of at most {max(0, size - 8)} bytes, but its "
                    f"length says {length}: not a safetensors file, or cut short",
                    Status.FILE,
                )
            text = file.read(length)
        header = json.loads(text)
    except OSError as error:
        raise QuernError(f"{path}: cannot be read: {error.strerror}", Status.FILE) from None
    except (ValueError, RecursionError) as error:
        raise QuernError(f"{path}: its header is not valid JSON: {error}", Status.FILE) from None
    if not isinstance(header, dict):
        raise QuernError(f"{path}: expects its header to be a JSON object", Status.FILE)
    header.pop("__metadata__", None)
    data_bytes = size - 8 - length
    return [_tensor(path, name, entry, data_bytes) for name, entry in header.items()]


def _tensor(path: Path, name: str, entry: Any, data_bytes: int) -> Tensor:
    try:
        dtype, shape = entry["dtype"], entry["shape"]
        begin, end = entry["data_offsets"]
        numbers = [*shape, begin, end]
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("sizes and offsets must be whole numbers of at least 0")
        if not begin <= end <= data_bytes:
            raise ValueError(f"bytes {begin} to {end} do not lie in {data_bytes} bytes of data")
        if math.prod(shape) * _DTYPE_BITS[dtype] != 8 * (end - begin):
            raise ValueError(f"{end - begin} bytes do not hold {shape} of {dtype}")
    except KeyError as error:
        raise QuernError(
            f"{path}: tensor '{name}': unknown or missing {error}", Status.FILE
        ) from None
    except (TypeError, ValueError) as error:
        raise QuernError(f"{path}: tensor '{name}': {error}", Status.FILE) from None
    return Tensor(name, shape, dtype, "", end - begin, float(_DTYPE_BITS[dtype]))


def _inspect_model(folder: Path) -> Inspection:
    if not (folder / "config.json").is_file():
        raise QuernError(
            f"{folder}: expects a model folder with config.json or an artifact with "
            f"{artifact.MANIFEST}, but has neither",
            Status.FILE,
        )
    config = artifact.read_json(folder / "config.json")
    keys = (
        "model_type", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
        "max_position_embeddings", "tie_word_embeddings",
    )  # fmt: skip
    facts = {key: config[key] for key in keys if key in config}
    tensors = [tensor for file in _weight_files(folder) for tensor in read_header(file)]
    return _summarize(folder, "model", facts, tensors)


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return [folder / "model.safetensors"]
    shards = artifact.read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(s, str) for s in shards.values()):
        raise QuernError(f"{index}: expects 'weight_map' to map names to files", Status.FILE)
    for shard in shards.values():
        if Path(shard).name != shard:
            raise QuernError(
                f"{index}: expects files of this folder, but got '{shard}'", Status.FILE
            )
    return [folder / shard for shard in sorted(set(shards.values()))]


def _inspect_artifact(folder: Path) -> Inspection:
    manifest = artifact.read_manifest(folder)
    tensors = []
    for entry in manifest["tensors"]:
        try:
            tensors.append(
                Tensor(
                    str(entry["name"]),
                    [int(size) for size in entry["shape"]],
                    str(entry.get("format_name") or entry["format"]),
                    str(entry.get("layout") or ""),
                    int(entry["bytes"]),
                    float(entry["bits_per_weight"]),
                    str(entry.get("part_of", "")),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise QuernError(
                f"{folder / artifact.MANIFEST}: an entry of 'tensors' is damaged: {error}",
                Status.FILE,
            ) from None
    described = ("quern", "build_id", "architecture", "compute", "isas", "model")
    keys = (*described, "kv_cache", "kv_rotate", "kv_bytes_per_token")
    facts = {key: manifest[key] for key in keys if key in manifest}
    return _summarize(folder, "artifact", facts, tensors)


def _summarize(path: Path, kind: str, facts: dict[str, Any], tensors: list[Tensor]) -> Inspection:
    weights = sum(math.prod(tensor.shape) for tensor in tensors if not tensor.part_of)
    size = sum(tensor.bytes for tensor in tensors)
    bits = 8 * size / weights if weights else 0.0
    return Inspection(str(path), kind, facts, tensors, size, bits)


def format_inspection(inspection: Inspection) -> str:
    """The table that `quern inspect` prints."""
    lines = [f"{inspection.path}: {inspection.kind}"]
    for key, value in inspection.facts.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        lines.append(f"  {key}: {shown}")
    rows = [("tensor", "shape", "encoding", "bits/weight", "bytes")]
    for tensor in inspection.tensors:
        shape = " x ".join(str(size) for size in tensor.shape)
        bits = f"{tensor.bits_per_weight:.3f}"
        rows.append((tensor.name, shape, tensor.encoding, bits, f"{tensor.bytes:,}"))
    total = f"{len(inspection.tensors)} tensors"
    bits = f"{inspection.bits_per_weight:.3f}"
    rows.append((total, "", "", bits, f"{inspection.weight_bytes:,}"))
    return "\n".join([*lines, format_table(rows, right_aligned={3, 4})])


def format_table(rows: Sequence[Sequence[str]], right_aligned: set[int]) -> str:
    """Rows of equal length as aligned text; the first row is the head."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if place in right_aligned else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)
