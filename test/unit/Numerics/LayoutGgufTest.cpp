// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file GGUF's block structs: every code of a block, against formulas written
// out by hand from the formats' own sources.

#include "LayoutTestUtil.h"

namespace quern::numerics {
namespace {

using Bytes = std::vector<uint8_t>;

/// A block of random bytes, unpacked by the layout called `name`.
CodedTensor unpackRandom(const std::string &name, const std::string &format,
                         int64_t cols, unsigned seed, Bytes &bytes) {
  const Layout *layout = lookupLayout(name);
  EXPECT_NE(layout, nullptr) << name;
  Format parsed = formatOf(format);
  std::mt19937 random(seed);
  bytes.resize(size_t(layoutBytes(*layout, 1, cols)));
  for (uint8_t &byte : bytes)
    byte = uint8_t(random());
  auto codes =
      unpackRows(*layout, parsed, 1, cols, 0, 1, Span<const uint8_t>(bytes));
  EXPECT_TRUE(codes.isOk()) << codes.status().message();
  return codes ? *codes : CodedTensor();
}

int32_t u16At(const Bytes &b, size_t at) { return b[at] | b[at + 1] << 8; }

TEST(LayoutGguf, EveryLayoutIsProven) {
  for (const std::string &name : layoutNames()) {
    Status status = checkLayout(*lookupLayout(name), formatOf(name), 3, 768);
    EXPECT_TRUE(status.isOk()) << name << ": " << status.message();
    EXPECT_EQ(layoutOf(printLayout(*lookupLayout(name))), *lookupLayout(name));
  }
  EXPECT_EQ(layoutNames().size(), 25u);
}

TEST(LayoutGguf, LayoutsFillTheirBlocks) {
  for (const std::string &name : layoutNames()) {
    const Layout &layout = *lookupLayout(name);
    if (layout.segments.size() > 1)
      continue; // padding between segments belongs to nobody
    Format format = formatOf(name);
    int64_t bits = layoutBytes(layout, 1, 256) * 8;
    for (int64_t address = 0; address < bits; ++address)
      EXPECT_NE(bitOrigin(layout, format, 1, 256, address).plane, "")
          << name << " bit " << address;
  }
}

TEST(LayoutGguf, Q4_0) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Bytes b;
    CodedTensor t = unpackRandom("q4_0", "q4_0", 32, seed, b);
    EXPECT_EQ(t.planes["scale"].codes[0], u16At(b, 0));
    for (size_t i = 0; i < 32; ++i) {
      int32_t nibble = i < 16 ? b[2 + i] & 15 : b[2 + i - 16] >> 4;
      EXPECT_EQ(t.planes["code"].codes[i], nibble - 8) << i;
    }
  }
}

TEST(LayoutGguf, Q8_0) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Bytes b;
    CodedTensor t = unpackRandom("q8_0", "q8_0", 32, seed, b);
    EXPECT_EQ(t.planes["scale"].codes[0], u16At(b, 0));
    for (size_t i = 0; i < 32; ++i)
      EXPECT_EQ(t.planes["code"].codes[i], int8_t(b[2 + i])) << i;
  }
}

TEST(LayoutGguf, Q4_K) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Bytes b;
    CodedTensor t = unpackRandom("q4_k", "q4_k", 256, seed, b);
    EXPECT_EQ(t.planes["scale.scale"].codes[0], u16At(b, 0));
    EXPECT_EQ(t.planes["min.scale"].codes[0], u16At(b, 2));
    const uint8_t *s = &b[4];
    for (size_t k = 0; k < 8; ++k) {
      int32_t scale, min;
      if (k < 4) {
        scale = s[k] & 63;
        min = s[k + 4] & 63;
      } else {
        scale = (s[k + 4] & 15) | ((s[k - 4] >> 6) << 4);
        min = (s[k + 4] >> 4) | ((s[k] >> 6) << 4);
      }
      EXPECT_EQ(t.planes["scale"].codes[k], scale) << k;
      EXPECT_EQ(t.planes["min"].codes[k], min) << k;
    }
    for (size_t i = 0; i < 256; ++i) {
      uint8_t byte = b[16 + 32 * (i / 64) + i % 32];
      int32_t code = (i / 32) % 2 == 0 ? byte & 15 : byte >> 4;
      EXPECT_EQ(t.planes["code"].codes[i], code) << i;
    }
  }
}

TEST(LayoutGguf, Q6_K) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Bytes b;
    CodedTensor t = unpackRandom("q6_k", "q6_k", 256, seed, b);
    EXPECT_EQ(t.planes["scale.scale"].codes[0], u16At(b, 208));
    for (size_t k = 0; k < 16; ++k)
      EXPECT_EQ(t.planes["scale"].codes[k], int8_t(b[192 + k])) << k;
    for (size_t i = 0; i < 256; ++i) {
      size_t half = i / 128, j = i % 128 / 32, l = i % 32;
      uint8_t low = b[64 * half + 32 * (j % 2) + l];
      int32_t low4 = j < 2 ? low & 15 : low >> 4;
      int32_t high2 = (b[128 + 32 * half + l] >> (2 * j)) & 3;
      EXPECT_EQ(t.planes["code"].codes[i], low4 + 16 * high2 - 32) << i;
    }
  }
}

} // namespace
} // namespace quern::numerics
