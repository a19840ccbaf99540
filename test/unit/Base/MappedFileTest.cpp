// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Mapping of files, and what it refuses.

#include "quern/Base/MappedFile.h"
#include "gtest/gtest.h"
#include <fstream>

using namespace quern;

static std::string writeFile(const std::string &name,
                             const std::string &content) {
  std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(MappedFile, HoldsTheBytesAndKeepsTheirAddressWhenMoved) {
  std::string path = writeFile("mapped", std::string("ab\0c", 4));
  Result<MappedFile> file = MappedFile::open(path);
  ASSERT_TRUE(file) << file.status().message();
  const uint8_t *address = file->bytes().data();
  MappedFile moved = std::move(*file);
  ASSERT_EQ(moved.bytes().size(), 4u);
  EXPECT_EQ(moved.bytes().data(), address);
  EXPECT_EQ(std::string(moved.bytes().begin(), moved.bytes().end()),
            std::string("ab\0c", 4));
  EXPECT_EQ(moved.path(), path);
}

TEST(MappedFile, ReleasedPagesComeBack) {
  std::string path = writeFile("released", std::string(3 * 4096, 'x'));
  Result<MappedFile> file = MappedFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->bytes()[5000], 'x');
  file->release(0, 1 << 20); // beyond the end
  EXPECT_EQ(file->bytes()[5000], 'x');
}

TEST(MappedFile, EmptyFileHasNoBytes) {
  Result<MappedFile> file = MappedFile::open(writeFile("empty", ""));
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, SaysWhatIsWrong) {
  Result<MappedFile> missing = MappedFile::open("/nonexistent/file");
  EXPECT_EQ(missing.status().code(), StatusCode::NotFound);
  EXPECT_EQ(missing.status().message(),
            "/nonexistent/file: cannot open: No such file or directory");
  Result<MappedFile> folder = MappedFile::open("/tmp");
  EXPECT_EQ(folder.status().code(), StatusCode::InvalidFile);
  EXPECT_EQ(folder.status().message(),
            "/tmp: expects a regular file, but got a directory");
}
