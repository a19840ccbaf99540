# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled models: a ctypes view of the C interface in `quern_rt.h`.

Inference needs no compiled extension: `model.so` of the artifact is loaded
directly, and every call releases the interpreter lock.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import abi, artifact
from .errors import QuernError, Status

_ERROR_BYTES = 4096
_MAX_TOKEN = 2**31 - 1


# e_machine of the files that the compiler writes (System V ABI).
_ELF_MACHINES = {62: "x86_64", 183: "aarch64"}


def _check_machine(path: Path) -> None:
    """Says so if a library is for another processor; dlopen says less."""
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError:
        return  # dlopen's message tells why
    code = int.from_bytes(header[18:20], "little")
    machine = _ELF_MACHINES.get(code) if header[:4] == b"\x7fELF" else None
    if machine and machine != platform.machine():
        raise QuernError(
            f"{path}: expects a processor of {machine}, but this machine is "
            f"{platform.machine()}; compile the model for it (quern compile --target)",
            Status.CPU_FEATURES,
        )


# The files (device and inode) that stood at a library's path whenever it was
# opened. Libraries stay mapped, so their inodes are not used again.
_opened: dict[Path, list[tuple[int, int]]] = {}


def _spelling(path: Path) -> str:
    """A name of `path` by which dlopen takes the file that is there now.

    By a name that it knows, dlopen gives what it once found there, even if the
    model has been compiled again since.
    """
    path = path.resolve()
    status = path.stat()
    file = (status.st_dev, status.st_ino)
    known = _opened.setdefault(path, [])
    if file not in known:
        known.append(file)
    return f"{path.parent}/{'./' * known.index(file)}{path.name}"


def _open_library(path: Path) -> Any:
    """The table of functions of a `model.so`."""
    _check_machine(path)
    try:
        library = ctypes.CDLL(_spelling(path))
        get_api = library.quern_get_api
    except OSError as error:
        raise QuernError(f"{path}: cannot be loaded: {error}", Status.FILE) from None
    except AttributeError:
        raise QuernError(
            f"{path}: is not a compiled model: it does not export quern_get_api", Status.FILE
        ) from None
    get_api.argtypes = [ctypes.c_uint32]
    get_api.restype = ctypes.POINTER(abi.Api)
    table = get_api(abi.ABI_MAJOR)
    if not table:
        raise QuernError(
            f"{path}: expects a model of interface version {abi.ABI_MAJOR}, which this file does "
            "not speak; compile the model again with this version of quern",
            Status.FILE,
        )
    api = table.contents
    if api.size < abi.LEAST_BYTES:
        raise QuernError(
            f"{path}: expects an interface table of at least {abi.LEAST_BYTES} bytes, but "
            f"got {api.size}; compile the model again with this version of quern",
            Status.FILE,
        )
    return api


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", errors="replace")


def _check(code: int, text: str, action: str) -> None:
    if code == Status.OK:
        return
    try:
        status = Status(code)
    except ValueError:
        raise QuernError(f"{action} failed with the unknown status {code}: {text}") from None
    detail = text or status.name.lower().replace("_", " ")
    raise QuernError(f"{action} failed: {detail}", status)


@dataclass(frozen=True)
class RunTimes:
    """What the workers did in one run, in seconds, by the monotonic clock.

    wall_seconds: of the run; each worker's times add up to it. busy, wait:
    [workers, kernels], in a kernel, and after it until the worker's next one or
    the end. start_wait: [workers], before the first kernel.
    """

    wall_seconds: float
    busy: NDArray[np.float64]
    wait: NDArray[np.float64]
    start_wait: NDArray[np.float64]


class Model:
    """A compiled model, loaded and ready to create sessions.

    artifact_path: the folder that `quern compile` wrote.
    threads: worker threads; 0 takes as many as affinity and cgroup quota allow.
    isa: an instruction set of the artifact by name ("avx512", "avx2"); None
        takes the best that this CPU has.
    verify: check the hash of every weight before returning.
    """

    def __init__(
        self,
        artifact_path: str | Path,
        threads: int = 0,
        isa: str | None = None,
        verify: bool = False,
    ) -> None:
        self._handle: int | None = None
        if not 0 <= threads < 2**32:
            raise QuernError(f"threads: expects a number from 0 to {2**32 - 1}, but got {threads}")
        self.path = Path(artifact_path)
        self.manifest = artifact.read_manifest(self.path)
        artifact.check_files(self.path, self.manifest)
        self._api = _open_library(self.path / artifact.LIBRARY)
        options = abi.LoadOptions(
            size=ctypes.sizeof(abi.LoadOptions),
            threads=threads,
            isa=None if isa is None else os.fsencode(isa),
            verify=int(verify),
        )
        handle = ctypes.c_void_p()
        error = ctypes.create_string_buffer(_ERROR_BYTES)
        code = self._api.load(
            os.fsencode(self.path / artifact.WEIGHTS),
            ctypes.byref(options),
            ctypes.byref(handle),
            error,
            _ERROR_BYTES,
        )
        _check(code, _text(error.value), f"loading {self.path}")
        self._handle = handle.value
        self._decode = self._api.decode  # looking it up makes an object each time
        try:
            self.vocabulary = int(self._model_fact("vocabulary"))
            self.max_context = int(self._model_fact("context"))
        except QuernError:
            self.close()
            raise

    def describe(self) -> dict[str, Any]:
        """What the runtime says about the model: architecture, dimensions,
        formats, instruction sets, the one in use, threads, build id."""
        text = _text(self._api.describe(self._live()))
        try:
            description = json.loads(text)
        except json.JSONDecodeError as error:
            raise QuernError(f"{self.path}: the model describes itself badly: {error}") from None
        if not isinstance(description, dict):
            raise QuernError(f"{self.path}: the model describes itself badly: not a JSON object")
        return description

    def _model_fact(self, name: str) -> Any:
        value = self.manifest["model"].get(name)
        if not isinstance(value, int) or value <= 0:
            raise QuernError(
                f"{self.path / artifact.MANIFEST}: expects model.{name} to be a positive "
                f"number, but got {value!r}"
            )
        return value

    @property
    def isa(self) -> str:
        """The instruction set in use."""
        return str(self.describe().get("isa", ""))

    @property
    def threads(self) -> int:
        """Worker threads in use."""
        return int(self.describe().get("threads", 0))

    def set_threads(self, threads: int) -> None:
        code = self._api.set_threads(self._live(), threads)
        _check(code, self._error(), f"setting {threads} threads")

    def kernels(self) -> dict[str, Any]:
        """What runs for a chunk of tokens, in order: isa, max_chunk, kernels."""
        self._check_profiles()
        kernels: dict[str, Any] = json.loads(_text(self._api.kernels(self._live())))
        return kernels

    def _check_profiles(self) -> None:
        if self._api.size < ctypes.sizeof(abi.Api):
            raise QuernError(
                f"{self.path}: was compiled by a version of quern without profiles; compile "
                "the model again",
                Status.FILE,
            )

    @contextmanager
    def profiling(self) -> Iterator[Callable[[], RunTimes]]:
        """Times every run; gives a function that returns the times of the last."""
        self._check_profiles()
        _check(self._api.set_profiling(self._live(), 1), self._error(), "profiling")
        try:
            yield self._read_profile
        finally:
            self._api.set_profiling(self._live(), 0)

    def _read_profile(self) -> RunTimes:
        profile = abi.ProfileTimes(size=ctypes.sizeof(abi.ProfileTimes))
        code = self._api.read_profile(self._live(), ctypes.byref(profile))
        _check(code, self._error(), "reading the profile")
        count = profile.workers * (1 + profile.kernels)
        pairs = ctypes.cast(profile.times, ctypes.POINTER(ctypes.c_uint64))
        times = np.ctypeslib.as_array(pairs, (count * 2,)).reshape(profile.workers, -1, 2) * 1e-9
        return RunTimes(profile.wall_ns * 1e-9, times[:, 1:, 0], times[:, 1:, 1], times[:, 0, 1])

    def verify(self) -> None:
        """Checks the hash of every weight."""
        _check(self._api.verify(self._live()), self._error(), f"verifying {self.path}")

    def session(self, capacity: int = 0) -> Session:
        """An empty session of `capacity` tokens (0: the artifact's maximum)."""
        return Session(self, capacity)

    def close(self) -> None:
        """Lets go of the model; its open sessions go on."""
        if self._handle is not None:
            self._api.unload(self._handle)
            self._handle = None

    def _live(self) -> int:
        if self._handle is None:
            raise QuernError(f"{self.path}: the model has been closed")
        return self._handle

    def _error(self) -> str:
        return _text(self._api.model_error(self._live()))

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self.close()


class Session:
    """One sequence of tokens with its own KV cache.

    A session may be used by one thread at a time; `cancel` may come from any.
    """

    def __init__(self, model: Model, capacity: int = 0) -> None:
        self._handle: int | None = None
        self.model = model
        if not 0 <= capacity < 2**32:
            raise QuernError(
                f"capacity: expects a number from 0 to {2**32 - 1}, but got {capacity}"
            )
        limits = abi.SessionLimits(size=ctypes.sizeof(abi.SessionLimits), capacity=capacity)
        handle = ctypes.c_void_p()
        code = model._api.session_create(model._live(), ctypes.byref(limits), ctypes.byref(handle))
        _check(code, model._error(), "creating a session")
        self._adopt(handle.value)

    def _adopt(self, handle: int | None) -> None:
        self._handle = handle
        # Closing while another thread cancels would free what it looks at.
        self._closing = threading.Lock()

    @property
    def position(self) -> int:
        """Tokens that the session holds."""
        return int(self.model._api.session_position(self._live()))

    def prefill(
        self,
        tokens: Sequence[int] | NDArray[np.integer],
        rows: int = 1,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Appends `tokens` and returns logits [rows, vocabulary] of the last `rows`.

        out: an array of that shape to write them to; else a new one is made."""
        ids = as_tokens(tokens, rows)
        shape = (rows, self.model.vocabulary)
        logits = np.empty(shape, np.float32) if out is None else out
        if logits.shape != shape or logits.dtype != np.float32 or not logits.flags.carray:
            raise QuernError(
                f"out: expects a contiguous array of float32, {list(shape)}, but got "
                f"{logits.dtype}, {list(logits.shape)}"
            )
        code = self.model._api.prefill(
            self._live(),
            ids.ctypes.data_as(abi.Tokens),
            len(ids),
            logits.ctypes.data_as(abi.Logits),
            rows,
        )
        _check(code, self._error(), f"running {len(ids)} tokens")
        return logits

    def decode(self, token: int) -> NDArray[np.float32]:
        """Appends one token and returns its logits [vocabulary]."""
        # A token of a small model takes some 20 microseconds, as much as general
        # checks of one number.
        if type(token) is not int or not 0 <= token <= _MAX_TOKEN:
            token = int(as_tokens([token])[0])
        model = self.model
        logits = np.empty(model.vocabulary, np.float32)
        code = model._decode(self._live(), token, logits.ctypes.data)
        if code != Status.OK:
            _check(code, self._error(), "running a token")
        return logits

    def truncate(self, position: int) -> None:
        """Forgets all but the first `position` tokens."""
        if position < 0:
            raise QuernError(f"position: expects a number of at least 0, but got {position}")
        code = self.model._api.session_truncate(self._live(), position)
        _check(code, self._error(), f"truncating to {position} tokens")

    def reset(self) -> None:
        """Forgets all tokens."""
        _check(self.model._api.session_reset(self._live()), self._error(), "resetting")

    def fork(self) -> Session:
        """An independent copy, its KV cache included."""
        handle = ctypes.c_void_p()
        code = self.model._api.session_fork(self._live(), ctypes.byref(handle))
        _check(code, self._error(), "copying a session")
        copy = Session.__new__(Session)
        copy.model = self.model
        copy._adopt(handle.value)
        return copy

    def cancel(self) -> None:
        """Ends the run in progress with a `QuernError` of status CANCELLED."""
        with self._closing:
            if self._handle is not None:
                self.model._api.cancel(self._handle)

    def close(self) -> None:
        if self._handle is None:
            return
        with self._closing:
            self.model._api.session_destroy(self._handle)
            self._handle = None

    def _live(self) -> int:
        if self._handle is None:
            raise QuernError("the session has been closed")
        return self._handle

    def _error(self) -> str:
        return _text(self.model._api.session_error(self._live()))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self.close()


def as_tokens(tokens: Sequence[int] | NDArray[np.integer], rows: int = 0) -> NDArray[np.int32]:
    """Token ids as the runtime takes them; it checks them against the vocabulary.
    Of the last `rows` of them somebody wants logits."""
    ids = np.asarray(tokens)
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise QuernError(
            f"tokens: expects one dimension of integers, but got shape {list(ids.shape)} of "
            f"{ids.dtype}"
        )
    outside = ids[(ids < 0) | (ids > _MAX_TOKEN)] if ids.size else ids
    if outside.size:
        raise QuernError(f"tokens: expects ids that fit 31 bits, but got {outside[0]}")
    if not 0 <= rows <= len(ids):
        raise QuernError(f"rows: expects a number from 0 to {len(ids)}, but got {rows}")
    return np.ascontiguousarray(ids, dtype=np.int32)
