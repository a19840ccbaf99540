# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of random weights at real shapes, to measure on and to test with.

Files are written as a stream: no more than a few megabytes are held at once.
The same shape, seed and dtype give the same file with one version of NumPy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import QuernError
from .synth_families import Shape, model_config, norm_center, tensor_shapes

_CHUNK_ELEMENTS = 1 << 20
# Initial deviation of the weights, as checkpoints of this family begin with.
_DEVIATION = 0.02
_ALIGNMENT = 64
_BYTES = 256

DTYPES = {"f32": ("F32", 4), "f16": ("F16", 2), "bf16": ("BF16", 2)}


_LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}

# In the tiny shapes every dimension is another number, so that mixing two up
# shows, and rows are multiples of 32 but not of 256.
SHAPES: dict[str, Shape] = {
    "llama-1b": Shape(
        2048, 8192, 16, 32, 8, 64, 128256, 131072,
        theta=500000.0, extra={"rope_scaling": _LLAMA3_SCALING},
    ),
    "llama-8b-slice": Shape(4096, 14336, 2, 32, 8, 128, 32000, 8192, tied=False, theta=500000.0),
    "tiny-llama": Shape(96, 160, 2, 6, 2, 16, 320, 256),
    "tiny-llama3": Shape(
        96, 160, 2, 6, 2, 16, 320, 256, tied=False, theta=500000.0,
        extra={"rope_scaling": {**_LLAMA3_SCALING, "original_max_position_embeddings": 64}},
    ),
    "tiny-mqa": Shape(96, 160, 2, 6, 1, 16, 320, 256, tied=False),
    "tiny-mistral": Shape(
        96, 224, 2, 6, 2, 16, 320, 256, tied=False, family="mistral",
        extra={"sliding_window": 24},
    ),
    "tiny-qwen2": Shape(96, 160, 2, 6, 2, 16, 320, 256, family="qwen2", epsilon=1e-6),
    "tiny-qwen3": Shape(96, 160, 2, 5, 1, 32, 320, 256, family="qwen3", epsilon=1e-6),
    "tiny-gpt2": Shape(96, 224, 2, 6, 6, 16, 320, 256, family="gpt2"),
    "tiny-gpt-neox": Shape(
        96, 224, 2, 6, 6, 16, 320, 256, tied=False, family="gpt_neox",
        extra={"rotary_pct": 0.5, "use_parallel_residual": True},
    ),
    "tiny-mixtral": Shape(
        96, 160, 2, 6, 2, 16, 320, 256, tied=False, family="mixtral",
        extra={"num_local_experts": 5, "num_experts_per_tok": 2},
    ),
    # The first layer has no experts.
    "tiny-qwen3-moe": Shape(
        96, 160, 3, 5, 1, 32, 320, 256, tied=False, family="qwen3_moe", epsilon=1e-6,
        extra={
            "num_experts": 9, "num_experts_per_tok": 3, "moe_intermediate_size": 64,
            "norm_topk_prob": False, "mlp_only_layers": [0], "decoder_sparse_step": 1,
        },
    ),
    "tiny-phi3": Shape(
        96, 160, 2, 6, 2, 16, 320, 256, tied=False, family="phi3",
        extra={
            "sliding_window": 40, "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 128,
            "rope_scaling": {
                "type": "longrope", "long_factor": [9.0] * 6,
                "short_factor": [1.0, 1.1, 1.25, 1.5, 2.0, 3.0],
            },
        },
    ),
    # Caps so low that they bend what weights of this deviation give.
    "tiny-gemma2": Shape(
        96, 160, 3, 6, 2, 16, 320, 256, family="gemma2", epsilon=1e-6,
        extra={
            "sliding_window": 24, "query_pre_attn_scalar": 24,
            "attn_logit_softcapping": 0.5, "final_logit_softcapping": 0.25,
        },
    ),
    "tiny-gemma3": Shape(
        96, 160, 4, 6, 2, 32, 320, 256, family="gemma3_text", epsilon=1e-6, theta=1e6,
        extra={
            "sliding_window": 24, "sliding_window_pattern": 3, "query_pre_attn_scalar": 24,
            "rope_local_base_freq": 100.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        },
    ),
}  # fmt: skip


def synthesize(
    shape: str,
    output: str | Path,
    seed: int = 0,
    dtype: str = "bf16",
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Writes a Hugging Face folder of random weights and a byte-level tokenizer.

    shape: a name of `SHAPES`. dtype: a name of `DTYPES`. progress: is told the
    share of the bytes that is written.
    """
    if shape not in SHAPES:
        raise QuernError(f"shape: expects one of {', '.join(SHAPES)}, but got '{shape}'")
    if dtype not in DTYPES:
        raise QuernError(f"dtype: expects one of {', '.join(DTYPES)}, but got '{dtype}'")
    if seed < 0:
        raise QuernError(f"seed: expects a number of at least 0, but got {seed}")
    dimensions = SHAPES[shape]
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_text(folder / "config.json", json.dumps(_config(dimensions, dtype), indent=2))
        _write_text(folder / "tokenizer.json", json.dumps(_tokenizer(dimensions.vocabulary)))
        _write_text(folder / "tokenizer_config.json", json.dumps(_TOKENIZER_CONFIG, indent=2))
        _write_weights(folder / "model.safetensors", dimensions, seed, dtype, progress)
    except OSError as error:
        raise QuernError(f"{error.filename or folder}: {error.strerror}") from None


def _config(shape: Shape, dtype: str) -> dict[str, Any]:
    return {
        **model_config(shape),
        "bos_token_id": _BYTES,
        "eos_token_id": _BYTES + 1,
        "torch_dtype": {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}[dtype],
        **shape.extra,
    }


_BOS, _EOS = "<|begin_of_text|>", "<|end_of_text|>"
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": _BOS,
    "eos_token": _EOS,
    "clean_up_tokenization_spaces": False,
}


def byte_alphabet() -> list[str]:
    """The character that stands for each byte in byte-level vocabularies.

    Printable bytes of Latin-1 stand for themselves, the others are moved past
    U+0100 in order (as GPT-2 began it).
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(moved)) for byte in range(_BYTES)]


def _tokenizer(vocabulary: int) -> dict[str, Any]:
    """A tokenizer.json of single bytes; ids that no text gives decode to words."""
    alphabet = byte_alphabet()
    words = [alphabet[ord(" ")] + f"w{token}" for token in range(_BYTES + 2, vocabulary)]
    tokens = [*alphabet, _BOS, _EOS, *words]
    special = [
        {
            "id": _BYTES + place,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for place, content in enumerate((_BOS, _EOS))
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    begin = {"SpecialToken": {"id": _BOS, "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "use_regex": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                begin,
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 0}},
            ],
            "special_tokens": {_BOS: {"id": _BOS, "ids": [_BYTES], "tokens": [_BOS]}},
        },
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: place for place, token in enumerate(tokens)},
            "merges": [],
        },
    }


def _write_text(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def _write_weights(
    path: Path,
    shape: Shape,
    seed: int,
    dtype: str,
    progress: Callable[[float, str], None] | None,
) -> None:
    tensors = tensor_shapes(shape)
    name_of_dtype, element_bytes = DTYPES[dtype]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, dimensions in tensors.items():
        size = int(np.prod(dimensions)) * element_bytes
        header[name] = {
            "dtype": name_of_dtype,
            "shape": list(dimensions),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    temporary = path.with_name(path.name + ".partial")
    try:
        with temporary.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            written = 0
            for index, (name, dimensions) in enumerate(tensors.items()):
                center = norm_center(shape, name, dimensions)
                for values in _random(dimensions, seed, index, center):
                    written += file.write(_encode(values, dtype).data)
                    if progress:
                        progress(written / offset, f"{written >> 20} of {offset >> 20} MiB")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _random(
    dimensions: tuple[int, ...], seed: int, index: int, center: float | None
) -> Iterator[NDArray[np.float32]]:
    """The values of a tensor in pieces; each tensor has its own stream. Those of
    a norm lie about `center`, which is None for other tensors."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index])))
    left = int(np.prod(dimensions))
    while left:
        count = min(left, _CHUNK_ELEMENTS)
        values = generator.standard_normal(count, np.float32)
        # A norm's deviation makes a forgotten or swapped one visible.
        if center is None:
            yield np.float32(_DEVIATION) * values
        else:
            yield np.float32(center) + np.float32(0.1) * values
        left -= count


def _encode(values: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    if dtype == "f32":
        return values.astype("<f4", copy=False)
    if dtype == "f16":
        return values.astype("<f2")
    bits = values.view(np.uint32)
    # To nearest, ties to even; there are no NaNs among them.
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
