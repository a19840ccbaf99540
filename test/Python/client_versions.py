# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which versions of other people's programs the tests run."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import re
import subprocess
from pathlib import Path

from support import CLIENTS

_LIST = """
import importlib.metadata, json
names = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
print(json.dumps(names))
"""


@functools.cache
def _packages() -> dict[str, str]:
    """Of the environment that `make clients` makes."""
    if not CLIENTS.is_file():
        return {}
    done = subprocess.run([CLIENTS, "-c", _LIST], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def _llama_cpp() -> str:
    folder = os.environ.get("QUERN_LLAMA_CPP")
    if not folder:
        return ""
    text = (Path(folder) / "CMakeLists.txt").read_text(encoding="utf-8")
    parts = [
        re.search(rf"set\(LLAMA_VERSION_{part}\s+(\d+)\)", text)
        for part in ("MAJOR", "MINOR", "PATCH")
    ]
    return ".".join(part[1] for part in parts if part) or "of QUERN_LLAMA_CPP"


def client_version(name: str) -> str:
    """The version that is installed; "" if none is."""
    if name == "llama.cpp":
        return _llama_cpp()
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return _packages().get(name.lower(), "")
