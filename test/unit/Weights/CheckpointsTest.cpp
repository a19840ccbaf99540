// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How checkpoints store weights: the shipped entries, and what is wrong
// with others.

#include "quern/Weights/Checkpoints.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Numerics/Layout.h"

#include <cctype>
#include <cmath>
#include <gtest/gtest.h>

namespace quern::weights {
namespace {

CheckpointParameters gptq() {
  CheckpointParameters parameters;
  parameters.setShape(64, 256, 1, 128);
  parameters.setType("scale", DType::F16);
  parameters.set("bits", 4);
  parameters.set("less", 1);
  return parameters;
}

/// Parameters that entry `name` needs, of a weight [64, 256].
CheckpointParameters exampleOf(const std::string &name, int64_t bits) {
  CheckpointParameters parameters = gptq();
  bool isFlat = name == "bnb_4bit";
  if (isFlat)
    parameters.setShape(64, 256, 1, 64);
  for (auto [key, number] :
       {std::pair("bits", bits), std::pair("words", int64_t(1)),
        std::pair("block_size", int64_t(64)), std::pair("experts", int64_t(4)),
        std::pair("nested_size", int64_t(256))})
    parameters.set(key, number);
  parameters.setType("scale", name == "fp8" ? DType::F32 : DType::F16);
  parameters.setType("zero", DType::F16);
  parameters.set("kind", std::string("nf4"));
  parameters.set("map", std::string("@dynamic8"));
  return parameters;
}

/// The first of its values.
void setParameter(CheckpointParameters &parameters,
                  const CheckpointCondition &condition) {
  const std::string &value = condition.values[0];
  if (std::isdigit((unsigned char)value[0]))
    parameters.set(condition.parameter, std::stoll(value));
  else
    parameters.set(condition.parameter, value);
}

TEST(Checkpoints, AnEntryForAWeight) {
  CheckpointParameters parameters = gptq();
  const CheckpointEntry *entry = findCheckpointEntry("gptq", parameters);
  ASSERT_TRUE(entry);
  EXPECT_EQ(*entry->formatText(parameters), "u4 [1, 128], scale f16, zero u4");
  EXPECT_EQ(*entry->layoutText(parameters),
            "tile [*, *] 8192B { code @0 row(64:32) col(8:4, 32:2048) } + "
            "tile [*, *] 64B { zero @0 row(64:4) col(2:256) less 1 } + "
            "tile [*, *] 256B { scale @0 row(64:16) col(2:1024) }");
  ASSERT_EQ(entry->tensors.size(), 4u);
  EXPECT_EQ(entry->tensors[0].suffix, "qweight");
  EXPECT_EQ(entry->tensors[0].types, std::vector<DType>{DType::I32});
  EXPECT_EQ(*entry->shapeOf(entry->tensors[0], parameters),
            (std::vector<int64_t>{32, 64}));
  EXPECT_EQ(entry->tensors[2].typeName, "scale");
  EXPECT_EQ(entry->tensors[2].types.size(), 3u);
  EXPECT_EQ(entry->tensors[3].role, CheckpointRole::Groups);
}

TEST(Checkpoints, ConditionsChoose) {
  CheckpointParameters parameters = gptq();
  parameters.set("bits", 3);
  const CheckpointEntry *entry = findCheckpointEntry("gptq", parameters);
  ASSERT_TRUE(entry);
  EXPECT_EQ(*entry->formatText(parameters), "u3 [1, 128], scale f16, zero u3");
  parameters.set("bits", 5);
  EXPECT_FALSE(findCheckpointEntry("gptq", parameters));
  EXPECT_FALSE(findCheckpointEntry("nobody", gptq()));
}

TEST(Checkpoints, NamesOfTensors) {
  CheckpointTensor tensor;
  tensor.suffix = "qweight";
  EXPECT_EQ(tensor.nameFor("a.b.weight"), "a.b.qweight");
  EXPECT_EQ(tensor.nameFor("a.b"), "a.b.qweight");
  tensor.suffix = "*_blocks";
  EXPECT_EQ(tensor.nameFor("a.b"), "a.b_blocks");
}

TEST(Checkpoints, Blocks) {
  auto blockOf = [](int64_t blockRows, int64_t blockCols) {
    CheckpointParameters parameters;
    parameters.setShape(64, 96, blockRows, blockCols);
    return *parameters.text("block") + " " + *parameters.text("down") + " " +
           *parameters.text("across");
  };
  EXPECT_EQ(blockOf(1, 32), "[1, 32] 64 3");
  EXPECT_EQ(blockOf(1, 0), "[1, *] 64 1");
  EXPECT_EQ(blockOf(0, 0), "[*, *] 1 1");
  EXPECT_EQ(blockOf(1, 64), "[1, 64] partial 64 2");
  EXPECT_EQ(blockOf(32, 32), "[32, 32] partial 2 3");
}

/// Every shipped entry, for a weight that it fits: the layout places each bit
/// of the format once, and each segment has the bytes of its tensor.
TEST(Checkpoints, EntriesAreFormatsAndLayouts) {
  ASSERT_GE(checkpointEntries().size(), 20u);
  for (const CheckpointEntry &entry : checkpointEntries()) {
    bool isChecked = false;
    for (int64_t bits : {2, 3, 4, 6, 8}) {
      CheckpointParameters parameters = exampleOf(entry.name, bits);
      for (const CheckpointCondition &condition : entry.conditions)
        if (condition.parameter != "bits")
          setParameter(parameters, condition);
      if (!entry.holdsFor(parameters))
        continue;
      isChecked = true;
      SCOPED_TRACE(entry.name + " " + std::to_string(bits));
      Result<std::string> formatText = entry.formatText(parameters);
      ASSERT_TRUE(formatText.isOk()) << formatText.status().message();
      auto format = numerics::FormatRegistry::builtin().resolve(*formatText);
      ASSERT_TRUE(format.isOk()) << format.status().message();
      Result<std::string> text = entry.layoutText(parameters);
      ASSERT_TRUE(text.isOk()) << text.status().message();
      auto layout = numerics::parseLayout(*text);
      ASSERT_TRUE(layout.isOk()) << layout.status().message();
      Status status = numerics::checkLayout(*layout, *format, 64, 256);
      EXPECT_TRUE(status.isOk()) << status.message() << ": " << *text;
      size_t segment = 0;
      for (const CheckpointTensor &tensor : entry.tensors) {
        if (tensor.segment.empty())
          continue;
        int64_t bytes = numerics::segmentBytes(*layout, segment++, 64, 256);
        if (tensor.shape && !tensor.types.empty()) {
          Result<std::vector<int64_t>> shape =
              entry.shapeOf(tensor, parameters);
          ASSERT_TRUE(shape.isOk()) << shape.status().message();
          int64_t expected = dtypeBits(tensor.types[0]) / 8;
          for (int64_t extent : *shape)
            expected *= extent;
          EXPECT_EQ(bytes, expected) << tensor.suffix;
        }
      }
    }
    EXPECT_TRUE(isChecked) << entry.name;
  }
}

/// The weights of gpt-oss' experts, whose architecture is not imported: one
/// matrix of the rows of all, E2M1 * 2^(e - 127), the first of two elements in
/// the low half of a byte.
TEST(Checkpoints, ExpertsOfGptOss) {
  constexpr int64_t rows = 12, cols = 64, groups = rows * cols / 32;
  CheckpointParameters parameters;
  parameters.setShape(rows, cols, 1, 32);
  parameters.set("experts", 3);
  const CheckpointEntry *entry =
      findCheckpointEntry("gpt_oss_mxfp4", parameters);
  ASSERT_TRUE(entry);
  EXPECT_EQ(*entry->shapeOf(entry->tensors[0], parameters),
            (std::vector<int64_t>{3, 4, 2, 16}));
  EXPECT_EQ(entry->tensors[1].nameFor("mlp.experts.down_proj"),
            "mlp.experts.down_proj_scales");
  std::vector<uint8_t> blocks, scales;
  for (int64_t i = 0; i < rows * cols / 2; ++i)
    blocks.push_back(uint8_t(i * 37 + 11));
  for (int64_t i = 0; i < groups; ++i)
    scales.push_back(uint8_t(120 + i % 11));
  auto format = numerics::FormatRegistry::builtin().resolve(
      *entry->formatText(parameters));
  auto layout = numerics::parseLayout(*entry->layoutText(parameters));
  std::vector<Span<const uint8_t>> segments = {blocks, scales};
  auto coded =
      numerics::unpackSegments(*layout, *format, rows, cols, 0, rows, segments);
  ASSERT_TRUE(coded.isOk()) << coded.status().message();
  std::vector<float> values = numerics::decodeRows(*format, *coded);
  const float e2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (int64_t i = 0; i < rows * cols; ++i) {
    unsigned code = blocks[size_t(i / 2)] >> (i % 2 * 4) & 15;
    float expected = std::ldexp(code & 8 ? -e2m1[code & 7] : e2m1[code],
                                scales[size_t(i / 32)] - 127);
    EXPECT_EQ(values[size_t(i)], expected) << i;
  }
}

TEST(Checkpoints, Expressions) {
  CheckpointParameters parameters = gptq();
  auto value = [&](const std::string &text) {
    Result<int64_t> result = evaluateExpression(text, parameters);
    return result ? std::to_string(*result) : result.status().message();
  };
  EXPECT_EQ(value("rows*bits/32 + 2*(cols - 1)"), "518");
  EXPECT_EQ(value("ceil(cols, 3) "), "86");
  EXPECT_EQ(value("floor(cols, 3)"), "85");
  EXPECT_EQ(value("cols / 3"),
            "in 'cols / 3': expects a multiple of 3, but got 256");
  EXPECT_EQ(value("1/0"), "in '1/0': expects a multiple of 0, but got 1");
  EXPECT_EQ(value("scale"), "in 'scale': expects a parameter that is a number, "
                            "but got 'scale'");
  EXPECT_EQ(value("1099511627776*1099511627776"),
            "in '1099511627776*1099511627776': expects numbers below 2^63");
  EXPECT_EQ(value("(1"), "in '(1': expects ')'");
  EXPECT_EQ(value("1 1"),
            "in '1 1': expects an operator or the end, but got '1'");
  EXPECT_EQ(value("+"), "in '+': expects a number, a parameter or '('");
}

TEST(Checkpoints, TextsThatAreNone) {
  auto errorOf = [](const std::string &text) {
    return parseCheckpoints(text, "f").status().message();
  };
  EXPECT_EQ(
      errorOf("# nothing\n\na\n  format f32\n  w F32 [] tile [1, 1] 4B {}"),
      "");
  EXPECT_EQ(errorOf("  format f32"),
            "f:1: expects the name of an entry before its lines");
  EXPECT_EQ(errorOf("a\n  w F7 [] shape"),
            "f:2: expects a type of safetensors, but got 'F7'");
  EXPECT_EQ(errorOf("a\n  w F32 shape"),
            "f:2: expects '*' or a shape in brackets, but got 'shape'");
  EXPECT_EQ(errorOf("a\n  w F32 * bytes"),
            "f:2: expects 'tile ...', 'constant tile ...', 'groups', 'groups "
            "optional', 'shape', 'codes ...', 'table ...', 'state', "
            "'activation' or 'note', but got 'bytes'");
  EXPECT_EQ(errorOf("a when bits"),
            "f:1: expects PARAMETER=VALUE, but got 'bits'");
}

} // namespace
} // namespace quern::weights
