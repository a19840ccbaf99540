# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Text generation: a token at a time, streamed as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import QuernError
from .runtime import Model, Session
from .sampling import Sampler, SamplingOptions
from .tokenizer import StreamDecoder, Tokenizer

GREEDY = SamplingOptions()

# Tokens of the prompt that the runtime takes at once: between two calls the
# interpreter can react to an interrupt.
_PROMPT_CHUNK = 512


def generate_tokens(
    session: Session,
    prompt: Sequence[int] | NDArray[np.integer],
    max_tokens: int,
    sampling: SamplingOptions = GREEDY,
    stop_ids: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Continues `prompt` by up to `max_tokens` tokens, fewer at a stop token
    (which is not part of the result) or when the session is full."""
    if len(prompt) == 0:
        raise QuernError("the prompt: expects at least one token, but got none")
    sampler = Sampler(sampling)
    for begin in range(0, len(prompt), _PROMPT_CHUNK):
        chunk = prompt[begin : begin + _PROMPT_CHUNK]
        last = begin + len(chunk) == len(prompt)
        rows = session.prefill(chunk, rows=1 if last else 0)
    logits = rows[-1]
    for produced in range(1, max_tokens + 1):
        token = sampler.draw(logits)
        if token in stop_ids:
            return
        yield token
        if produced < max_tokens:
            logits = session.decode(token)


def generate(
    model: Model,
    tokenizer: Tokenizer,
    prompt: str,
    max_tokens: int = 128,
    sampling: SamplingOptions = GREEDY,
) -> Iterator[str]:
    """Continues the text `prompt`: pieces of text as they become complete."""
    if max_tokens < 0:
        raise QuernError(f"max tokens: expects at least 0, but got {max_tokens}")
    ids = tokenizer.encode_prompt(prompt)
    if len(ids) == 0:
        raise QuernError(
            "the prompt: expects some text, as the tokenizer adds no BOS token"
        )
    # The last token generated is told but never run: one place less is needed.
    space = model.max_context + 1 - len(ids)
    if space <= 0:
        raise QuernError(
            f"the prompt: expects at most {model.max_context} tokens, the context of the "
            f"model, but got {len(ids)}"
        )
    steps = min(max_tokens, space)
    if steps == 0:
        return
    decoder = StreamDecoder(tokenizer, ids)
    with model.session(len(ids) + steps - 1) as session:
        for token in generate_tokens(session, ids, steps, sampling, tokenizer.stop_ids):
            if piece := decoder.step(token):
                yield piece
        if rest := decoder.finish():
            yield rest
