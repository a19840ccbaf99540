// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file weights.safetensors: layout, hashes, refusals, no leftovers.

#include "ArtifactFixture.h"

#include "quern/Artifact/ArtifactFormat.h"

#include <nlohmann/json.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <csignal>
#include <cstring>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace quern;
using namespace quern::artifact;
using nlohmann::ordered_json;

namespace {

std::vector<uint8_t> someBytes(size_t count, unsigned seed) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i)
    bytes[i] = uint8_t((i * 131 + seed) >> 3);
  return bytes;
}

struct WeightsFileTest : FolderTest {
  std::string path() const { return at("weights.safetensors"); }

  void expectRefused(const std::vector<TensorSpec> &tensors,
                     const std::string &part) {
    Result<WeightsFileWriter> writer =
        WeightsFileWriter::create(path(), tensors);
    ASSERT_FALSE(writer.isOk());
    EXPECT_EQ(writer.status().code(), StatusCode::InvalidArgument);
    EXPECT_NE(writer.status().message().find(part), std::string::npos)
        << writer.status().message();
    EXPECT_EQ(list(folder), std::set<std::string>());
  }

  /// The JSON of the header of the file that was written.
  ordered_json header() {
    std::string file = read(path());
    uint64_t length;
    std::memcpy(&length, file.data(), 8);
    EXPECT_EQ((length + 8) % kDataAlignment, 0u);
    return ordered_json::parse(file.substr(8, length));
  }
};

TEST_F(WeightsFileTest, TensorsLieAlignedAndGapsAreNamed) {
  const std::vector<TensorSpec> tensors = {
      {"a", 100, R"({"layout":"rows"})"},
      {"b", 128, ""},
      {"large", kLargeTensorBytes + 1, ""},
      {"at the limit", kLargeTensorBytes, ""},
      {"c", 1, ""}};
  Result<WeightsFileWriter> writer = WeightsFileWriter::create(path(), tensors);
  ASSERT_TRUE(writer.isOk()) << writer.status().message();
  // Any order.
  for (size_t i : {3, 0, 4, 2, 1}) {
    Status status = writer->write(i, someBytes(tensors[i].bytes, i));
    EXPECT_TRUE(status.isOk()) << status.message();
  }
  Result<WeightsFileRecord> record = writer->finish();
  ASSERT_TRUE(record.isOk()) << record.status().message();
  EXPECT_EQ(list(folder), std::set<std::string>({"weights.safetensors"}));

  std::string file = read(path());
  EXPECT_EQ(record->fileBytes, file.size());
  EXPECT_EQ(record->dataOffset, 4096u);
  EXPECT_EQ(record->headerHash, XXH3_64bits(file.data(), 4096));
  const std::vector<uint64_t> offsets = {0, 128, 4096, 1052736, 2101312};
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorRecord &tensor = record->tensors[i];
    std::vector<uint8_t> bytes = someBytes(tensors[i].bytes, i);
    EXPECT_EQ(tensor.name, tensors[i].name);
    EXPECT_EQ(tensor.offset, offsets[i]);
    EXPECT_EQ(tensor.bytes, bytes.size());
    EXPECT_EQ(tensor.hash, XXH3_64bits(bytes.data(), bytes.size()));
    EXPECT_EQ(std::memcmp(file.data() + record->dataOffset + tensor.offset,
                          bytes.data(), bytes.size()),
              0);
  }
}

TEST_F(WeightsFileTest, HeaderSaysWhatTheFileIs) {
  Result<WeightsFileWriter> writer = WeightsFileWriter::create(
      path(), {{"a", 3, R"({"layout":"rows","n":[1,2]})"}, {"b", 2, ""}});
  ASSERT_TRUE(writer.isOk()) << writer.status().message();
  ASSERT_TRUE(writer->write(0, someBytes(3, 0)).isOk());
  ASSERT_TRUE(writer->write(1, someBytes(2, 1)).isOk());
  ASSERT_TRUE(writer->finish().isOk());

  ordered_json json = header();
  EXPECT_EQ(json.begin().key(), "__metadata__");
  EXPECT_EQ(json["__metadata__"]["format"], "quern");
  EXPECT_EQ(json["__metadata__"]["format_version"], "1");
  EXPECT_EQ(json["__metadata__"]["descriptors"],
            R"({"a":{"layout":"rows","n":[1,2]}})");
  EXPECT_EQ(json["a"].dump(),
            R"({"dtype":"U8","shape":[3],"data_offsets":[0,3]})");
  EXPECT_EQ(json["__pad.0"].dump(),
            R"({"dtype":"U8","shape":[61],"data_offsets":[3,64]})");
  EXPECT_EQ(json["b"].dump(),
            R"({"dtype":"U8","shape":[2],"data_offsets":[64,66]})");
}

TEST_F(WeightsFileTest, HeaderBelongsToTheContents) {
  std::vector<uint64_t> headers;
  for (unsigned first : {0, 0, 99}) {
    Result<WeightsFileWriter> writer =
        WeightsFileWriter::create(path(), {{"a", 3, ""}, {"b", 2, ""}});
    ASSERT_TRUE(writer.isOk()) << writer.status().message();
    // In another order than they lie in.
    ASSERT_TRUE(writer->write(1, someBytes(2, 1)).isOk());
    ASSERT_TRUE(writer->write(0, someBytes(3, first)).isOk());
    Result<WeightsFileRecord> record = writer->finish();
    ASSERT_TRUE(record.isOk());
    std::string digits = header()["__metadata__"]["contents"];
    EXPECT_EQ(digits.size(), 16u);
    EXPECT_NE(digits, std::string(16, '0'));
    headers.push_back(record->headerHash);
  }
  EXPECT_EQ(headers[0], headers[1]);
  EXPECT_NE(headers[0], headers[2]);
}

TEST_F(WeightsFileTest, LongHeaderTakesMorePages) {
  std::vector<TensorSpec> tensors(500, {"", 64, ""});
  for (size_t i = 0; i < tensors.size(); ++i)
    tensors[i].name = "tensor." + std::to_string(i);
  Result<WeightsFileWriter> writer = WeightsFileWriter::create(path(), tensors);
  ASSERT_TRUE(writer.isOk());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (size_t i = t; i < tensors.size(); i += 4)
        EXPECT_TRUE(writer->write(i, someBytes(64, i)).isOk());
    });
  for (std::thread &thread : threads)
    thread.join();
  Result<WeightsFileRecord> record = writer->finish();
  ASSERT_TRUE(record.isOk());
  EXPECT_GT(record->dataOffset, 4096u);
  EXPECT_EQ(header().size(), 501u);
}

TEST_F(WeightsFileTest, Refusals) {
  expectRefused({{"", 1, ""}}, "expects a name that is not empty");
  expectRefused({{"__metadata__", 1, ""}}, "does not begin with '__'");
  expectRefused({{"a", 1, ""}, {"a", 2, ""}}, "tensor 'a': is given twice");
  expectRefused({{"a", 1, "[]"}}, "expects a JSON object as its descriptor");
  expectRefused({{"a", 1, "{"}}, "but got '{'");
  expectRefused({{"\xff", 1, ""}}, "expects UTF-8 text");
  expectRefused({{"a", uint64_t(1) << 62, ""}, {"b", uint64_t(1) << 62, ""}},
                "do not fit in a file");
}

TEST_F(WeightsFileTest, WrongWritesAreRefused) {
  Result<WeightsFileWriter> writer =
      WeightsFileWriter::create(path(), {{"a", 3, ""}, {"b", 1, ""}});
  ASSERT_TRUE(writer.isOk());
  EXPECT_EQ(writer->write(2, someBytes(3, 0)).message(),
            "expects a tensor below 2, but got 2");
  EXPECT_EQ(writer->write(0, someBytes(4, 0)).message(),
            "tensor 'a': expects 3 bytes, but got 4");
  ASSERT_TRUE(writer->write(0, someBytes(3, 0)).isOk());
  EXPECT_EQ(writer->write(0, someBytes(3, 0)).message(),
            "tensor 'a': is written twice");
  EXPECT_EQ(writer->finish().status().message(), "tensor 'b': was not written");
}

TEST_F(WeightsFileTest, AbandonedWorkLeavesTheOldFile) {
  write(path(), "old");
  {
    Result<WeightsFileWriter> writer =
        WeightsFileWriter::create(path(), {{"a", 3, ""}});
    ASSERT_TRUE(writer.isOk());
    ASSERT_TRUE(writer->write(0, someBytes(3, 0)).isOk());
    EXPECT_EQ(list(folder).size(), 2u);
  }
  EXPECT_EQ(list(folder), std::set<std::string>({"weights.safetensors"}));
  EXPECT_EQ(read(path()), "old");
}

TEST_F(WeightsFileTest, MissingFolderIsNamed) {
  Result<WeightsFileWriter> writer =
      WeightsFileWriter::create(at("no/weights"), {{"a", 3, ""}});
  ASSERT_FALSE(writer.isOk());
  EXPECT_EQ(writer.status().message(),
            at("no/weights") +
                ": cannot be created: No such file or directory");
}

/// A limit on file sizes stands for a full disk: both make the system refuse.
TEST_F(WeightsFileTest, FullDiskIsReportedBeforeTheWork) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    Result<WeightsFileWriter> writer =
        WeightsFileWriter::create(path(), {{"a", 2 << 20, ""}});
    bool named = !writer && writer.status().code() == StatusCode::Io &&
                 writer.status().message() ==
                     path() + ": cannot be given 2101248 bytes: File too large";
    _exit(named ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(list(folder), std::set<std::string>());
}

TEST_F(WeightsFileTest, WriteFileAtomicallyReplaces) {
  std::string path = at("text");
  ASSERT_TRUE(writeFileAtomically(path, std::string("one")).isOk());
  ASSERT_TRUE(writeFileAtomically(path, std::string("two")).isOk());
  EXPECT_EQ(read(path), "two");
  EXPECT_EQ(list(folder), std::set<std::string>({"text"}));
  Status status = writeFileAtomically(at("no/text"), std::string("x"));
  EXPECT_EQ(status.code(), StatusCode::NotFound);
  ASSERT_TRUE(std::filesystem::create_directory(at("busy")));
  EXPECT_EQ(writeFileAtomically(at("busy"), std::string("x")).code(),
            StatusCode::Io);
  EXPECT_EQ(list(folder), std::set<std::string>({"busy", "text"}));
}

} // namespace
