# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far 8-bit activations can move what a model predicts: a derived bound.

Integer mode codes the input x of every matrix product with one scale s = amax /
127 a token and group, so that each x_i is off by e_i, |e_i| <= s_i / 2. Rounding
errors are taken as independent with mean zero, as the analysis of fixed-point
filters does; nothing else is known of them, so that the variance of e_i is at
most (s_i / 2)^2 (a third of that if they are uniform). To second order, with z
the logits, J = dz / dx, F = diag(p) - p p^T and L the negative log-likelihood:

    KL(exact, integer)  =  1/2 e^T (J^T F J) e
    E[KL]              <=  1/2 sum_i (s_i / 2)^2 (J^T F J)_ii.

(J^T F J)_ii is the expected square of dL/dx_i for labels that the model itself
draws: one backward pass with drawn labels a sample, since the scores of
different tokens are uncorrelated. With the labels of the text, the first order
of the change of L is sum_i g_i e_i, which by Hoeffding's inequality exceeds
sqrt(ln(2 / P) / 2 * sum_i (s_i g_i)^2) with a probability of at most P; its
second order has the expectation of the KL divergence above (the part of the
Hessian that remains has the expectation zero under the model's own labels).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from numpy_llama import Array, NumpyLlama, rotate

# Of a test that fails although everything is right.
_PROBABILITY = 1e-9


@dataclass
class Bound:
    """For one window, in nats a token; `likely_divergence` takes errors as uniform."""

    divergence: float
    likely_divergence: float
    loss: float


def bound_of_coded_activations(
    model: NumpyLlama, tokens: NDArray[np.integer], group: int, samples: int = 4
) -> Bound:
    """The bound over the window `tokens`, whose first is not scored, with scales
    of `group` columns. model: of float64 and with the weights that are compiled."""
    tape = Tape(model, tokens[:-1])
    probabilities = np.exp(tape.logits - tape.logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    rng = np.random.default_rng(0)
    count = len(tokens) - 1
    drawn = np.mean(
        [
            tape.sum_of_squares(_score_gradient(probabilities, _draw(rng, probabilities)), group)
            for _ in range(samples)
        ]
    )
    of_text = tape.sum_of_squares(_score_gradient(probabilities, tokens[1:]), group)
    divergence = drawn / 8 / count
    first_order = math.sqrt(math.log(2 / _PROBABILITY) / 2 * of_text) / count
    return Bound(divergence, divergence / 3, first_order + divergence)


def _draw(rng: np.random.Generator, probabilities: Array) -> NDArray[np.integer]:
    steps = probabilities.cumsum(axis=-1)
    # Sums round: the last word takes what is left.
    steps[:, -1] = 1
    return (rng.random((len(steps), 1)) < steps).argmax(axis=-1)


def _score_gradient(probabilities: Array, labels: NDArray[np.integer]) -> Array:
    gradient = probabilities.copy()
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient


def step_sizes(x: Array, group: int) -> Array:
    """The scale of each element of x [tokens, width]."""
    grouped = np.abs(x).reshape(len(x), -1, group)
    return np.repeat(grouped.max(axis=-1) / 127, group, axis=-1)


class Tape:
    """A forward pass over one window that remembers what its backward needs.

    Llama without biases and head norms; float64.
    """

    def __init__(self, model: NumpyLlama, tokens: NDArray[np.integer]) -> None:
        self.model = model
        self.w = model.weights
        self.head = self.w.get("lm_head.weight", self.w["model.embed_tokens.weight"])
        self.rotations = model._rotations(len(tokens), layer=0)
        self.layers: list[dict[str, Array]] = []
        x = self.w["model.embed_tokens.weight"][tokens]
        for layer in range(model.layers):
            x = self._forward(f"model.layers.{layer}.", x)
        self.last = x
        self.final = model._norm(x, "model.norm.weight")
        self.logits = self.final @ self.head.T

    def sum_of_squares(self, dlogits: Array, group: int) -> float:
        """sum of (s_i g_i)^2 over the inputs of all products, where g is the
        gradient of a loss whose gradient by the logits is `dlogits`."""
        total = 0.0

        def count(x: Array, gradient: Array) -> Array:
            nonlocal total
            total += float(((step_sizes(x, group) * gradient) ** 2).sum())
            return gradient

        d = count(self.final, dlogits @ self.head)
        d = self._norm_backward(self.last, "model.norm.weight", d)
        for layer in reversed(range(self.model.layers)):
            prefix, saved = f"model.layers.{layer}.", self.layers[layer]
            mlp = prefix + "mlp."
            act = count(saved["act"], d @ self.w[mlp + "down_proj.weight"])
            sigmoid = 1 / (1 + np.exp(-saved["gate"]))
            slope = sigmoid * (1 + saved["gate"] * (1 - sigmoid))
            dh = (act * saved["up"] * slope) @ self.w[mlp + "gate_proj.weight"]
            dh += (act * saved["gate"] * sigmoid) @ self.w[mlp + "up_proj.weight"]
            norm = prefix + "post_attention_layernorm.weight"
            d = d + self._norm_backward(saved["middle"], norm, count(saved["h2"], dh))
            joined = count(saved["joined"], d @ self.w[prefix + "self_attn.o_proj.weight"])
            dh = self._attention_backward(prefix + "self_attn.", saved, joined)
            norm = prefix + "input_layernorm.weight"
            d = d + self._norm_backward(saved["x"], norm, count(saved["h"], dh))
        return total

    def _forward(self, prefix: str, x: Array) -> Array:
        model, w, s = self.model, self.w, {"x": x}
        attention, mlp = prefix + "self_attn.", prefix + "mlp."
        h = s["h"] = model._norm(x, prefix + "input_layernorm.weight")
        for name, heads in (("q", model.heads), ("k", model.kv_heads), ("v", model.kv_heads)):
            y = h @ w[f"{attention}{name}_proj.weight"].T
            s[name] = y.reshape(len(x), heads, model.head_dim).swapaxes(0, 1)
        s["q"], s["k"] = rotate(s["q"], *self.rotations), rotate(s["k"], *self.rotations)
        repeat = model.heads // model.kv_heads
        s["k"], s["v"] = np.repeat(s["k"], repeat, axis=0), np.repeat(s["v"], repeat, axis=0)
        scores = s["q"] @ s["k"].swapaxes(1, 2) * model.head_dim**-0.5 + model._mask(
            len(x), model.window
        )
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        s["p"] = scores / scores.sum(axis=-1, keepdims=True)
        s["joined"] = (s["p"] @ s["v"]).swapaxes(0, 1).reshape(len(x), -1)
        s["middle"] = x + s["joined"] @ w[attention + "o_proj.weight"].T
        h = s["h2"] = model._norm(s["middle"], prefix + "post_attention_layernorm.weight")
        s["gate"] = h @ w[mlp + "gate_proj.weight"].T
        s["up"] = h @ w[mlp + "up_proj.weight"].T
        s["act"] = s["gate"] / (1 + np.exp(-s["gate"])) * s["up"]
        self.layers.append(s)
        return s["middle"] + s["act"] @ w[mlp + "down_proj.weight"].T

    def _norm_backward(self, x: Array, name: str, d: Array) -> Array:
        r = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.model.epsilon)
        d = d * self.w[name]
        return r * d - r**3 * x * np.mean(d * x, axis=-1, keepdims=True)

    def _attention_backward(self, prefix: str, s: dict[str, Array], joined: Array) -> Array:
        model, length = self.model, len(joined)
        d = joined.reshape(length, model.heads, model.head_dim).swapaxes(0, 1)
        dp = d @ s["v"].swapaxes(1, 2)
        ds = s["p"] * (dp - (dp * s["p"]).sum(axis=-1, keepdims=True)) * model.head_dim**-0.5
        cosine, sine = self.rotations
        gradients = {
            "q": rotate(ds @ s["k"], cosine, -sine),
            "k": rotate(ds.swapaxes(1, 2) @ s["q"], cosine, -sine),
            "v": s["p"].swapaxes(1, 2) @ d,
        }
        total = np.zeros_like(s["h"])
        for name, heads in (("q", model.heads), ("k", model.kv_heads), ("v", model.kv_heads)):
            y = gradients[name].reshape(heads, -1, length, model.head_dim).sum(axis=1)
            y = y.swapaxes(0, 1).reshape(length, heads * model.head_dim)
            total += y @ self.w[f"{prefix}{name}_proj.weight"]
        return total
