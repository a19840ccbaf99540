# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models run by the reference interpreter: slow, and what right means.

The model is imported and quantized as `compile_model` does it with the same
options, and its IR is evaluated operation by operation, sums in binary64.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiler import load_extension
from .errors import QuernError, check_unicode
from .runtime import as_tokens


class ReferenceModel:
    """A model folder, quantized and interpreted; the options are those of
    `compile_model`. Weights are held in f32."""

    def __init__(
        self,
        model: str | Path,
        format: str = "",
        rules: Sequence[tuple[str, str]] = (),
        compute: str = "f32",
        formats_file: str | Path | None = None,
        kv_cache: str = "f16",
        kv_rotate: bool = False,
        solver: str = "rtn",
        context: int = 0,
    ) -> None:
        for text in (model, format, kv_cache, formats_file, *itertools.chain(*rules)):
            check_unicode("the options", str(text))
        self._extension = load_extension()
        self._run = self._checked(
            self._extension.ReferenceRun.create,
            model_path=str(model),
            format=format,
            rules=list(rules),
            compute=compute,
            formats_file="" if formats_file is None else str(formats_file),
            kv_cache=kv_cache,
            kv_rotate=kv_rotate,
            solver=solver,
            context=context,
        )

    @property
    def vocabulary(self) -> int:
        return int(self._run.vocabulary)

    @property
    def position(self) -> int:
        """Tokens that the model has seen."""
        return int(self._run.length)

    def logits(
        self, tokens: Sequence[int] | NDArray[np.integer], rows: int = 1
    ) -> NDArray[np.float32]:
        """Logits [rows, vocabulary] of the last `rows` of `tokens`, which are
        everything the model has seen."""
        self.reset()
        return self.prefill(tokens, rows)

    def prefill(
        self, tokens: Sequence[int] | NDArray[np.integer], rows: int = 1
    ) -> NDArray[np.float32]:
        """Appends `tokens` and returns logits [rows, vocabulary] of the last `rows`."""
        ids = as_tokens(tokens, rows)
        return np.asarray(self._checked(self._run.extend, ids.tolist(), rows))

    def decode(self, token: int) -> NDArray[np.float32]:
        """Appends one token and returns its logits [vocabulary]."""
        logits: NDArray[np.float32] = self.prefill([token])[0]
        return logits

    def truncate(self, position: int) -> None:
        """Forgets all but the first `position` tokens."""
        self._checked(self._run.truncate, position)

    def reset(self) -> None:
        """Forgets all tokens."""
        self.truncate(0)

    def weight(self, name: str) -> NDArray[np.float32]:
        """A weight as the products read it: the numbers that its codes stand for."""
        return np.asarray(self._checked(self._run.weight, name))

    def _checked(self, function: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except self._extension.CompileError as error:
            raise QuernError(str(error)) from None
