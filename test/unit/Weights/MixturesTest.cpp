// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Mixtures of llama-quantize. Whether they are its own is tested in
// test/Python/test_llama_cpp.py.

#include "quern/Weights/GgufMixtures.h"

#include <gtest/gtest.h>

using namespace quern::weights;

TEST(MixturesTest, ShippedTextParses) {
  EXPECT_EQ(mixtureNames().size(), 35u);
  for (const std::string &name : mixtureNames()) {
    const Mixture *mixture = findMixture(name);
    ASSERT_TRUE(mixture && mixture->type) << name;
    for (const MixtureRule &rule : mixture->rules)
      EXPECT_TRUE(rule.type) << name << " " << rule.weight;
  }
  EXPECT_EQ(findMixture("q4_k_m"), findMixture("Q4_K_M"));
  EXPECT_EQ(findMixture("Q9"), nullptr);
}

TEST(MixturesTest, TheFirstLineThatFitsDecides) {
  const Mixture &mixture = *findMixture("Q4_K_M");
  MixtureModel model{80, 64, 8, false};
  auto nameIn = [&](const char *tensor, int64_t columns) {
    return typeIn(mixture, model, tensor, columns)->name;
  };
  EXPECT_EQ(nameIn("blk.0.attn_v.weight", 256), "Q6_K");
  EXPECT_EQ(nameIn("blk.10.attn_v.weight", 256), "Q5_K");
  EXPECT_EQ(nameIn("blk.10.ffn_down.weight", 256), "Q4_K");
  EXPECT_EQ(nameIn("blk.12.ffn_down.weight", 256), "Q6_K");
  EXPECT_EQ(nameIn("output.weight", 256), "Q6_K");
  EXPECT_EQ(nameIn("token_embd.weight", 256), "Q4_K");
  model.isTied = true;
  EXPECT_EQ(nameIn("token_embd.weight", 256), "Q6_K");
}

TEST(MixturesTest, RowsThatBlocksDoNotDivide) {
  const Mixture &mixture = *findMixture("Q4_K_M");
  MixtureModel model{8, 8, 8, false};
  EXPECT_EQ(typeIn(mixture, model, "blk.3.attn_q.weight", 96)->name, "Q5_0");
  EXPECT_EQ(typeIn(mixture, model, "blk.0.attn_v.weight", 96)->name, "Q8_0");
  EXPECT_EQ(typeIn(mixture, model, "blk.3.attn_q.weight", 80)->name, "F16");
  EXPECT_EQ(typeIn(mixture, model, "output.weight", 96)->name, "Q8_0");
}

TEST(MixturesTest, WhatAFileSaysItIs) {
  EXPECT_EQ(fileTypeOf("F32"), 0u);
  EXPECT_EQ(fileTypeOf("Q4_K"), 15u);
  EXPECT_EQ(fileTypeOf("Q3_K"), 12u);
  EXPECT_EQ(fileTypeOf("I8"), std::nullopt);
}
