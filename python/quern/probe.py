# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What this machine can do at most: a ctypes view of `MachineProbe.h`."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import quern

from .errors import QuernError

_LIBRARY = "libquern_probe.so"
_PEAKS = {
    "int8": "quern_probe_int8_dot",
    "bf16": "quern_probe_bf16_dot",
    "f32": "quern_probe_f32_fma",
}
# Larger than any cache, so that the read comes from memory.
_READ_BYTES = 1 << 30


@dataclass(frozen=True)
class MachineLimits:
    """Measured with as many threads as the model uses.

    read_bytes_per_second: memory bandwidth. operations_per_second:
    multiplications and additions, each counted, of the compute mode's type.
    """

    read_bytes_per_second: float
    operations_per_second: float


def measure(threads: int, compute: str) -> MachineLimits:
    """Measures this machine; compute: "int8", "bf16" or "f32"."""
    return MachineLimits(read_bandwidth(threads), peak(threads, compute))


def read_bandwidth(threads: int) -> float:
    """Bytes a second."""
    return _checked(_library().quern_probe_read_bandwidth(threads, _READ_BYTES), threads)


def peak(threads: int, compute: str) -> float:
    """Operations a second in a compute mode's type."""
    return _checked(getattr(_library(), _PEAKS[compute])(threads), threads)


def _checked(speed: float, threads: int) -> float:
    if speed <= 0:
        raise QuernError(f"measuring the machine with {threads} threads failed")
    return speed


def _library() -> Any:
    # An editable install has two folders: the sources and what was built.
    for folder in quern.__path__:
        path = Path(folder) / _LIBRARY
        if path.is_file():
            break
    else:
        raise QuernError(f"{_LIBRARY} is not installed; `pip install .` builds it")
    try:
        library = ctypes.CDLL(str(path))
        bandwidth = library.quern_probe_read_bandwidth
        peaks = [getattr(library, name) for name in _PEAKS.values()]
    except (OSError, AttributeError) as error:
        raise QuernError(f"{path}: cannot be loaded: {error}") from None
    bandwidth.argtypes = [ctypes.c_uint32, ctypes.c_size_t]
    bandwidth.restype = ctypes.c_double
    for peak in peaks:
        peak.argtypes = [ctypes.c_uint32]
        peak.restype = ctypes.c_double
    return library
