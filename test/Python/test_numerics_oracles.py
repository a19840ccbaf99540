# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoding and encoding against other people's implementations: the gguf
package's block structs, ml_dtypes' small floats, the published NF4 table."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("QUERN_BUILD", ROOT / "build"))
TOOL = BUILD / "test/tools/codec-tool"

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")

BLOCK_TYPES = [
    "Q4_0",
    "Q4_1",
    "Q5_0",
    "Q5_1",
    "Q8_0",
    "Q2_K",
    "Q3_K",
    "Q4_K",
    "Q5_K",
    "Q6_K",
]
BLOCK_TYPES += ["IQ4_NL", "IQ4_XS", "IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XS", "IQ2_XXS"]
BLOCK_TYPES += ["IQ1_M", "IQ1_S"]
BLOCK_TYPES += ["TQ1_0", "TQ2_0", "MXFP4"]

FLOAT_TYPES = {
    "f4E2M1FN": "float4_e2m1fn",
    "f6E2M3FN": "float6_e2m3fn",
    "f6E3M2FN": "float6_e3m2fn",
    "f8E3M4": "float8_e3m4",
    "f8E4M3": "float8_e4m3",
    "f8E4M3B11FNUZ": "float8_e4m3b11fnuz",
    "f8E4M3FN": "float8_e4m3fn",
    "f8E4M3FNUZ": "float8_e4m3fnuz",
    "f8E5M2": "float8_e5m2",
    "f8E5M2FNUZ": "float8_e5m2fnuz",
    "f8E8M0FNU": "float8_e8m0fnu",
    "bf16": "bfloat16",
}

NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634,
    0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
]  # fmt: skip


def run(mode, number_format, layout, rows, cols, data):
    command = [str(TOOL), mode, number_format, layout, str(rows), str(cols)]
    done = subprocess.run(command, input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def decode(number_format, layout, rows, cols, data):
    result = run("decode", number_format, layout, rows, cols, data)
    return np.frombuffer(result, np.float32).reshape(rows, cols)


def encode(number_format, layout, values):
    rows, cols = values.shape
    data = np.ascontiguousarray(values, np.float32).tobytes()
    return np.frombuffer(run("encode", number_format, layout, rows, cols, data), np.uint8)


def assert_same_bits(actual, expected):
    """Equal bits, except that any NaN equals any other."""
    actual, expected = actual.ravel(), expected.astype(np.float32).ravel()
    assert actual.shape == expected.shape
    same = (actual.view(np.uint32) == expected.view(np.uint32)) | (
        np.isnan(actual) & np.isnan(expected)
    )
    wrong = np.flatnonzero(~same)
    assert wrong.size == 0, (wrong[:5], actual[wrong[:5]], expected[wrong[:5]])


# Block structs of GGUF.


def random_blocks(name, count, seed):
    """Any bytes are a block; those with scales that are NaN or infinite come
    out as NaN in both and are left out, because NaN payloads may differ."""
    gguf = pytest.importorskip("gguf")
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8)
    # Corners: all bits clear, all set, the lowest and highest code of each.
    for i, byte in enumerate([0x00, 0xFF, 0x7F, 0x80, 0x0F, 0xF0, 0x55, 0xAA]):
        blocks[i] = byte
    with np.errstate(invalid="ignore"):
        values = gguf.quants.dequantize(blocks.reshape(-1), kind)
    values = values.reshape(count, elements)
    keep = np.isfinite(values).all(axis=1)
    return blocks[keep], values[keep]


@pytest.mark.parametrize("name", BLOCK_TYPES)
def test_blocks_decode_as_gguf(name):
    blocks, expected = random_blocks(name, 2000, seed=1)
    assert len(blocks) > 1000
    rows, cols = expected.shape
    actual = decode(name, name.lower(), rows, cols, blocks.tobytes())
    if name == "MXFP4":
        # ggml's table of E2M1 holds integers, which have no negative zero.
        actual, expected = actual + np.float32(0), expected + np.float32(0)
    assert_same_bits(actual, expected)


@pytest.mark.parametrize(("name", "bits"), [("q1_0", 1), ("q2_0", 2)])
def test_types_that_gguf_does_not_decode(name, bits):
    """ggml: an f16 scale, then codes from the lowest bit on; ±d, and (q - 1) d."""
    random = np.random.default_rng(8)
    size = 128 // bits
    blocks = random.integers(0, 256, (64, 18), dtype=np.uint8)
    scales = random.standard_normal(64).astype(np.float16)
    blocks[:, :2] = scales[:, None].view(np.uint8)
    flat = np.unpackbits(blocks[:, 2:], axis=1, bitorder="little").reshape(64, size, bits)
    codes = (flat.astype(np.int64) << np.arange(bits)).sum(axis=2)
    elements = codes * 2 - 1 if bits == 1 else codes - 1
    expected = scales.astype(np.float32)[:, None] * elements.astype(np.float32)
    assert_same_bits(decode(name, name, 64, size, blocks.tobytes()), expected)


def test_nvfp4_blocks_decode_as_gguf():
    """GGUF keeps the factor of the tensor apart; ours lies behind the blocks."""
    gguf = pytest.importorskip("gguf")
    random = np.random.default_rng(9)
    blocks = random.integers(0, 256, (256, 36), dtype=np.uint8)
    blocks[:, :4] = random.integers(0, 127, (256, 4))  # unsigned, and no NaN
    kind = gguf.GGMLQuantizationType.NVFP4
    expected = gguf.quants.dequantize(blocks.reshape(-1), kind).reshape(256, 64)
    factor = np.float32(0.5)
    actual = decode("nvfp4", "nvfp4", 256, 64, blocks.tobytes() + factor.tobytes())
    assert_same_bits(actual + np.float32(0), expected * factor + np.float32(0))


def difficult_values(rows, cols, seed):
    """Rows of very different sizes, ties of rounding, zeros and equal extremes."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, cols)).astype(np.float32)
    values *= np.float32(2.0) ** random.integers(-12, 12, (rows, 1)).astype(np.float32)
    values[0] = 0
    values[1, ::2] = -0.0
    values[2] = random.integers(-8, 9, cols) / 2  # quotients ending in .5
    values[3] = random.integers(-254, 255, cols) / 2
    values[3, ::32] = 127
    values[4] = 3
    values[5] = np.where(np.arange(cols) % 2, 5, -5)
    values[6, 1:] = 0
    return values


@pytest.mark.parametrize("name", ["Q4_0", "Q8_0"])
def test_blocks_encode_as_gguf(name):
    gguf = pytest.importorskip("gguf")
    values = difficult_values(512, 256, seed=2)
    expected = gguf.quants.quantize(values, gguf.GGMLQuantizationType[name])
    assert np.array_equal(encode(name, name.lower(), values), expected.ravel())


# Small floats.


@pytest.mark.parametrize("name", sorted(FLOAT_TYPES))
def test_every_code_decodes_as_ml_dtypes(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(getattr(ml_dtypes, FLOAT_TYPES[name]))
    bits = int(name[1]) if name != "bf16" else 16
    codes = np.arange(2**bits)
    unsigned = np.uint16 if bits == 16 else np.uint8
    expected = codes.astype(unsigned).view(dtype).astype(np.float32)
    packed = pack_codes(codes, bits)
    assert_same_bits(decode(name, "dense", 1, len(codes), packed), expected)


def pack_codes(codes, bits):
    """Least significant bit first, without gaps."""
    planes = (codes[:, None] >> np.arange(bits)) & 1
    return np.packbits(planes.astype(np.uint8), bitorder="little").tobytes()


def unpack_codes(data, bits, count):
    flat = np.unpackbits(data, bitorder="little")[: bits * count].reshape(count, bits)
    return (flat.astype(np.int64) << np.arange(bits)).sum(axis=1)


@pytest.mark.parametrize("name", sorted(set(FLOAT_TYPES) - {"f8E8M0FNU"}))
def test_values_encode_as_ml_dtypes(name):
    """Up to the largest finite value, beyond which Quern saturates."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(getattr(ml_dtypes, FLOAT_TYPES[name]))
    largest = float(ml_dtypes.finfo(dtype).max)
    random = np.random.default_rng(4)
    values = random.uniform(-1, 1, 40000).astype(np.float32)
    values *= np.float32(2.0) ** random.integers(-30, 17, values.size).astype(np.float32)
    # Midpoints between neighbours and what lies beside them.
    bits = int(name[1]) if name != "bf16" else 16
    codes = np.arange(2**bits).astype(np.uint16 if bits == 16 else np.uint8)
    grid = np.unique(codes.view(dtype).astype(np.float32))
    grid = grid[np.isfinite(grid)]
    middle = ((grid[1:].astype(np.float64) + grid[:-1]) / 2).astype(np.float32)
    around = [np.nextafter(middle, np.float32(s * np.inf)) for s in (-1, 1)]
    values = np.concatenate([values, grid, middle, *around])
    values = values[np.abs(values) <= largest]
    expected = values.astype(dtype).view(codes.dtype)
    data = encode(name, "dense", values[None, :])
    assert np.array_equal(unpack_codes(data, bits, values.size), expected.astype(np.int64))


def test_f16_is_numpy():
    codes = np.arange(2**16, dtype=np.uint16)
    expected = codes.view(np.float16).astype(np.float32)
    assert_same_bits(decode("f16", "dense", 1, codes.size, codes.tobytes()), expected)
    finite = expected[np.isfinite(expected)]
    between = np.nextafter(finite, np.float32(0)) * np.float32(1.0001)
    values = np.concatenate([finite, between])
    data = encode("f16", "dense", values[None, :])
    assert np.array_equal(data.view(np.uint16), values.astype(np.float16).view(np.uint16))


def test_powers_of_two_encode_to_nearest():
    random = np.random.default_rng(5)
    powers = np.float32(2.0) ** random.integers(-126, 127, 4000).astype(np.float32)
    values = powers * random.uniform(1, 2, powers.size).astype(np.float32)
    codes = encode("f8E8M0FNU", "dense", values[None, :]).astype(np.int64)
    exact = values.astype(np.float64)
    chosen = np.abs(exact - 2.0 ** (codes - 127))
    for other in (codes - 1, codes + 1):
        assert (chosen <= np.abs(exact - 2.0 ** (other - 127))).all()


# NF4.


def test_nf4_is_the_published_table():
    scale = np.float32(0.75)
    codes = np.tile(np.arange(16), 4)
    data = pack_codes(codes, 4)
    layout = "tile [1, 64] 36B { scale @0; code @32 col(64:4) }"
    values = decode("nf4", layout, 1, 64, scale.tobytes() + data)
    assert_same_bits(values, np.float32(NF4)[codes] * scale)


def test_nf4_encodes_to_nearest():
    values = np.random.default_rng(6).standard_normal((4, 64)).astype(np.float32)
    decoded = decode("nf4", "dense", 4, 64, encode("nf4", "dense", values).tobytes())
    scale = np.abs(values).max(axis=1, keepdims=True)
    table = np.float32(NF4) * scale
    nearest = np.abs(values[:, :, None] - table[:, None, :]).min(axis=2)
    assert np.allclose(np.abs(values - decoded), nearest, rtol=0, atol=1e-6 * scale.max())
