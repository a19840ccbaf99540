// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Recipes follow from an element's width and values and the target.

#include "quern/Codegen/CPU/DecodeRecipe.h"
#include <gtest/gtest.h>

using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

static Element element(const std::string &text) {
  Result<Format> format = parseFormat(text, FormatRegistry::builtin());
  EXPECT_TRUE(format.isOk()) << format.status().message();
  return format ? format->element : Element();
}

TEST(DecodeRecipe, Bytes) {
  const CpuTarget &wide = *lookupCpuTarget("avx512");
  const CpuTarget &plain = *lookupCpuTarget("portable");
  EXPECT_EQ(chooseBytes(element("i5"), wide), BytesRecipe::Fields);
  EXPECT_EQ(chooseBytes(element("u3 * 2 + 1"), wide), BytesRecipe::Shuffle);
  EXPECT_EQ(chooseBytes(element("f4E2M1FN"), wide), BytesRecipe::Shuffle);
  EXPECT_EQ(chooseBytes(element("f4E2M1FN"), plain), BytesRecipe::ByByte);
  const CpuTarget &narrow = *lookupCpuTarget("avx2");
  EXPECT_EQ(chooseBytes(element("f6E2M3FN"), wide), BytesRecipe::RegisterTable);
  EXPECT_EQ(chooseBytes(element("f6E2M3FN"), narrow), BytesRecipe::ByByte);
  // Integers of two bytes: each byte is found alike.
  EXPECT_EQ(chooseBytes(element("codebook @nf4"), narrow),
            BytesRecipe::Shuffle);
  EXPECT_EQ(chooseBytes(element("f8E4M3FN"), wide), BytesRecipe::RegisterTable);
  EXPECT_EQ(chooseBytes(element("f8E4M3FN"), plain), BytesRecipe::ByByte);
  EXPECT_EQ(chooseBytes(element("f8E4M3FN"), narrow), BytesRecipe::HalfFloats);
  EXPECT_EQ(chooseBytes(element("f8E5M2"), narrow), BytesRecipe::HalfFloats);
  EXPECT_EQ(chooseBytes(element("codebook [[1, 2, 3, 4], [5, 6, 7, 8]]"), wide),
            BytesRecipe::GatherWord);
  EXPECT_EQ(chooseBytes(element("codebook [1, 3] signs"), wide),
            BytesRecipe::GatherByte);
}

TEST(DecodeRecipe, Lanes) {
  const CpuTarget &wide = *lookupCpuTarget("avx512");
  const CpuTarget &narrow = *lookupCpuTarget("avx2");
  std::string thirtyTwo = "codebook [0";
  for (int i = 1; i < 32; ++i)
    thirtyTwo += ", " + std::to_string(i * i);
  EXPECT_EQ(chooseLanes(element("i4"), wide), LanesRecipe::Convert);
  EXPECT_EQ(chooseLanes(element("f8E4M3FN"), wide), LanesRecipe::FloatBits);
  EXPECT_EQ(chooseLanes(element(thirtyTwo + "]"), wide),
            LanesRecipe::RegisterTable);
  EXPECT_EQ(chooseLanes(element(thirtyTwo + "]"), narrow), LanesRecipe::Gather);
}
