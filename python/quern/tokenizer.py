# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Text to tokens and back, through Hugging Face `tokenizers`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from .artifact import MANIFEST, read_json
from .errors import QuernError, check_unicode

# What a decoder puts where bytes do not (yet) make a character.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# More of these at the end of a text are not the bytes of an unfinished
# character, even where the decoder gives up a whole run of bytes for one.
_MAX_KEPT = 32


class Tokenizer:
    """The tokenizer of a model folder or artifact.

    `adds_bos` says whether each sequence begins with `bos_id`. An explicit
    `add_bos_token` in tokenizer_config.json decides; otherwise it is so if the
    post-processor of tokenizer.json puts a token before an empty text.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise QuernError(
                f"{folder}: expects a tokenizer.json in this folder, but has none"
            )
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises Exception itself
            raise QuernError(f"{path}: is not a tokenizer: {error}") from None
        # Truncation and padding belong to training; here each token counts.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        config_path = folder / "tokenizer_config.json"
        config = read_json(config_path) if config_path.is_file() else {}
        self.bos_id = self._special(config, "bos_token", config_path)
        self.eos_id = self._special(config, "eos_token", config_path)
        self.adds_bos = self._decide_bos(config, config_path)
        self.stop_ids = self._stop_ids(folder)

    @property
    def size(self) -> int:
        """Ids lie in [0, size)."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, text: str) -> NDArray[np.int32]:
        """The ids of `text`, without BOS."""
        if not text.isascii():
            check_unicode("the text", text)
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return np.asarray(ids, dtype=np.int32)

    def encode_prompt(self, text: str) -> NDArray[np.int32]:
        """The ids of `text` as a model wants a sequence to begin."""
        ids = self.encode(text)
        if not self.adds_bos:
            return ids
        return np.concatenate([np.asarray([self.bos_id], np.int32), ids])

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of `ids`, special tokens left out."""
        return str(
            self._tokenizer.decode([int(i) for i in ids], skip_special_tokens=True)
        )

    def _special(self, config: dict[str, Any], key: str, path: Path) -> int | None:
        value = config.get(key)
        # Some files hold the whole description of the added token.
        content = value.get("content") if isinstance(value, dict) else value
        if content is None:
            return None
        token = (
            self._tokenizer.token_to_id(content) if isinstance(content, str) else None
        )
        if token is None:
            raise QuernError(
                f"{path}: expects {key} to be in the vocabulary, but got {content!r}"
            )
        return int(token)

    def _decide_bos(self, config: dict[str, Any], path: Path) -> bool:
        prefix = self._tokenizer.encode("", add_special_tokens=True).ids
        if self.bos_id is None and prefix and not config:
            self.bos_id = int(prefix[0])
        explicit = config.get("add_bos_token")
        if explicit is None:
            return self.bos_id is not None and self.bos_id in prefix[:1]
        if explicit and self.bos_id is None:
            raise QuernError(
                f"{path}: expects a bos_token, as add_bos_token is set, but has none"
            )
        return bool(explicit)

    def _stop_ids(self, folder: Path) -> frozenset[int]:
        """Tokens that end a text: EOS, and what the model's folder adds to it."""
        ids = set() if self.eos_id is None else {self.eos_id}
        for name in ("generation_config.json", "config.json", MANIFEST):
            path = folder / name
            if not path.is_file():
                continue
            facts = read_json(path)
            if name == MANIFEST:
                facts = facts.get("tokenizer") or {}
            value = facts.get("eos_token_id")
            listed = value if isinstance(value, list) else [value]
            ids.update(token for token in listed if isinstance(token, int))
        return frozenset(ids)


class StreamDecoder:
    """Text of a growing sequence, piece by piece.

    Tokens are decoded together with those before them, since a decoder may
    treat the first token of a text in its own way, and characters whose bytes
    are spread over tokens are kept back until they are complete. The pieces
    joined are the text that the whole sequence decodes to.
    """

    def __init__(
        self, tokenizer: Tokenizer, context: Sequence[int] | NDArray[np.integer] = ()
    ) -> None:
        """context: tokens before the first, whose text is not to be repeated."""
        self._tokenizer = tokenizer
        self._window = [int(i) for i in context]
        self._told = len(tokenizer.decode(self._window).rstrip(_REPLACEMENT))
        self._pending = 0

    def step(self, token: int) -> str:
        """The text that `token` completes, maybe none."""
        self._window.append(int(token))
        self._pending += 1
        text = self._tokenizer.decode(self._window)
        complete = text.rstrip(_REPLACEMENT)
        if len(text) - len(complete) > _MAX_KEPT:
            complete = text
        piece = complete[self._told :]
        self._told += len(piece)
        if complete == text:
            self._shorten()
        return piece

    def finish(self) -> str:
        """The rest, with bytes that make no character replaced."""
        piece = self._tokenizer.decode(self._window)[self._told :]
        self._told += len(piece)
        return piece

    def _shorten(self) -> None:
        """Keeps only the newest tokens if they have a text of their own."""
        tail = self._window[-self._pending :]
        text = self._tokenizer.decode(tail)
        if text and not text.startswith(_REPLACEMENT):
            self._window, self._told = tail, len(text)
        self._pending = 0
