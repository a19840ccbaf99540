# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoding and encoding against the packages that made the formats: bitsandbytes,
HQQ, compressed-tensors and torchao. `make clients` installs them, with PyTorch,
into an environment of their own.

Decoding the packages' codes must give their numbers to the bit. Our
round-to-nearest must give their scales and codes. Where their arithmetic is
another, codes may differ for values next to a tie, and only there: a value of y
steps is off by at most `slack` * |y| in either, so a tie must lie that near.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from client_codecs import values_of
from codec_tool import assert_same_bits, decode, encode, needs_tool
from support import CLIENTS

pytestmark = needs_tool


def codes_of(package):
    """Marks a test of a package's codes, which are in no container."""
    return pytest.mark.client(package, "(codes alone)", "read")


UNIT = 2.0**-24  # half of the last place of 1, relative
# Dividing by a scale and multiplying with its rounded inverse differ by three
# roundings; a last place that scales differ by counts as two more.
SLACK = 5 * UNIT

CASES = {}


def case(name, package, codec, shape, **options):
    CASES[name] = {"name": name, "package": package, "codec": codec, "shape": shape}
    CASES[name] |= {"seed": len(CASES), **options}
    return name


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """`client(name)` gives the values of a case and what the package made of
    them. A package runs once, for all of its cases."""
    made = {}

    def get(name):
        package = CASES[name]["package"]
        if package not in made:
            made[package] = run_client(package, tmp_path_factory.mktemp(package))
        if isinstance(made[package], str):
            pytest.skip(made[package])
        arrays = made[package]
        start = len(name) + 1
        found = {key[start:]: arrays[key] for key in arrays if key.startswith(f"{name}/")}
        return values_of(CASES[name]["shape"], CASES[name]["seed"]), found

    return get


def run_client(package, folder):
    """The arrays of all cases of a package, or why there are none."""
    if not CLIENTS.exists():
        return f"{CLIENTS} is not there; `make clients` makes it"
    cases = [one for one in CASES.values() if one["package"] == package]
    (folder / "cases.json").write_text(json.dumps(cases))
    # No compilation, no GPU, and no instructions that PyTorch takes this CPU to
    # have by mistake.
    environment = os.environ | {
        "TORCHDYNAMO_DISABLE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    }
    script = pathlib.Path(__file__).with_name("client_codecs.py")
    command = [str(CLIENTS), str(script), str(folder / "cases.json"), str(folder / "out.npz")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 3:
        return f"{done.stdout.strip()} in {CLIENTS}; `make clients` installs it"
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "out.npz"))


# Codes as bytes.


def segments(*planes):
    """The bytes of planes, each from a multiple of 64 on."""
    parts = [np.ascontiguousarray(plane).tobytes() for plane in planes]
    padded = [part + bytes(-len(part) % 64) for part in parts[:-1]]
    return b"".join([*padded, parts[-1]])


def dense(codes, bits):
    """Codes [rows, cols] as the dense layout has them."""
    planes = (codes.astype(np.int64)[..., None] >> np.arange(bits)) & 1
    return np.packbits(planes.reshape(len(codes), -1).astype(np.uint8), axis=1, bitorder="little")


def undense(data, start, shape, bits):
    """Codes from the dense layout, and where the next plane begins."""
    width = (shape[1] * bits + 7) // 8
    rows = data[start : start + shape[0] * width].reshape(shape[0], width)
    planes = np.unpackbits(rows, axis=1, bitorder="little")[:, : shape[1] * bits]
    codes = planes.reshape(*shape, bits).astype(np.int64) @ (1 << np.arange(bits))
    return codes, -(-(start + rows.size) // 64) * 64


def unscaled(element, values):
    """The codes of numbers that an element has."""
    values = values.reshape(len(values), -1)
    data = encode(element, "dense", values)
    bits = int(data.size * 8 // values.size)
    return undense(data, 0, values.shape, bits)[0], bits


def assert_near(actual, expected, units):
    """Equal but for so many halves of a last place."""
    actual, expected = (np.asarray(a, np.float64).ravel() for a in (actual, expected))
    off = np.abs(actual - expected) / np.maximum(np.abs(expected), 2.0**-126)
    assert off.max() <= units * UNIT, off.max() / UNIT


def assert_same_codes(ours, theirs, position, slack=SLACK, most=0.001):
    """The same numbers, in steps of the scale, except next to a tie of `position`,
    and for no more than that share of them."""
    ours, theirs, position = (np.asarray(a, np.float64).ravel() for a in (ours, theirs, position))
    wrong = np.flatnonzero(ours != theirs)
    assert wrong.size <= max(1, ours.size * most), f"{wrong.size} of {ours.size} codes differ"
    ours, theirs, position = ours[wrong], theirs[wrong], position[wrong]
    assert (np.abs(position - (ours + theirs) / 2) <= slack * np.maximum(np.abs(position), 1)).all()


# bitsandbytes: blocks of the flattened weight, the even element in the high half
# of a byte.

BNB_CODES = "tile [1, 2] flat 1B { code[0:1] @4; code[1:2] @0 }"


def bnb_layout(block):
    return f"{BNB_CODES} + tile [1, {block}] flat 4B {{ scale @0 }}"


def halves(packed, count):
    return np.stack([packed >> 4, packed & 15], axis=1).ravel()[:count]


BNB = [
    case(f"{kind}-{block}-{shape[0]}x{shape[1]}", "bitsandbytes", "bnb_four_bit", shape)
    for kind in ("nf4", "fp4")
    for block, shape in ((64, [5, 7]), (64, [37, 172]), (64, [16, 64]), (256, [3, 1000]))
]
for name in BNB:
    kind, block, _ = name.split("-")
    CASES[name] |= {"kind": kind, "block": int(block), "nested": False}


@codes_of("bitsandbytes")
@pytest.mark.parametrize("name", BNB)
def test_bitsandbytes_four_bit(client, name):
    x, theirs = client(name)
    kind, block = CASES[name]["kind"], CASES[name]["block"]
    number_format = f"codebook @{kind} [{block}] flat, scale f32"
    data = segments(theirs["codes"], theirs["scale"])
    decoded = decode(number_format, bnb_layout(block), *x.shape, data)
    # Adding 0 makes -0 of 0: theirs have either for code 8, by the CPU.
    assert_same_bits(decoded + np.float32(0), theirs["decoded"] + np.float32(0))
    ours = encode(number_format, bnb_layout(block), x)
    start = -(-theirs["codes"].size // 64) * 64
    np.testing.assert_array_equal(ours[start:].view(np.float32), theirs["scale"])
    table = decode(f"codebook @{kind}", "dense", 1, 16, dense(np.arange(16)[None], 4)).ravel()
    scale = np.repeat(theirs["scale"], block)[: x.size].astype(np.float64)
    # They divide in the last block, if it is cut short.
    assert_same_codes(
        table[halves(ours[: theirs["codes"].size], x.size)],
        table[halves(theirs["codes"], x.size)],
        x.ravel() / scale,
    )


NESTED = [
    case(f"nested-{kind}", "bitsandbytes", "bnb_four_bit", [700, 101], kind=kind)
    for kind in ("nf4", "fp4")
]
for name in NESTED:
    CASES[name] |= {"block": 64, "nested": True}


# 1,105 scales, the last for 4 elements; 5 scales of these, the last for 81.
@codes_of("bitsandbytes")
@pytest.mark.parametrize("name", NESTED)
def test_bitsandbytes_double_quantization(client, name):
    x, theirs = client(name)
    number_format = f"bnb_{CASES[name]['kind']}_nested"
    layout = (
        f"{BNB_CODES} + tile [1, 64] flat 1B {{ scale @0 }} + "
        "tile [1, 16384] flat 4B { scale.scale @0 } + tile [1, *] flat 4B { scale.mean @0 }"
    )
    planes = [theirs[key] for key in ("codes", "scale", "scale_scale", "mean")]
    decoded = decode(number_format, layout, *x.shape, segments(*planes))
    assert_same_bits(decoded + np.float32(0), theirs["decoded"] + np.float32(0))
    table = decode("codebook @dynamic8", "dense", 1, 256, np.arange(256, dtype=np.uint8)).ravel()
    np.testing.assert_array_equal(table, theirs["map"])
    ours = encode(number_format, layout, x)
    places = np.cumsum([0] + [-(-plane.nbytes // 64) * 64 for plane in planes])
    mean = ours[places[3] :].view(np.float32)
    # Their mean is a sum in binary32: as many roundings as the depth of a tree
    # that adds 8 to 16 numbers in a row. Ours is a sum in binary64.
    assert_near(mean, theirs["mean"], 32)
    codes = np.array_split(ours, places[1:4])
    absmax = np.abs(np.resize(x.ravel(), 64 * 1105) * (np.arange(64 * 1105) < x.size))
    inner = np.repeat(theirs["scale_scale"], 256)[:1105].astype(np.float64)
    position = (absmax.reshape(-1, 64).max(1) - theirs["mean"].astype(np.float64)) / inner
    # On the CPU they look codes up by the nearest of 65,536 numbers in [-1, 1].
    assert_same_codes(
        table[codes[1][:1105]], table[theirs["scale"]], position, 2.0**-16 + 64 * UNIT, most=0.01
    )
    scale = np.repeat(absmax.reshape(-1, 64).max(1), 64)[: x.size].astype(np.float64)
    elements = decode(
        f"codebook @{CASES[name]['kind']}", "dense", 1, 16, dense(np.arange(16)[None], 4)
    ).ravel()
    size = theirs["codes"].size
    assert_same_codes(
        elements[halves(ours[:size], x.size)],
        elements[halves(theirs["codes"], x.size)],
        x.ravel() / scale,
    )


BNB_INT8 = case("int8", "bitsandbytes", "bnb_int8", [37, 172])


@codes_of("bitsandbytes")
def test_bitsandbytes_int8(client):
    _, theirs = client(BNB_INT8)
    scale = theirs["scale"][:, None]
    data = segments(theirs["codes"], scale / np.float32(127))
    decoded = decode("int8_channel", "dense", *theirs["codes"].shape, data)
    # (code * scale) * (1 / 127) in place of code * (scale / 127).
    assert_near(decoded, theirs["decoded"], 5)
    codes = encode("int8_channel", "dense", theirs["rounded"])[: theirs["codes"].size]
    position = theirs["rounded"] * 127.0 / scale
    assert_same_codes(codes.view(np.int8), theirs["codes"], position)


# HQQ: groups of the flattened weight; a byte or word takes its codes from equal
# parts of the tensor, the first in the highest bits.


def hqq_layout(bits, group, count):
    """And the bytes of its codes."""
    parts, word = {8: (1, 8), 4: (2, 8), 3: (10, 32), 2: (4, 8), 1: (8, 8)}[bits]
    part = -(-count // group // parts) * group
    pieces = []
    for i in range(parts):
        first, last = i * part, min((i + 1) * part, count)
        if first < last:
            place = bits * (parts - 1 - i)
            pieces.append(f"code[{first}:{last}] @{place} col({last - first}:{word})")
    size = part * word // 8
    scales = "".join(f" + tile [1, {group}] flat 4B {{ {p} @0 }}" for p in ("scale", "zero"))
    return f"tile [1, *] flat {size}B {{ {'; '.join(pieces)} }}{scales}", size


HQQ = [
    case(f"hqq{bits}", "hqq", "hqq", [48, 160], bits=bits, group=64, optimize=False)
    for bits in (8, 4, 3, 2, 1)
]
SEARCHED = case("hqq4-searched", "hqq", "hqq", [48, 160], bits=4, group=64, optimize=True)


@codes_of("hqq")
@pytest.mark.parametrize("name", [*HQQ, SEARCHED])
def test_hqq_decodes(client, name):
    x, theirs = client(name)
    bits = CASES[name]["bits"]
    layout, size = hqq_layout(bits, 64, x.size)
    data = segments(theirs["codes"], theirs["scale"], theirs["zero"])
    assert theirs["codes"].nbytes == size
    decoded = decode(f"u{bits} [64] flat, scale f32, zero f32", layout, *x.shape, data)
    assert_same_bits(decoded, theirs["decoded"])
    # In f16, as HQQ computes unless told otherwise, scale, zero point,
    # difference and product are rounded, so the difference is no better than
    # the largest code's last place.
    step = np.repeat(theirs["scale"].ravel(), 64).reshape(x.shape).astype(np.float64)
    bound = 2.0**-11 * (2 * 2**bits * step + 3 * np.abs(decoded)) + 2.0**-24
    assert (np.abs(theirs["decoded_half"].astype(np.float64) - decoded) <= bound).all()


@codes_of("hqq")
@pytest.mark.parametrize("name", HQQ)
def test_hqq_encodes(client, name):
    x, theirs = client(name)
    bits = CASES[name]["bits"]
    layout, size = hqq_layout(bits, 64, x.size)
    number_format = f"u{bits} [64] flat, scale f32, zero f32"
    ours = encode(number_format, layout, x)
    groups = x.size // 64
    start = -(-size // 64) * 64
    scale = ours[start : start + 4 * groups].view(np.float32)
    zero = ours[-4 * groups :].view(np.float32)
    # Theirs is the inverse of an inverse.
    assert_near(scale, theirs["scale"], 4)
    assert_near(zero, theirs["zero"], 6)
    position = (x.reshape(-1, 64) / theirs["scale"].astype(np.float64) + theirs["zero"]).ravel()
    # Errors of the product and of the zero point are relative to the range.
    slack = 8 * UNIT * 2**bits
    ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
    codes = [
        decode(number_format, layout, *x.shape, segments(data, ones, zeros))
        for data in (ours[:size], theirs["codes"])
    ]
    assert_same_codes(*codes, position, slack)


# compressed-tensors: rows of codes, groups within rows, quotients.

PER_GROUP = {"num_bits": 4, "strategy": "group", "symmetric": True}
FLOATS = {"type": "float", "symmetric": True}
MX = FLOATS | {"strategy": "group", "group_size": 32, "scale_dtype": "uint8"}
COMPRESSED = {
    # name: block, format, element, element of the scales, zero point, arguments
    "int4-group": ([1, 128], "i4 [128], scale f32 from amax / 7.5", "i4", "f32", None,
                   PER_GROUP | {"group_size": 128}),
    "int4-group-zero": ([1, 128], "i4 [128], scale f32, zero i4", "i4", "f32", "i4",
                        PER_GROUP | {"group_size": 128, "symmetric": False}),
    "int8-channel": ([1, 0], "i8 [*], scale f32 from amax / 127.5", "i8", "f32", None,
                     {"num_bits": 8, "strategy": "channel", "symmetric": True}),
    "fp8-channel": ([1, 0], "f8E4M3FN [*], scale f32", "f8E4M3FN", "f32", None,
                    FLOATS | {"num_bits": 8, "strategy": "channel"}),
    "fp8-block": ([128, 128], "f8E4M3FN [128, 128], scale f32", "f8E4M3FN", "f32", None,
                  FLOATS | {"num_bits": 8, "strategy": "block", "block_structure": [128, 128]}),
    "mxfp4": ([1, 32], "f4E2M1FN [32], scale f8E8M0FNU from amax / 4 up_from 1.75", "f4E2M1FN",
              "f8E8M0FNU", None, MX | {"num_bits": 4}),
    "mxfp6": ([1, 32], "f6E2M3FN [32], scale f8E8M0FNU from amax / 4 up_from 1.9375", "f6E2M3FN",
              "f8E8M0FNU", None, MX | {"num_bits": 6}),
    "mxfp8": ([1, 32], "f8E4M3FN [32], scale f8E8M0FNU from amax / 256 up_from 1.75", "f8E4M3FN",
              "f8E8M0FNU", None, MX | {"num_bits": 8}),
}  # fmt: skip
for name, (block, *_, options) in COMPRESSED.items():
    case(name, "compressed_tensors", "compressed_tensors", [256, 256], block=block, **options)


def check_rows(x, theirs, number_format, element, scale_element, zero, slack=SLACK):
    """A format whose planes are the codes of numbers: decodes theirs, and
    encodes as they do."""
    planes = [(element, theirs["codes"]), (scale_element, theirs["scale"])]
    planes += [(zero, theirs["zero"])] if zero else []
    coded = [unscaled(kind, values.astype(np.float32)) for kind, values in planes]
    data = segments(*(dense(codes, bits) for codes, bits in coded))
    assert_same_bits(decode(number_format, "dense", *x.shape, data), theirs["decoded"])
    ours, start, found = encode(number_format, "dense", x), 0, []
    for (kind, _), (codes, bits) in zip(planes, coded, strict=True):
        codes, start = undense(ours, start, codes.shape, bits)
        found.append(decode(kind, "dense", *codes.shape, dense(codes, bits)))
    scale = theirs["scale"].astype(np.float64).reshape(found[1].shape)
    if scale_element == "f32":
        assert_near(found[1], scale, 2)
    else:
        np.testing.assert_array_equal(found[1], scale)
    height, width = (of // by for of, by in zip(x.shape, scale.shape, strict=True))
    position = x / np.kron(scale, np.ones((height, width)))
    if zero:
        np.testing.assert_array_equal(found[2], theirs["zero"])
        position += np.kron(theirs["zero"], np.ones((height, width)))
    assert_same_codes(found[0], theirs["codes"], position, slack)


@codes_of("compressed-tensors")
@pytest.mark.parametrize("name", COMPRESSED)
def test_compressed_tensors(client, name):
    x, theirs = client(name)
    check_rows(x, theirs, *COMPRESSED[name][1:5])


PACKED = [
    case(f"packed{bits}", "compressed_tensors", "compressed_tensors_packed", [32, 256], bits=bits)
    for bits in (2, 3, 4, 5, 6, 8)
]
for name in PACKED:
    CASES[name] |= {"group": 128}


# Codes in offset binary, one after the other across words.
@codes_of("compressed-tensors")
@pytest.mark.parametrize("name", PACKED)
def test_compressed_tensors_packed(client, name):
    x, theirs = client(name)
    bits = CASES[name]["bits"]
    layout = f"tile [1, 32] {4 * bits}B {{ code @0 col(32:{bits}) flip }} + "
    layout += "tile [1, 128] 4B { scale @0 }"
    data = segments(theirs["words"], theirs["scale"])
    decoded = decode(f"i{bits} [128], scale f32", layout, *x.shape, data)
    assert_same_bits(decoded, theirs["decoded"])


NVFP4 = case(
    "nvfp4", "compressed_tensors", "compressed_tensors", [256, 256], block=[1, 16],
    tensor_scale=True, num_bits=4, strategy="tensor_group", group_size=16,
    scale_dtype="float8_e4m3fn", **FLOATS,
)  # fmt: skip


def check_nvfp4(x, number_format, codes, scales, tensor_scale, decoded, divides):
    """`codes` and `scales` as codes; `tensor_scale` divides or multiplies."""
    data = segments(dense(codes, 4), dense(scales, 8), tensor_scale)
    assert_same_bits(decode(number_format, "dense", *x.shape, data), decoded)
    ours = encode(number_format, "dense", x)
    found, start = undense(ours, 0, x.shape, 4)
    found_scales, start = undense(ours, start, scales.shape, 8)
    assert_near(ours[start:].view(np.float32), tensor_scale, 4)
    factor = np.float64(tensor_scale)
    steps = decode("f8E4M3FN", "dense", *scales.shape, dense(scales, 8)).astype(np.float64)
    largest = np.abs(x).reshape(len(x), -1, 16).max(2) / 6.0
    assert_same_codes(
        decode("f8E4M3FN", "dense", *scales.shape, dense(found_scales, 8)),
        steps,
        largest * factor if divides else largest / factor,
        8 * UNIT,
    )
    # Codes under scales that are the same, as all but a few are.
    same = np.kron(found_scales == scales, np.ones((1, 16), bool))
    steps = np.kron(steps / factor if divides else steps * factor, np.ones((1, 16)))
    elements = (decode("f4E2M1FN", "dense", *x.shape, dense(c, 4))[same] for c in (found, codes))
    assert_same_codes(*elements, (x / steps)[same], 8 * UNIT)


@codes_of("compressed-tensors")
def test_compressed_tensors_nvfp4(client):
    x, theirs = client(NVFP4)
    scales, _ = unscaled("f8E4M3FN", theirs["scale"])
    codes, _ = unscaled("f4E2M1FN", theirs["codes"])
    check_nvfp4(
        x, "nvfp4_divisor", codes, scales, theirs["divisor"], theirs["decoded"], divides=True
    )


# torchao.

TORCHAO_INT8 = case("torchao-int8", "torchao", "torchao_int8", [32, 256])


@codes_of("torchao")
def test_torchao_int8(client):
    x, theirs = client(TORCHAO_INT8)
    check_rows(x, theirs, "i8 [*], scale f32 from amax / 127.5", "i8", "f32", None)


TORCHAO_INTX = [
    case(f"torchao-int{bits}-{'sym' if symmetric else 'asym'}", "torchao", "torchao_intx",
         [32, 256], bits=bits, group=32, symmetric=symmetric)
    for bits in (2, 3, 4, 5, 6, 7, 8)
    for symmetric in (True, False)
]  # fmt: skip


@codes_of("torchao")
@pytest.mark.parametrize("name", TORCHAO_INTX)
def test_torchao_intx(client, name):
    x, theirs = client(name)
    bits = CASES[name]["bits"]
    half = (2**bits - 1) / 2
    if CASES[name]["symmetric"]:
        assert not theirs["zero"].any()
        check_rows(
            x, theirs, f"i{bits} [32], scale f32 from amax / {half}", f"i{bits}", "f32", None
        )
    else:
        number_format = f"i{bits} [32], scale f32, zero i{bits}"
        check_rows(x, theirs, number_format, f"i{bits}", "f32", f"i{bits}")


TORCHAO_FLOAT8 = {
    case(f"torchao-{element}-{rowwise}", "torchao", "torchao_float8", [32, 256],
         element=element, rowwise=rowwise == "row"): f"{kind} [{block}], scale f32"
    for element, kind in (("float8_e4m3fn", "f8E4M3FN"), ("float8_e5m2", "f8E5M2"))
    for rowwise, block in (("row", "1, *"), ("tensor", "*, *"))
}  # fmt: skip


@codes_of("torchao")
@pytest.mark.parametrize("name", TORCHAO_FLOAT8)
def test_torchao_float8(client, name):
    x, theirs = client(name)
    number_format = TORCHAO_FLOAT8[name]
    kind = number_format.split()[0]
    theirs["codes"] = decode(kind, "dense", *x.shape, theirs["codes"].tobytes())
    theirs["scale"] = theirs["scale"].reshape(-1, 1)
    check_rows(x, theirs, number_format, kind, "f32", None)


TORCHAO_MX = {}
for element, kind, largest, nearest in (
    ("float4_e2m1fn_x2", "f4E2M1FN", 4, 1.75),
    ("fp6_e2m3", "f6E2M3FN", 4, 1.9375),
    ("fp6_e3m2", "f6E3M2FN", 16, 1.875),
    ("float8_e4m3fn", "f8E4M3FN", 256, 1.9375),
    ("float8_e5m2", "f8E5M2", 32768, 1.875),
):
    for mode, rounding in (("FLOOR", "down"), ("CEIL", "up"), ("EVEN", f"up_from {nearest}")):
        name = case(
            f"torchao-{kind}-{mode}", "torchao", "torchao_mx", [32, 256], element=element, mode=mode
        )
        TORCHAO_MX[name] = f"{kind} [32], scale f8E8M0FNU from amax / {largest} {rounding}"


@codes_of("torchao")
@pytest.mark.parametrize("name", TORCHAO_MX)
def test_torchao_mx(client, name):
    x, theirs = client(name)
    number_format = TORCHAO_MX[name]
    kind = number_format.split()[0]
    codes = theirs["codes"]
    if kind.startswith("f4"):
        codes = halves(codes.ravel() << 4 | codes.ravel() >> 4, x.size).reshape(x.shape)
    bits = int(kind[1])
    theirs["codes"] = decode(kind, "dense", *x.shape, dense(codes, bits).tobytes())
    scales = theirs["scale"].reshape(32, -1)
    theirs["scale"] = decode("f8E8M0FNU", "dense", *scales.shape, scales.tobytes())
    check_rows(x, theirs, number_format, kind, "f8E8M0FNU", None)


TORCHAO_NVFP4 = case("torchao-nvfp4", "torchao", "torchao_nvfp4", [32, 256], tensor_scale=True)


@codes_of("torchao")
def test_torchao_nvfp4(client):
    x, theirs = client(TORCHAO_NVFP4)
    codes = np.stack([theirs["codes"] & 15, theirs["codes"] >> 4], axis=-1)
    check_nvfp4(
        x,
        "nvfp4",
        codes.reshape(x.shape),
        theirs["scale"].reshape(len(x), -1),
        theirs["tensor_scale"],
        theirs["decoded"],
        divides=False,
    )


# The table of NF4 to four digits, 8-bit scales that divide, and a mean.
TORCHAO_NF4 = case("torchao-nf4", "torchao", "torchao_nf4", [512, 64], block=64, scales=256)


@codes_of("torchao")
def test_torchao_nf4(client):
    x, theirs = client(TORCHAO_NF4)
    table = ", ".join(str(value) for value in theirs["map"])
    number_format = f"codebook [{table}] [64] flat, scale (i8 [256], divisor f32, mean f32)"
    layout = (
        f"{BNB_CODES} + tile [1, 64] flat 1B {{ scale @0 }} + "
        "tile [1, 16384] flat 4B { scale.scale @0 } + tile [1, *] flat 4B { scale.mean @0 }"
    )
    data = segments(theirs["codes"], theirs["scale"], theirs["divisor"], theirs["mean"])
    assert_same_bits(decode(number_format, layout, *x.shape, data), theirs["decoded"])


def test_clients_are_not_imported_here():
    """This process has no PyTorch, so that the tests run without it."""
    assert "torch" not in sys.modules
