// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file GGUF files: what is read, and what every way of lying about it is told.

#include "GgufBuilder.h"
#include "quern/Weights/Registry.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace quern;
using namespace quern::weights;
using namespace quern::weights::test;

namespace {

/// Writes files into a folder of its own, which goes with the test.
class GgufTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "quern-gguf-" +
             testing::UnitTest::GetInstance()->current_test_info()->name() +
             "/";
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string &bytes,
                    const std::string &name = "model.gguf") {
    std::ofstream(folder + name, std::ios::binary) << bytes;
    return folder + name;
  }
  std::unique_ptr<WeightSource> open(const GgufBuilder &file) {
    Result<std::unique_ptr<WeightSource>> source =
        openWeights(write(file.bytes()));
    EXPECT_TRUE(source.isOk()) << source.status().message();
    return source ? std::move(*source) : nullptr;
  }
  /// The message of a file that must be refused, without the path before it.
  std::string errorOf(const std::string &bytes) {
    std::string path = write(bytes);
    Result<std::unique_ptr<WeightSource>> source = openWeights(path);
    EXPECT_FALSE(source.isOk());
    std::string message = source.status().message();
    EXPECT_EQ(message.substr(0, path.size() + 2), path + ": ");
    return message.substr(std::min(path.size() + 2, message.size()));
  }
  std::string errorOf(const GgufBuilder &file) { return errorOf(file.bytes()); }

  std::string folder;
};

/// A file with one value of this key, type and bytes.
GgufBuilder withValue(const std::string &key, uint32_t type,
                      const std::string &bytes) {
  return GgufBuilder().value(key, type, bytes);
}

GgufBuilder withTensor(const std::vector<int64_t> &extents, uint32_t type,
                       const std::string &data = "") {
  return GgufBuilder().tensor("w", extents, type, data);
}

//===----------------------------------------------------------------------===//
// What is read
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, TensorsAreThoseOfTheFile) {
  for (uint32_t version : {2u, 3u}) {
    GgufBuilder file;
    file.version = version;
    file.smallTensor("b").tensor("a", {256, 3}, 12, std::string(3 * 144, 'x'));
    auto source = open(file);
    ASSERT_EQ(source->tensors().size(), 2u);
    const TensorInfo &coded = source->tensors()[0];
    EXPECT_EQ(coded.name, "a");
    EXPECT_EQ(coded.encoding, "q4_k");
    EXPECT_EQ(coded.typeText(), "q4_k");
    EXPECT_EQ(coded.shape, (std::vector<int64_t>{3, 256}));
    EXPECT_EQ(coded.bytes.size(), 3u * 144);
    EXPECT_EQ(coded.bytes[0], 'x');
    const TensorInfo &plain = source->tensors()[1];
    EXPECT_EQ(plain.dtype, DType::F32);
    EXPECT_EQ(plain.encoding, "");
    std::vector<float> values(4);
    ASSERT_TRUE(readRowsAsFloat(*source, "b", 0, 2, values).isOk());
    EXPECT_EQ(values, (std::vector<float>{1, 2, 3, 4}));
    EXPECT_FALSE(readRowsAsFloat(*source, "a", 0, 1, values).isOk());
  }
}

TEST_F(GgufTest, MetadataKeepsItsTypes) {
  GgufBuilder file;
  file.u32("a.count", 7)
      .text("a.name", "llama")
      .value("a.real", 6, bytesOf(0.5f))
      .value("a.flag", 7, "\1")
      .value("a.large", 10, bytesOf(uint64_t(1) << 63))
      .value("a.negative", 11, bytesOf(int64_t(-5)))
      .array("a.texts", 8, 2, stringOf("x") + stringOf(""))
      .array("a.bytes", 1, 2, std::string("\xff\x02", 2));
  auto source = open(file);
  const Metadata &facts = source->metadata();
  EXPECT_EQ(facts.entries().size(), 8u);
  EXPECT_EQ(facts.find("a.count")->integer(), 7);
  EXPECT_EQ(facts.find("a.count")->typeText(), "u32");
  EXPECT_EQ(facts.find("a.count")->boolean(), std::nullopt);
  EXPECT_EQ(facts.find("a.name")->string(), "llama");
  EXPECT_EQ(facts.find("a.real")->real(), 0.5);
  EXPECT_EQ(facts.find("a.real")->integer(), std::nullopt);
  EXPECT_EQ(facts.find("a.flag")->boolean(), true);
  EXPECT_EQ(facts.find("a.large")->integer(), std::nullopt);
  EXPECT_EQ(facts.find("a.large")->real(), 0x1p63);
  EXPECT_EQ(facts.find("a.negative")->integer(), -5);
  EXPECT_EQ(facts.find("a.texts")->typeText(), "array of string");
  EXPECT_EQ(facts.find("a.texts")->size(), 2u);
  EXPECT_EQ(facts.find("a.texts")->string(0), "x");
  EXPECT_EQ(facts.find("a.bytes")->integer(0), -1);
  EXPECT_EQ(facts.find("a.bytes")->integer(1), 2);
  EXPECT_EQ(facts.find("b"), nullptr);
}

TEST_F(GgufTest, AlignmentAndEmptyTensors) {
  GgufBuilder file;
  file.alignment = 64;
  file.u32("general.alignment", 64)
      .smallTensor("a")
      .tensor("nothing", {256, 0}, 12, "") // row 26
      .smallTensor("b");
  auto source = open(file);
  EXPECT_EQ(source->find("nothing")->bytes.size(), 0u);
  EXPECT_EQ(source->find("b")->bytes.size(), 16u);
  EXPECT_EQ(open(GgufBuilder().u32("k", 1))->tensors().size(), 0u);
  // Without tensors there is no data to pad for.
  std::string bare = GgufBuilder().u32("k", 1).description();
  EXPECT_TRUE(openWeights(write(bare)).isOk());
}

//===----------------------------------------------------------------------===//
// Header: rows 1 to 8 of the list of bad inputs
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, Header) {
  EXPECT_EQ(errorOf(""), "truncated header: expects 24 bytes, but got 0");
  EXPECT_EQ(errorOf("GGU"), "truncated header: expects 24 bytes, but got 3");
  EXPECT_EQ(errorOf(GgufBuilder().bytes().substr(0, 12)),
            "truncated header: expects 24 bytes, but got 12");
  GgufBuilder file;
  file.magic = "FUGG";
  EXPECT_EQ(errorOf(file), "bad magic: expects 47 47 55 46 (GGUF), but got 46 "
                           "55 47 47");
  file.magic = "GGML";
  EXPECT_EQ(errorOf(file), "bad magic: expects 47 47 55 46 (GGUF), but got 47 "
                           "47 4d 4c");
  file.magic = "\x1f\x8b\x08\x01";
  EXPECT_EQ(errorOf(file), "bad magic: expects 47 47 55 46 (GGUF), but got 1f "
                           "8b 08 01");
}

TEST_F(GgufTest, Versions) {
  GgufBuilder file;
  file.version = 0;
  EXPECT_EQ(errorOf(file), "invalid version 0: expects 2 or 3");
  file.version = 1;
  EXPECT_EQ(errorOf(file), "obsolete version 1: expects 2 or 3; convert the "
                           "file with a newer version of its writer");
  file.version = 4;
  EXPECT_EQ(errorOf(file), "unsupported version 4: expects 2 or 3; the file is "
                           "newer than this program");
  file.version = 0x03000000;
  EXPECT_EQ(errorOf(file), "endianness mismatch: expects a little-endian file, "
                           "but the version's bytes are those of a big-endian "
                           "one");
}

TEST_F(GgufTest, Counts) {
  for (int64_t count : {int64_t(-1), int64_t(1) << 62}) {
    GgufBuilder tensors, values;
    tensors.tensorCount = count;
    EXPECT_EQ(errorOf(tensors),
              "impossible count of tensors: expects 0 to 0 in a file of this "
              "size, but got " +
                  std::to_string(count));
    values.valueCount = count;
    EXPECT_EQ(errorOf(values),
              "impossible count of values: expects 0 to 0 in a file of this "
              "size, but got " +
                  std::to_string(count));
  }
}

//===----------------------------------------------------------------------===//
// Values: rows 9 to 20, 38
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, Strings) {
  GgufBuilder file;
  file.values.push_back(bytesOf(UINT64_MAX) + "key and more bytes");
  EXPECT_EQ(errorOf(file), "value 0: string exceeds the file: expects key of "
                           "at most 32 bytes, but its length says "
                           "18446744073709551615");
  EXPECT_EQ(errorOf(withValue("k", 8, bytesOf(uint64_t(2) << 30) + "text")),
            "key 'k': string exceeds the file: expects string of at most 19 "
            "bytes, but its length says 2147483648");
}

TEST_F(GgufTest, Keys) {
  EXPECT_EQ(errorOf(GgufBuilder().u32("", 1)), "value 0: empty key");
  EXPECT_EQ(errorOf(GgufBuilder().u32("k\xff", 1)),
            "value 0: invalid key 'k\\xFF': expects printable ASCII");
  EXPECT_EQ(errorOf(GgufBuilder().u32(std::string("k\0k", 3), 1)),
            "value 0: invalid key 'k\\x00k': expects printable ASCII");
  EXPECT_EQ(errorOf(GgufBuilder().u32(std::string(70000, 'k'), 1)),
            "value 0: invalid key: expects at most 65535 bytes, but got 70000");
  EXPECT_EQ(errorOf(GgufBuilder().u32("k", 1).text("j", "").text("k", "")),
            "key 'k': duplicate key");
}

TEST_F(GgufTest, ValueTypes) {
  EXPECT_EQ(errorOf(withValue("k", 13, bytesOf(1))),
            "key 'k': unknown value type 13: expects 0 to 12");
  EXPECT_EQ(errorOf(withValue("k", UINT32_MAX, bytesOf(1))),
            "key 'k': unknown value type -1: expects 0 to 12");
  EXPECT_EQ(errorOf(GgufBuilder().array("k", 13, 1, bytesOf(1))),
            "key 'k': unknown value type 13: expects 0 to 12");
  EXPECT_EQ(errorOf(withValue("k", 7, "\2")),
            "key 'k': invalid bool: expects 0 or 1, but got 2");
  EXPECT_EQ(errorOf(GgufBuilder().array("k", 7, 3, std::string("\0\1\2", 3))),
            "key 'k': invalid bool: expects 0 or 1, but got 2");
}

TEST_F(GgufTest, Arrays) {
  EXPECT_EQ(errorOf(GgufBuilder().array("k", 10, uint64_t(1) << 61, "x")),
            "key 'k': array exceeds the file: expects at most 1 elements of "
            "u64 in the bytes that are left, but got 2305843009213693952");
  EXPECT_EQ(errorOf(GgufBuilder().array("k", 9, 1, bytesOf(uint64_t(0)))),
            "key 'k': nested array unsupported: expects an array of numbers, "
            "bools or strings, but got one of arrays");
  EXPECT_EQ(errorOf(GgufBuilder().array("k", 8, 5, stringOf("x"))),
            "key 'k': array exceeds the file: expects at most 1 elements of "
            "string in the bytes that are left, but got 5");
}

TEST_F(GgufTest, Alignments) {
  const std::string wanted = ": expects a u32 that is a power of two and a "
                             "multiple of 8, but got ";
  const std::string key = "general.alignment";
  auto at = "key '" + key + "': ";
  for (uint32_t bad : {0u, 13u})
    EXPECT_EQ(errorOf(GgufBuilder().u32(key, bad)),
              at + "bad alignment" + wanted + std::to_string(bad));
  for (uint32_t bad : {1u, 4u})
    EXPECT_EQ(errorOf(GgufBuilder().u32(key, bad)),
              at + "nonconforming alignment" + wanted + std::to_string(bad));
  EXPECT_EQ(errorOf(withValue(key, 10, bytesOf(uint64_t(32)))),
            at + "bad alignment" + wanted + "a value of type u64");
  EXPECT_EQ(errorOf(GgufBuilder().array(key, 4, 1, bytesOf(32))),
            at + "bad alignment" + wanted + "a value of type array of u32");
  EXPECT_EQ(errorOf(GgufBuilder().u32(key, 1u << 31)),
            "data section outside the file: expects it to begin at byte "
            "2147483648, a multiple of 2147483648, but the file ends at 64");
}

/// Cut after each byte, a file is refused with the place and what is missing.
TEST_F(GgufTest, Truncations) {
  GgufBuilder file;
  file.u32("first", 1).text("second", "text").smallTensor();
  std::string whole = file.bytes();
  for (size_t size = 24; size < whole.size(); ++size) {
    std::string message = errorOf(whole.substr(0, size));
    EXPECT_TRUE(message.find("truncated at byte " + std::to_string(size)) !=
                    std::string::npos ||
                message.find("exceeds the file") != std::string::npos ||
                message.find("impossible count") != std::string::npos ||
                message.find("data section outside") != std::string::npos ||
                message.find("data truncated") != std::string::npos)
        << size << ": " << message;
  }
  const std::string longKey(60, 'x'); // so that the counts are possible
  GgufBuilder longer;
  longer.u32("first", 1).text(longKey, "").smallTensor();
  // The header, one value of 21 bytes, a key, and two bytes of its type.
  size_t type = 24 + 21 + 8 + longKey.size();
  EXPECT_EQ(errorOf(longer.bytes().substr(0, type + 2)),
            "key '" + longKey +
                "': truncated at byte 115: expects value type of 4 bytes at "
                "byte 113, but the file ends after 2 of them");
}

//===----------------------------------------------------------------------===//
// Tensors: rows 21 to 37
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, Ranks) {
  EXPECT_EQ(errorOf(withTensor({1, 1, 1, 1, 1}, 0, bytesOf(1))),
            "tensor 'w': bad rank: expects 1 to 4 extents, but got 5");
  EXPECT_EQ(errorOf(withTensor({}, 0, bytesOf(1.0f) + "room for an extent")),
            "tensor 'w': bad rank: expects 1 to 4 extents, but got 0");
  GgufBuilder file = withTensor({1}, 0, bytesOf(1));
  std::string bytes = file.bytes();
  size_t rank = 24 + 8 + 1;
  bytes.replace(rank, 4, bytesOf(UINT32_MAX));
  EXPECT_EQ(errorOf(bytes),
            "tensor 'w': bad rank: expects 1 to 4 extents, but got 4294967295");
  EXPECT_EQ(errorOf(withTensor({2, -1}, 0, bytesOf(1))),
            "tensor 'w': negative dimension in shape [-1, 2]");
}

TEST_F(GgufTest, Overflows) {
  const int64_t two = 1;
  std::vector<std::vector<int64_t>> shapes = {
      {(two << 42) + 1, two << 22},
      {two << 62},
      {two << 31, two << 31},
      {two << 32, two << 32},
      {65536, 65536, 65536, 65536},
      {two << 32, two << 32, 0},
      {0, two << 32, two << 32, 1 << 1},
  };
  for (const std::vector<int64_t> &shape : shapes) {
    std::string message = errorOf(withTensor(shape, 0, bytesOf(1)));
    EXPECT_EQ(message.substr(0, message.find(", but got")),
              "tensor 'w': element-count overflow: expects a size that fits 63 "
              "bits")
        << shape.size();
  }
  EXPECT_EQ(errorOf(GgufBuilder()
                        .tensor("a", {0x7FFFFFFFFFFFFFC0}, 24, "")
                        .tensor("b", {0x7FFFFFFFFFFFFFC0}, 24, "")),
            "tensor 'b': offset differs from the end of the tensors before it: "
            "expects offset 9223372036854775744, but got 0");
  const int64_t half = 0x7FFFFFFFFFFFFFC0;
  EXPECT_EQ(errorOf(GgufBuilder()
                        .tensor("a", {half}, 24, "")
                        .tensor("b", {half}, 24, "", half)),
            "tensor 'b': total size overflow: expects tensors of less than "
            "2^63 bytes together");
  EXPECT_EQ(errorOf(withTensor({0x7FFFFFFFFFFFFFFF}, 24)),
            "tensor 'w': total size overflow: expects tensors of less than "
            "2^63 bytes together");
}

TEST_F(GgufTest, DataBeyondTheFile) {
  for (int power = 33; power <= 40; ++power)
    EXPECT_EQ(errorOf(withTensor({int64_t(1) << power}, 0)),
              "tensor 'w': data truncated: expects " +
                  std::to_string(int64_t(4) << power) +
                  " bytes of data up to the end of this tensor and its "
                  "padding, but the file holds 0");
}

TEST_F(GgufTest, TensorTypes) {
  auto messageOf = [&](uint32_t type) {
    return errorOf(withTensor({256}, type, std::string(1024, 'x')));
  };
  EXPECT_EQ(messageOf(4),
            "tensor 'w': removed type 4 (Q4_2): expects a type that is still "
            "in use; convert the file with a newer version of its writer");
  EXPECT_EQ(messageOf(31).substr(0, 36),
            "tensor 'w': removed type 31 (Q4_0_4_");
  for (uint32_t type : {43u, 1u << 31})
    EXPECT_EQ(messageOf(type),
              "tensor 'w': unknown type " + std::to_string(type) +
                  ": expects one of ggml's types of tensors, from 0 to 42");
  for (auto [type, name] : {std::pair(9u, "Q8_1"), std::pair(15u, "Q8_K")})
    EXPECT_EQ(messageOf(type),
              "tensor 'w': internal-only type " + std::to_string(type) + " (" +
                  name +
                  "): expects a type of weights, but got one that activations "
                  "have in memory");
  EXPECT_EQ(errorOf(withTensor({255}, 12, std::string(144, 'x'))),
            "tensor 'w': row not a multiple of the block: expects rows of a "
            "multiple of 256 elements, as Q4_K has them, but got shape [255]");
}

TEST_F(GgufTest, TensorNames) {
  EXPECT_EQ(errorOf(GgufBuilder().smallTensor(std::string(64, 'n'))),
            "tensor 0: tensor name too long: expects at most 63 bytes, but '" +
                std::string(64, 'n') + "' has 64");
  EXPECT_EQ(errorOf(GgufBuilder().smallTensor("")),
            "tensor 0: bad tensor name '': expects a name without NUL that is "
            "not empty");
  EXPECT_EQ(errorOf(GgufBuilder().smallTensor(std::string("w\0", 2))),
            "tensor 0: bad tensor name 'w\\x00': expects a name without NUL "
            "that is not empty");
  EXPECT_EQ(errorOf(GgufBuilder().smallTensor("w").smallTensor("w")),
            "tensor 'w': duplicate tensor");
}

TEST_F(GgufTest, Offsets) {
  auto messageOf = [&](int64_t first, int64_t second) {
    const std::string data(16, 'x');
    return errorOf(GgufBuilder()
                       .tensor("a", {4}, 0, data, first)
                       .tensor("b", {4}, 0, data, second));
  };
  auto expected = [](const char *name, int64_t right, int64_t wrong) {
    return "tensor '" + std::string(name) +
           "': offset differs from the end of the tensors before it: expects "
           "offset " +
           std::to_string(right) + ", but got " + std::to_string(wrong);
  };
  EXPECT_EQ(messageOf(1, 32), expected("a", 0, 1));
  EXPECT_EQ(messageOf(0, 0), expected("b", 32, 0));   // overlap
  EXPECT_EQ(messageOf(0, 64), expected("b", 32, 64)); // hole
  EXPECT_EQ(messageOf(32, 0), expected("a", 0, 32));  // reordered
}

TEST_F(GgufTest, DataSection) {
  std::string whole = GgufBuilder().smallTensor().bytes();
  auto truncated = [](size_t holds) {
    return "tensor 'w': data truncated: expects 32 bytes of data up to the end "
           "of this tensor and its padding, but the file holds " +
           std::to_string(holds);
  };
  EXPECT_EQ(errorOf(whole.substr(0, whole.size() - 1)), truncated(31));
  EXPECT_EQ(errorOf(whole.substr(0, whole.size() - 16)), truncated(16));
  EXPECT_EQ(errorOf(whole.substr(0, whole.size() - 32)), truncated(0));
  EXPECT_EQ(errorOf(whole + "x"),
            "trailing data: expects the file to end with its last tensor, but "
            "1 bytes follow");
}

/// Whatever a byte is, the file is read or refused by its name.
TEST_F(GgufTest, EveryByteMayBeWrong) {
  GgufBuilder file;
  file.u32("general.alignment", 32)
      .array("a.texts", 8, 2, stringOf("x") + stringOf("yz"))
      .value("a.flag", 7, "\1")
      .tensor("b", {256, 2}, 12, std::string(288, 'x'))
      .smallTensor();
  const std::string whole = file.bytes();
  for (size_t at = 0; at < file.description().size(); ++at)
    for (int changed : {0, 1, 255, whole[at] ^ 1, whole[at] ^ 128}) {
      std::string bytes = whole;
      bytes[at] = char(changed);
      std::string path = write(bytes);
      Result<std::unique_ptr<WeightSource>> source = openWeights(path);
      if (!source) {
        EXPECT_EQ(source.status().message().find(path + ": "), 0u) << at;
        continue;
      }
      for (const TensorInfo &tensor : (*source)->tensors())
        EXPECT_LE(tensor.bytes.size(), whole.size()) << at;
    }
}

//===----------------------------------------------------------------------===//
// Shards: row 46
//===----------------------------------------------------------------------===//

/// A shard with one tensor.
GgufBuilder shard(uint16_t number, uint16_t count, const std::string &tensor,
                  int32_t tensors = 2) {
  return GgufBuilder()
      .text("shard", std::to_string(number))
      .u16("split.no", number)
      .u16("split.count", count)
      .value("split.tensors.count", 5, bytesOf(tensors))
      .smallTensor(tensor);
}

TEST_F(GgufTest, ShardsAreOneSource) {
  std::string first = write(shard(0, 2, "b").bytes(), "m-00001-of-00002.gguf");
  std::string second = write(shard(1, 2, "a").bytes(), "m-00002-of-00002.gguf");
  auto source = openWeights(first);
  ASSERT_TRUE(source.isOk()) << source.status().message();
  ASSERT_EQ((*source)->tensors().size(), 2u);
  EXPECT_EQ(*(*source)->tensors()[0].file, second);
  EXPECT_EQ(*(*source)->tensors()[1].file, first);
  EXPECT_EQ((*source)->metadata().find("shard")->string(), "0");
  EXPECT_EQ(openWeights(second).status().message(),
            second + ": expects the first shard, " + first +
                ", but got shard 2");
}

TEST_F(GgufTest, IncompleteShards) {
  EXPECT_EQ(errorOf(shard(0, 2, "a")),
            "shard set incomplete: expects a name that ends in "
            "'-00001-of-00002.gguf', because split.count is 2, and the others "
            "beside it");
  std::string first = write(shard(0, 2, "b").bytes(), "m-00001-of-00002.gguf");
  std::string second = folder + "m-00002-of-00002.gguf";
  auto message = [&] { return openWeights(first).status().message(); };
  EXPECT_EQ(message(), first +
                           ": shard set incomplete: expects 2 files, but "
                           "there is no " +
                           second);
  write(shard(0, 2, "a").bytes(), "m-00002-of-00002.gguf");
  EXPECT_EQ(message(), second + ": expects split.no 1 and split.count 2 as its "
                                "name says, but got 0 and 2");
  write(shard(1, 2, "b").bytes(), "m-00002-of-00002.gguf");
  EXPECT_EQ(message(), first + ": tensor 'b' is in two shards: " + first +
                           " and " + second);
  write(shard(1, 2, "a").smallTensor("c").bytes(), "m-00002-of-00002.gguf");
  EXPECT_EQ(message(), first + ": expects 2 tensors in all shards, as "
                               "split.tensors.count says, but got 3");
  EXPECT_EQ(errorOf(GgufBuilder().text("split.count", "two")),
            "key 'split.count': expects an integer from 1 to 99999, but got a "
            "value of type string");
}

} // namespace
