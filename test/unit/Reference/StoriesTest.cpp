// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A trained model writes the text that llama2.c writes with it.

#include "mlir/Pass/PassManager.h"
#include "quern/Import/Import.h"
#include "quern/Quantize/Passes.h"
#include "quern/Reference/ReferenceModel.h"
#include "quern/Weights/Registry.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace quern;

static const std::string folder =
    std::string(QUERN_SHARED_DATA) + "/lm/stories260K";
static constexpr int32_t bos = 1;

static std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The pieces of tok512.bin: u32 longest, then for each token its score as f32,
/// its length as u32 and its bytes.
static std::vector<std::string> readPieces() {
  std::string data = readFile(folder + "/tok512.bin");
  std::vector<std::string> pieces;
  for (size_t at = 4; at + 8 <= data.size();) {
    uint32_t length;
    std::memcpy(&length, data.data() + at + 4, 4);
    std::string piece = data.substr(at + 8, length);
    unsigned byte;
    if (std::sscanf(piece.c_str(), "<0x%02X>", &byte) == 1)
      piece = std::string(1, char(byte));
    pieces.push_back(piece);
    at += 8 + length;
  }
  return pieces;
}

TEST(StoriesTest, GreedyTextIsLlama2Cs) {
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "shared/data/lm/stories260K is not there";
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::PassManager passes(&context);
  passes.addPass(quantize::createAssignCacheEncodingPass({"f32"}));
  auto module =
      import::importHuggingFace(context, folder, import::ImportOptions());
  ASSERT_TRUE(module) << module.status().message();
  ASSERT_TRUE(mlir::succeeded(passes.run(**module)));
  auto weights = weights::openWeights(folder);
  ASSERT_TRUE(weights) << weights.status().message();
  auto model = reference::ReferenceModel::create(**module, std::move(*weights));
  ASSERT_TRUE(model) << model.status().message();

  std::vector<std::string> pieces = readPieces();
  std::string expected = readFile(folder + "/golden_greedy_200.txt");
  std::string text;
  int32_t token = bos;
  for (int step = 0; step < 200; ++step) {
    auto logits = model->extend(Span<const int32_t>(&token, 1), 1);
    ASSERT_TRUE(logits) << logits.status().message();
    Span<const float> row = logits->row(0);
    int32_t next =
        int32_t(std::max_element(row.begin(), row.end()) - row.begin());
    std::string piece = pieces.at(size_t(next));
    // As sentencepiece, llama2.c drops the space that follows BOS.
    if (token == bos && piece[0] == ' ')
      piece.erase(0, 1);
    text += piece;
    token = next;
  }
  EXPECT_EQ(text, expected);
}
