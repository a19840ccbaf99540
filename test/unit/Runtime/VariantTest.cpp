// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The choice of an instruction set, for processors that we do not have.

#include "Variant.h"

#include "gtest/gtest.h"
#include <string.h>

using namespace quern::runtime;

namespace {

constexpr uint64_t kV3 = QUERN_FEATURE_X86_64_V3;
constexpr uint64_t kV4 = kV3 | QUERN_FEATURE_X86_64_V4;
constexpr uint64_t kVnni = kV4 | QUERN_FEATURE_AVX512VNNI;

struct VariantTest : testing::Test {
  quern_status choose(const char *isa, uint64_t features) {
    quern_model_table table = {};
    table.variants = variants;
    table.variant_count = 2;
    return chooseVariant(table, isa, features, chosen, message);
  }

  const quern_variant variants[2] = {{"avx512", kVnni, nullptr, "", 0},
                                     {"avx2", kV3, nullptr, "", 0}};
  const quern_variant *chosen = nullptr;
  Message message = {};
};

TEST_F(VariantTest, BestThatFits) {
  EXPECT_EQ(choose(nullptr, kVnni | QUERN_FEATURE_AVX512BF16), QUERN_OK);
  EXPECT_STREQ(chosen->isa, "avx512");
  EXPECT_EQ(choose(nullptr, kV4), QUERN_OK);
  EXPECT_STREQ(chosen->isa, "avx2");
}

TEST_F(VariantTest, ByName) {
  EXPECT_EQ(choose("avx2", kVnni), QUERN_OK);
  EXPECT_STREQ(chosen->isa, "avx2");
}

TEST_F(VariantTest, NoneFits) {
  EXPECT_EQ(choose(nullptr, 0), QUERN_ERR_CPU_FEATURES);
  EXPECT_EQ(chosen, nullptr);
  EXPECT_STREQ(message.text,
               "the instruction set 'avx2' of the model needs features that "
               "this processor or operating system lacks: x86-64-v3");
}

TEST_F(VariantTest, NamedOneDoesNotFit) {
  EXPECT_EQ(choose("avx512", kV3), QUERN_ERR_CPU_FEATURES);
  EXPECT_STREQ(message.text,
               "the instruction set 'avx512' of the model needs features that "
               "this processor or operating system lacks: x86-64-v4, "
               "avx512vnni");
}

TEST(VariantFeatures, HaveNames) {
  // One of each: no bit of quern_feature lacks a name.
  const quern_variant variant = {"all", 2 * QUERN_FEATURE_AMX_BF16 - 1, nullptr,
                                 "", 0};
  quern_model_table table = {};
  table.variants = &variant;
  table.variant_count = 1;
  const quern_variant *chosen = nullptr;
  Message message = {};
  EXPECT_EQ(chooseVariant(table, nullptr, 0, chosen, message),
            QUERN_ERR_CPU_FEATURES);
  EXPECT_EQ(strstr(message.text, "newer version"), nullptr) << message.text;
  EXPECT_NE(strstr(message.text, "dotprod, i8mm, bf16, amx-int8, amx-bf16"),
            nullptr)
      << message.text;
}

TEST_F(VariantTest, LevelsOfThisProcessorAreConsistent) {
  uint64_t features = detectFeatures();
  if (features & QUERN_FEATURE_X86_64_V4) {
    EXPECT_TRUE(features & QUERN_FEATURE_X86_64_V3);
  }
  if (features & QUERN_FEATURE_AVX512VNNI) {
    EXPECT_TRUE(features & QUERN_FEATURE_X86_64_V4);
  }
}

} // namespace
