# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The files of an artifact folder, checked before any of them is used.

A `model.so` that was cut short may kill the process when its pages are touched,
so that sizes and the hash of the library are compared with the manifest first.
The weights are checked by the runtime.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import xxhash

from .errors import QuernError, Status

MANIFEST = "manifest.json"
LIBRARY = "model.so"
WEIGHTS = "weights.safetensors"
FORMAT_VERSION = 1

_MAX_MANIFEST_BYTES = 100_000_000


def is_artifact(path: str | Path) -> bool:
    """Whether `path` looks like a folder that `quern compile` wrote."""
    return (Path(path) / MANIFEST).is_file()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise QuernError(
                f"{path}: expects at most {_MAX_MANIFEST_BYTES} bytes, but got "
                f"{path.stat().st_size}",
                Status.FILE,
            )
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise QuernError(
            f"{path}: cannot be read: {error.strerror}", Status.FILE
        ) from None
    except (ValueError, RecursionError) as error:
        raise QuernError(f"{path}: is not valid JSON: {error}", Status.FILE) from None
    if not isinstance(value, dict):
        raise QuernError(
            f"{path}: expects a JSON object, but got {type(value).__name__}",
            Status.FILE,
        )
    return value


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of an artifact, its version and shape checked."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise QuernError(
            f"{folder}: expects a folder written by quern compile", Status.FILE
        )
    if not path.exists():
        raise QuernError(
            f"{folder}: expects a folder written by quern compile, but it has no {MANIFEST}",
            Status.FILE,
        )
    manifest = read_json(path)
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise QuernError(
            f"{path}: expects format_version {FORMAT_VERSION}, but got {version!r}; compile "
            "the model again with this version of quern",
            Status.FILE,
        )
    for key, kind in (("model", dict), ("files", dict), ("tensors", list)):
        if not isinstance(manifest.get(key), kind):
            raise QuernError(
                f"{path}: expects '{key}' to be a JSON "
                f"{'object' if kind is dict else 'array'}, but got {manifest.get(key)!r}",
                Status.FILE,
            )
    return manifest


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Compares the files' sizes, and the library's hash, with the manifest."""
    for name in (LIBRARY, WEIGHTS):
        entry = manifest["files"].get(name)
        if not isinstance(entry, dict) or not isinstance(entry.get("bytes"), int):
            raise QuernError(
                f"{folder / MANIFEST}: expects the size of {name} in 'files', but got {entry!r}",
                Status.FILE,
            )
        path = folder / name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise QuernError(
                f"{path}: cannot be read: {error.strerror}", Status.FILE
            ) from None
        if size != entry["bytes"]:
            raise QuernError(
                f"{path}: expects {entry['bytes']} bytes as {MANIFEST} says, but got {size}; "
                "the file is damaged or of another build",
                Status.FILE,
            )
    expected = manifest["files"][LIBRARY].get("xxh3")
    found = hash_file(folder / LIBRARY)
    if expected != found:
        raise QuernError(
            f"{folder / LIBRARY}: expects hash {expected} as {MANIFEST} says, but got {found}; "
            "the file is damaged or of another build",
            Status.FILE,
        )


def hash_file(path: Path) -> str:
    """XXH3_64bits of a file as 16 hexadecimal digits."""
    digest = xxhash.xxh3_64()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise QuernError(
            f"{path}: cannot be read: {error.strerror}", Status.FILE
        ) from None
    return digest.hexdigest()
