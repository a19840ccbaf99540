# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Linear layers of ONNX Runtime and PyTorch, timed one by one.

linear_peers.py K N THREADS M,M,...: prints JSON, {"versions": {package:
version}, "seconds": {peer: {M: seconds}}, "absent": {peer: why}}. Activations
are float32 [M, K] and coded in the call; weights come from memory, as those of
a model do. utils/bench-linear-peers runs this in an environment of its own.
"""

import itertools
import json
import math
import statistics
import sys
import time
import warnings

import numpy as np
import onnx
import onnxruntime
import torch

# Of weights in turn, more than caches hold.
STREAM_BYTES = 512 << 20
LEAST_SECONDS = 0.3


def matmul_nbits(columns, rows, threads, block, level):
    """ONNX Runtime's product with 4-bit weights; level 4 codes activations in
    8 bits, level 0 leaves them float32."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (rows, columns // block, block // 2), dtype=np.uint8)
    scales = np.full(rows * (columns // block), 0.01, np.float32)
    helper = onnx.helper
    node = helper.make_node(
        "MatMulNBits", ["x", "codes", "scales"], ["y"], domain="com.microsoft", K=columns,
        N=rows, bits=4, block_size=block, accuracy_level=level,
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "linear",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["M", columns])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["M", rows])],
        [onnx.numpy_helper.from_array(codes, "codes"),
         onnx.numpy_helper.from_array(scales, "scales")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x.numpy()})


def float_weight(columns, rows):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)) * 0.02


def dynamic_linear(columns, rows, _, engine):
    """PyTorch's int8 layer, activations coded a tensor at a time."""
    torch.backends.quantized.engine = engine
    weight = float_weight(columns, rows)
    scales = weight.abs().amax(1) / 127
    zeros = torch.zeros(rows, dtype=torch.int64)
    codes = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(codes, None)
    return lambda x: torch.ops.quantized.linear_dynamic(x, packed, reduce_range=False)


def int_mm(columns, rows, _):
    """Codes of both sides in int8, a scale a token and a row of the weight."""
    weight = float_weight(columns, rows)
    row_scales = weight.abs().amax(1) / 127
    codes = (weight / row_scales[:, None]).round().to(torch.int8).t()

    def multiply(x):
        scales = x.abs().amax(1, keepdim=True) / 127
        coded = (x / scales).round().to(torch.int8)
        return torch._int_mm(coded, codes).float() * scales * row_scales

    return multiply


def int4_pack(columns, rows, _, block):
    """4-bit weights, a scale and an offset a block, beside bfloat16 activations: of
    float32 ones PyTorch has plain loops only."""
    codes = torch.randint(0, 16, (rows, columns), dtype=torch.int32)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    scales = torch.full((columns // block, rows, 2), 0.01, dtype=torch.bfloat16)
    multiply = torch.ops.aten._weight_int4pack_mm_for_cpu
    return lambda x: multiply(x.to(torch.bfloat16), packed, block, scales)


def da8w4(columns, rows, _, block):
    """torchao's: activations in 8 bits, weights in 4."""
    import torchao  # noqa: F401 - defines the operators

    codes = torch.randint(0, 16, (rows, columns), dtype=torch.uint8)
    scales = torch.full((rows, columns // block), 0.01)
    zeros = torch.full((rows, columns // block), 8, dtype=torch.int8)
    ops = torch.ops.torchao
    weight, scale, zero, sums = ops.da8w4_linear_prepack_cpu(codes, scales, zeros)

    def multiply(x):
        x_scales = x.abs().amax(1) / 127
        coded = (x / x_scales[:, None]).round().to(torch.int8)
        return ops.da8w4_linear_cpu(
            coded, x_scales, torch.zeros(len(x), dtype=torch.int32), weight, scale, zero, sums,
            None, torch.float32,
        )  # fmt: skip

    return multiply


# Bits of a weight, what makes the layer, and its further arguments.
PEERS = {
    "ORT, 4-bit g32, int8": (4, matmul_nbits, 32, 4),
    "ORT, 4-bit g128, int8": (4, matmul_nbits, 128, 4),
    "ORT, 4-bit g32, f32": (4, matmul_nbits, 32, 0),
    "ORT, 4-bit g128, f32": (4, matmul_nbits, 128, 0),
    "PyTorch, int8, fbgemm": (8, dynamic_linear, "fbgemm"),
    "PyTorch, int8, oneDNN": (8, dynamic_linear, "onednn"),
    "PyTorch, int8, _int_mm": (8, int_mm),
    "PyTorch, 4-bit g32, bf16": (4, int4_pack, 32),
    "PyTorch, 4-bit g128, bf16": (4, int4_pack, 128),
    "torchao, 4-bit g128, int8": (4, da8w4, 128),
}


def time_layer(layers, x):
    """Median seconds of a call, each to the next of `layers`."""
    turn = itertools.cycle(layers)
    next(turn)(x)
    times = []
    while len(times) < 3 or sum(times) < LEAST_SECONDS:
        layer = next(turn)
        begin = time.perf_counter()
        layer(x)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def measure(columns, rows, threads, tokens, peer):
    bits, make, *arguments = PEERS[peer]
    copies = math.ceil(STREAM_BYTES / (columns * rows * bits // 8))
    layers = [make(columns, rows, threads, *arguments) for _ in range(copies)]
    for layer in layers:
        layer(torch.randn(1, columns))
    return {count: time_layer(layers, torch.randn(count, columns)) for count in tokens}


def main():
    columns, rows, threads = map(int, sys.argv[1:4])
    tokens = [int(count) for count in sys.argv[4].split(",")]
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    report = {"versions": {}, "seconds": {}, "absent": {}}
    for package in (onnxruntime, torch):
        report["versions"][package.__name__] = package.__version__
    for peer in PEERS:
        try:
            with torch.inference_mode():
                report["seconds"][peer] = measure(columns, rows, threads, tokens, peer)
        except (RuntimeError, ImportError, AttributeError, NotImplementedError) as error:
            report["absent"][peer] = str(error).strip().splitlines()[0][:160]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
