// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file GGUF files as they are written, read back.

#include "quern/Export/Gguf.h"
#include "quern/Weights/Registry.h"

#include <filesystem>
#include <gtest/gtest.h>

using namespace quern;
using namespace quern::exporter;

namespace {

class GgufFileTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "quern-export-" +
             testing::UnitTest::GetInstance()->current_test_info()->name() +
             "/";
    std::filesystem::create_directories(folder);
    path = folder + "m.gguf";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  size_t filesLeft() const {
    return std::distance(std::filesystem::directory_iterator(folder), {});
  }

  std::string folder, path;
};

ContainerTensor tensorOf(const std::string &name, const std::string &type,
                         std::vector<int64_t> shape, uint64_t bytes) {
  ContainerTensor tensor;
  tensor.name = name;
  tensor.type = type;
  tensor.shape = std::move(shape);
  tensor.bytes = bytes;
  return tensor;
}

GgufValues someValues() {
  GgufValues values;
  values.string("general.architecture", "llama");
  values.u32("a.count", 4'000'000'000);
  values.f32("a.real", 0.1f);
  values.boolean("a.flag", true);
  values.strings("a.words", {"", "b c"});
  values.i32s("a.numbers", {-1, 2});
  values.f32s("a.scores", {-0.5f});
  values.u32("a.count", 7); // there already
  return values;
}

TEST_F(GgufFileTest, EveryKindOfValueComesBack) {
  GgufValues values = someValues();
  auto writer = createGguf(path, values, {});
  ASSERT_TRUE(writer.isOk()) << writer.status().message();
  ASSERT_TRUE((*writer)->finish().isOk());
  auto source = weights::openWeights(path);
  ASSERT_TRUE(source.isOk()) << source.status().message();
  const weights::Metadata &found = (*source)->metadata();
  EXPECT_EQ(found.entries().size(), 7u);
  EXPECT_EQ(found.find("a.count")->integer(), 4'000'000'000);
  EXPECT_EQ(found.find("a.real")->real(), double(0.1f));
  EXPECT_EQ(found.find("a.flag")->boolean(), true);
  EXPECT_EQ(found.find("a.words")->string(1), "b c");
  EXPECT_EQ(found.find("a.numbers")->integer(0), -1);
  EXPECT_EQ(found.find("a.scores")->real(0), -0.5);

  // A copy of every value has the same bytes.
  GgufValues copies;
  for (const char *key : {"general.architecture", "a.count", "a.real", "a.flag",
                          "a.words", "a.numbers", "a.scores"})
    copies.copy(key, *found.find(key));
  EXPECT_EQ(copies.bytes(), values.bytes());
}

TEST_F(GgufFileTest, TensorsInAnyOrder) {
  auto writer = createGguf(
      path, someValues(),
      {tensorOf("a", "Q8_0", {1, 32}, 34), tensorOf("b", "F32", {3}, 12)});
  ASSERT_TRUE(writer.isOk()) << writer.status().message();
  std::vector<uint8_t> first(34, 1), second(12, 2);
  ASSERT_TRUE((*writer)->write(1, second).isOk());
  ASSERT_TRUE((*writer)->write(0, first).isOk());
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE((*writer)->finish().isOk());
  auto source = weights::openWeights(path);
  ASSERT_TRUE(source.isOk()) << source.status().message();
  const weights::TensorInfo *a = (*source)->find("a");
  EXPECT_EQ(a->encoding, "q8_0");
  EXPECT_EQ(a->shape, (std::vector<int64_t>{1, 32}));
  EXPECT_TRUE(std::equal(first.begin(), first.end(), a->bytes.begin()));
  EXPECT_EQ((*source)->find("b")->bytes[0], 2);
}

TEST_F(GgufFileTest, NothingIsLeftOfAnUnfinishedFile) {
  {
    auto writer =
        createGguf(path, someValues(), {tensorOf("a", "F32", {1}, 4)});
    ASSERT_TRUE(writer.isOk());
    EXPECT_EQ((*writer)->finish().message(), "tensor 'a': was not written");
    std::vector<uint8_t> bytes(3);
    EXPECT_EQ((*writer)->write(0, bytes).message(),
              "tensor 'a': expects 4 bytes, but got 3");
    EXPECT_EQ(filesLeft(), 1u);
  }
  EXPECT_EQ(filesLeft(), 0u);
}

TEST_F(GgufFileTest, NamesAndTypesThatTheFormatDoesNotHave) {
  auto message = [&](ContainerTensor tensor) {
    return createGguf(path, GgufValues(), {std::move(tensor)})
        .status()
        .message();
  };
  std::string name(64, 'n');
  EXPECT_EQ(message(tensorOf(name, "F32", {1}, 4)),
            path + ": tensor '" + name +
                "': expects a name of at most 63 bytes, but got 64");
  EXPECT_EQ(message(tensorOf("a", "F33", {1}, 4)),
            path + ": tensor 'a': expects a type of ggml, but got 'F33'");
  EXPECT_EQ(filesLeft(), 0u);
}

} // namespace
