#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sample the evaluation text of the embedded model from the model itself.

    utils/sample_eval_text.py [MODEL_DIR] [-o OUT] [--check]

Writes documents drawn with a fixed seed, each begun at BOS, until there are
6,000 tokens. A forward pass of Llama in NumPy with a KV cache, written
without any of the compiler's code. Arithmetic is float64, so that the text
does not depend on how a BLAS rounds; `--check` compares instead of writing.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = 12  # sampled side by side, one row of each matrix product
TOKENS = 6000
TEMPERATURE = 0.8
SEED = 2026


def load_weights(folder):
    """All tensors of `folder`/model.safetensors, BF16, as float64 by name."""
    data = (folder / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    weights = {}
    for name, entry in json.loads(data[8:begin]).items():
        if name == "__metadata__":
            continue
        lo, hi = entry["data_offsets"]
        bits = np.frombuffer(data[begin + lo : begin + hi], dtype="<u2")
        values = (bits.astype(np.uint32) << 16).view(np.float32)
        weights[name] = values.astype(np.float64).reshape(entry["shape"])
    return weights


class Llama:
    """One batch of sequences that advance together, a token a step."""

    def __init__(self, folder, batch):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = load_weights(folder)
        self.batch = batch
        self.heads = self.config["num_attention_heads"]
        self.kv_heads = self.config["num_key_value_heads"]
        self.head_dim = self.config["head_dim"]
        self.context = self.config["max_position_embeddings"]
        shape = (
            2,
            self.config["num_hidden_layers"],
            batch,
            self.kv_heads,
            self.context,
            self.head_dim,
        )
        self.cache = np.zeros(shape)
        self.position = 0
        half = np.arange(0, self.head_dim, 2) / self.head_dim
        self.frequencies = self.config["rope_theta"] ** -half

    def norm(self, x, name):
        mean = np.mean(x * x, axis=-1, keepdims=True)
        scale = np.sqrt(mean + self.config["rms_norm_eps"])
        return x / scale * self.weights[name]

    def rope(self, x):
        """Rotates the pairs (i, i + head_dim / 2) of [batch, heads, dim]."""
        angle = self.position * self.frequencies
        cos, sin = np.cos(angle), np.sin(angle)
        low, high = np.split(x, 2, axis=-1)
        return np.concatenate([low * cos - high * sin, high * cos + low * sin], axis=-1)

    def attention(self, x, layer):
        prefix = f"model.layers.{layer}.self_attn."
        q, k, v = (x @ self.weights[f"{prefix}{n}_proj.weight"].T for n in "qkv")
        q = self.rope(q.reshape(self.batch, self.heads, self.head_dim))
        k = self.rope(k.reshape(self.batch, self.kv_heads, self.head_dim))
        v = v.reshape(self.batch, self.kv_heads, self.head_dim)
        self.cache[0, layer, :, :, self.position] = k
        self.cache[1, layer, :, :, self.position] = v
        keys, values = self.cache[:, layer, :, :, : self.position + 1]
        group = self.heads // self.kv_heads
        q = q.reshape(self.batch, self.kv_heads, group, self.head_dim)
        scores = q @ keys.swapaxes(-1, -2) / np.sqrt(self.head_dim)
        y = softmax(scores) @ values
        return y.reshape(self.batch, -1) @ self.weights[f"{prefix}o_proj.weight"].T

    def feed_forward(self, x, layer):
        prefix = f"model.layers.{layer}.mlp."
        gate = x @ self.weights[f"{prefix}gate_proj.weight"].T
        up = x @ self.weights[f"{prefix}up_proj.weight"].T
        hidden = gate / (1 + np.exp(-gate)) * up
        return hidden @ self.weights[f"{prefix}down_proj.weight"].T

    def step(self, tokens):
        """Logits [batch, vocabulary] after appending one token to each."""
        embedding = self.weights["model.embed_tokens.weight"]
        x = embedding[tokens]
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            h = self.norm(x, f"{prefix}input_layernorm.weight")
            x = x + self.attention(h, layer)
            h = self.norm(x, f"{prefix}post_attention_layernorm.weight")
            x = x + self.feed_forward(h, layer)
        self.position += 1
        head = self.weights.get("lm_head.weight", embedding)
        return self.norm(x, "model.norm.weight") @ head.T


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sample_batch(folder, generator):
    """DOCUMENTS token lists that fill the context or end at EOS."""
    model = Llama(folder, DOCUMENTS)
    tokens = np.full(DOCUMENTS, model.config["bos_token_id"])
    documents = [[] for _ in range(DOCUMENTS)]
    ended = np.zeros(DOCUMENTS, dtype=bool)
    while model.position < model.context - 1 and not ended.all():
        probabilities = softmax(model.step(tokens) / TEMPERATURE)
        draws = generator.random(DOCUMENTS)
        for i in range(DOCUMENTS):
            total = np.cumsum(probabilities[i])
            tokens[i] = np.searchsorted(total, draws[i] * total[-1], "right")
            ended[i] |= tokens[i] == model.config["eos_token_id"]
            if not ended[i]:
                documents[i].append(int(tokens[i]))
    return documents


def trim(text):
    """`text` up to its last full stop, so that a cut document ends well."""
    end = max(text.rfind(stop) for stop in (".", "!", "?", ".”", "!”", "?”"))
    closing = text[end + 1 : end + 2]
    return text[: end + 1 + (closing in ("”", "’"))].strip()


def sample_text(folder):
    generator = np.random.Generator(np.random.PCG64(SEED))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts, count = [], 0
    while count < TOKENS:
        for document in sample_batch(folder, generator):
            text = trim(tokenizer.decode(document))
            if count < TOKENS and text:
                texts.append(text)
                count += len(tokenizer.encode(text).ids)
    return "\n\n".join(texts) + "\n", count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "model", nargs="?", type=pathlib.Path, default=ROOT / "examples" / "quern-6m"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=pathlib.Path,
        default=ROOT / "examples" / "quern-6m-eval.txt",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="fail if the file differs from what is sampled",
    )
    options = parser.parse_args()
    text, count = sample_text(options.model)
    if options.check:
        same = options.output.read_text(encoding="utf-8") == text
        print(f"{options.output}: {'reproduced' if same else 'differs'}")
        return 0 if same else 1
    options.output.write_text(text, encoding="utf-8")
    print(f"{options.output}: {count} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
