# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The structs of `quern_rt.h` for ctypes."""

from __future__ import annotations

import ctypes
from typing import Any

ABI_MAJOR = 1


class LoadOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("threads", ctypes.c_uint32),
        ("isa", ctypes.c_char_p),
        ("verify", ctypes.c_uint32),
    ]


class SessionLimits(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("capacity", ctypes.c_uint32)]


def _function(result: Any, *parameters: Any) -> Any:
    return ctypes.CFUNCTYPE(result, *parameters)


class KernelTime(ctypes.Structure):
    _fields_ = [("busy_ns", ctypes.c_uint64), ("wait_ns", ctypes.c_uint64)]


class ProfileTimes(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("wall_ns", ctypes.c_uint64),
        ("kernels", ctypes.c_uint64),
        ("workers", ctypes.c_uint32),
        ("times", ctypes.POINTER(KernelTime)),
    ]


_Object = ctypes.c_void_p
_ObjectOut = ctypes.POINTER(ctypes.c_void_p)
Tokens = ctypes.POINTER(ctypes.c_int32)
Logits = ctypes.POINTER(ctypes.c_float)

# Name and type of each entry of the table, in the order of `quern_api`.
_ENTRIES: list[tuple[str, Any]] = [
    (
        "load",
        _function(
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.POINTER(LoadOptions),
            _ObjectOut,
            ctypes.c_char_p,
            ctypes.c_size_t,
        ),
    ),
    ("unload", _function(None, _Object)),
    ("describe", _function(ctypes.c_char_p, _Object)),
    (
        "session_create",
        _function(ctypes.c_int, _Object, ctypes.POINTER(SessionLimits), _ObjectOut),
    ),
    ("session_destroy", _function(None, _Object)),
    (
        "prefill",
        _function(ctypes.c_int, _Object, Tokens, ctypes.c_size_t, Logits, ctypes.c_size_t),
    ),
    # Called once a token: an address costs less than a pointer object.
    ("decode", _function(ctypes.c_int, _Object, ctypes.c_int32, ctypes.c_void_p)),
    ("session_position", _function(ctypes.c_size_t, _Object)),
    ("session_reset", _function(ctypes.c_int, _Object)),
    ("session_truncate", _function(ctypes.c_int, _Object, ctypes.c_size_t)),
    ("session_fork", _function(ctypes.c_int, _Object, _ObjectOut)),
    ("set_threads", _function(ctypes.c_int, _Object, ctypes.c_uint32)),
    ("cancel", _function(None, _Object)),
    ("model_error", _function(ctypes.c_char_p, _Object)),
    ("session_error", _function(ctypes.c_char_p, _Object)),
    ("verify", _function(ctypes.c_int, _Object)),
    ("kernels", _function(ctypes.c_char_p, _Object)),
    ("set_profiling", _function(ctypes.c_int, _Object, ctypes.c_uint32)),
    ("read_profile", _function(ctypes.c_int, _Object, ctypes.POINTER(ProfileTimes))),
]


class Api(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("abi_major", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        *_ENTRIES,
    ]


# Of the table of the first version: what came later, a model may lack.
LEAST_BYTES = Api.kernels.offset
