# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A forward pass of the Llama family in NumPy, independent of the compiler.

It reads `config.json` and safetensors itself and shares no code with Quern, so
that the two can be held against each other. Supported: Llama 2 and 3 (llama3
rope scaling), Mistral (sliding window), Qwen2 (biases), Qwen3 (q/k norms), tied
and untied embeddings, MHA, GQA and MQA.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def read_safetensors(path: Path, dtype: type) -> dict[str, Array]:
    """All tensors of one file, converted to `dtype`."""
    data = path.read_bytes()
    header_bytes = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + header_bytes])
    base = 8 + header_bytes
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = data[base + begin : base + end]
        if entry["dtype"] == "BF16":
            bits = np.frombuffer(raw, "<u2").astype(np.uint32) << np.uint32(16)
            values = bits.view(np.float32)
        else:
            values = np.frombuffer(raw, _DTYPES[entry["dtype"]])
        tensors[name] = values.astype(dtype).reshape(entry["shape"])
    return tensors


def read_weights(folder: Path, dtype: type) -> dict[str, Array]:
    """The weights of a Hugging Face folder, sharded or not."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return read_safetensors(folder / "model.safetensors", dtype)
    tensors: dict[str, Array] = {}
    for shard in sorted(set(json.loads(index.read_text())["weight_map"].values())):
        tensors.update(read_safetensors(folder / shard, dtype))
    return tensors


def inverse_frequencies(config: dict, head_dim: int) -> Array:
    """The rope frequencies in float64, llama3 scaling applied."""
    # Newer folders keep theta and the scaling together as `rope_parameters`.
    parameters = config.get("rope_parameters") or {}
    theta = parameters.get("rope_theta", config.get("rope_theta", 10000.0))
    scaling = config.get("rope_scaling") or parameters
    frequencies = theta ** -(np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return frequencies
    if kind == "linear":
        return frequencies / scaling["factor"]
    if kind == "longrope":  # see numpy_phi3
        return frequencies
    if kind != "llama3":
        raise ValueError(f"rope scaling '{kind}' is not supported")
    factor = scaling["factor"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    # Turns that a frequency makes over the original context: few turns are
    # interpolated, many are kept, between them is a linear blend.
    turns = scaling["original_max_position_embeddings"] * frequencies / (2 * np.pi)
    keep = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return frequencies * (keep + (1.0 - keep) / factor)


def silu(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return x / (1 + np.exp(-x))


class NumpyLlama:
    """Logits of whole windows, nothing cached. Families that are further away
    override what they do otherwise."""

    def __init__(self, folder: str | Path, dtype: type = np.float32) -> None:
        folder = Path(folder)
        config = json.loads((folder / "config.json").read_text())
        self.dtype = dtype
        self.weights = read_weights(folder, dtype)
        self.layers: int = config["num_hidden_layers"]
        self.heads: int = config["num_attention_heads"]
        self.kv_heads: int = config.get("num_key_value_heads") or self.heads
        self.head_dim: int = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon: float = config["rms_norm_eps"]
        self.window: int | None = config.get("sliding_window")
        if not config.get("use_sliding_window", True):
            self.window = None
        self.frequencies = inverse_frequencies(config, self.head_dim)
        self.scale: float = self.head_dim**-0.5

    def logits(self, tokens: NDArray[np.integer]) -> Array:
        """tokens [windows, length] or [length] -> logits [..., length, vocabulary]."""
        ids = np.asarray(tokens)
        batch = ids if ids.ndim == 2 else ids[None]
        x = self._embed(batch)
        for layer in range(self.layers):
            x = self._layer(x, layer)
        y = self._head(x)
        return y if ids.ndim == 2 else y[0]

    def _embed(self, ids: NDArray[np.integer]) -> Array:
        return self.weights["model.embed_tokens.weight"][ids]

    def _layer(self, x: Array, layer: int) -> Array:
        prefix = f"model.layers.{layer}."
        h = self._norm(x, prefix + "input_layernorm.weight")
        x = x + self._attention(h, layer)
        h = self._norm(x, prefix + "post_attention_layernorm.weight")
        return x + self._mlp(h, prefix + "mlp.")

    def _head(self, x: Array) -> Array:
        x = self._norm(x, "model.norm.weight")
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        return x @ head.T

    def _linear(self, x: Array, name: str) -> Array:
        y = x @ self.weights[name + ".weight"].T
        bias = self.weights.get(name + ".bias")
        return y if bias is None else y + bias

    def _norm(self, x: Array, name: str) -> Array:
        scale = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.dtype(self.epsilon))
        return x / scale * self.weights[name]

    def _mlp(self, x: Array, prefix: str) -> Array:
        gate = self._linear(x, prefix + "gate_proj")
        up = self._linear(x, prefix + "up_proj")
        return self._linear(self._activate(gate) * up, prefix + "down_proj")

    def _activate(self, x: Array) -> Array:
        return silu(x)

    def _rotate(self, x: Array, layer: int) -> Array:
        """Queries or keys [..., length, head_dim] of a layer, turned."""
        return rotate(x, *self._rotations(x.shape[-2], layer))

    def _rotations(self, length: int, layer: int) -> tuple[Array, Array]:
        angles = np.outer(np.arange(length), self._frequencies(layer))
        both = np.concatenate([angles, angles], axis=-1)
        return np.cos(both).astype(self.dtype), np.sin(both).astype(self.dtype)

    def _frequencies(self, layer: int) -> Array:
        return self.frequencies

    def _window(self, layer: int) -> int | None:
        return self.window

    def _attention(self, x: Array, layer: int) -> Array:
        prefix = f"model.layers.{layer}.self_attn."
        q = self._split(self._linear(x, prefix + "q_proj"), self.heads)
        k = self._split(self._linear(x, prefix + "k_proj"), self.kv_heads)
        v = self._split(self._linear(x, prefix + "v_proj"), self.kv_heads)
        if prefix + "q_norm.weight" in self.weights:
            q = self._norm(q, prefix + "q_norm.weight")
            k = self._norm(k, prefix + "k_norm.weight")
        q, k = self._rotate(q, layer), self._rotate(k, layer)
        return self._linear(self._mix(q, k, v, layer), prefix + "o_proj")

    def _mix(self, q: Array, k: Array, v: Array, layer: int) -> Array:
        """Values by softmax of the scores, heads side by side."""
        repeat = self.heads // self.kv_heads
        k, v = np.repeat(k, repeat, axis=1), np.repeat(v, repeat, axis=1)
        scores = self._bend(q @ k.swapaxes(-1, -2) * self.dtype(self.scale))
        scores += self._mask(q.shape[-2], self._window(layer))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = scores / scores.sum(axis=-1, keepdims=True) @ v
        windows, _, length, _ = mixed.shape
        return mixed.swapaxes(1, 2).reshape(windows, length, self.heads * self.head_dim)

    def _bend(self, scores: Array) -> Array:
        return scores

    def _split(self, x: Array, heads: int) -> Array:
        windows, length, _ = x.shape
        return x.reshape(windows, length, heads, self.head_dim).swapaxes(1, 2)

    def _mask(self, length: int, window: int | None) -> Array:
        query, key = np.ogrid[:length, :length]
        seen = key <= query
        if window is not None:
            seen &= query - key < window
        return np.where(seen, 0, -np.inf).astype(self.dtype)


def rotate(x: Array, cosine: Array, sine: Array) -> Array:
    """Rotates the pairs (i, i + head_dim / 2) of x [..., length, head_dim]."""
    half = x.shape[-1] // 2
    turned = np.concatenate([-x[..., half:], x[..., :half]], axis=-1)
    return x * cosine + turned * sine


def scores(
    model: NumpyLlama, tokens: NDArray[np.integer], context: int, bos: int | None
) -> NDArray[np.float64]:
    """Negative log-likelihoods of all predictions over windows of `context`."""
    result = []
    step = context if bos is None else context - 1
    for begin in range(0, len(tokens), step):
        window = tokens[begin : begin + step]
        if bos is not None:
            window = np.concatenate([[bos], window])
        if len(window) < 2:
            continue
        logits = model.logits(window[:-1]).astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = logits[np.arange(len(window) - 1), window[1:]]
        result.append(np.log(np.exp(logits).sum(axis=-1)) - chosen)
    return np.concatenate(result)
