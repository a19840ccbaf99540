// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A folder of its own for each test, and small helpers on files.

#ifndef QUERN_TEST_UNIT_ARTIFACT_ARTIFACTFIXTURE_H
#define QUERN_TEST_UNIT_ARTIFACT_ARTIFACTFIXTURE_H

#include "quern/Artifact/Manifest.h"
#include "quern/Artifact/Writer.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

class FolderTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "quern-artifact-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string at(const std::string &name) const { return folder + "/" + name; }

  static std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static void write(const std::string &path, const std::string &text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  /// Names in a folder; the whole point of atomic writing is that no others
  /// are left.
  static std::set<std::string> list(const std::string &path) {
    std::set<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(path))
      names.insert(entry.path().filename());
    return names;
  }

  /// A manifest with something in every field, for the files given.
  static quern::artifact::Manifest makeManifest() {
    quern::artifact::Manifest manifest;
    manifest.quernVersion = "0.1.0";
    manifest.buildId = "0011";
    manifest.architecture = "llama";
    manifest.model = R"({"hidden":64,"theta":10000.0})";
    manifest.compute = "int8";
    manifest.kvCache = "i8 [1, 32], scale f16";
    manifest.kvRotate = true;
    manifest.kvBytesPerToken = 136;
    manifest.isas = {"avx512", "avx2"};
    manifest.tensors = {{"a",
                         {4, 32},
                         "BF16",
                         "i4 [1, 32], scale f16",
                         "q4_0",
                         "rows",
                         72,
                         4.5}};
    manifest.weightBytes = 72;
    manifest.bitsPerWeight = 4.5;
    manifest.files = {{"model.so", {7, 0xfedcba9876543210}}};
    manifest.tokenizer = {1, {2, 3}};
    return manifest;
  }

  static std::string textOf(const quern::artifact::Manifest &manifest) {
    quern::Result<std::string> text = formatManifest(manifest);
    EXPECT_TRUE(text.isOk()) << text.status().message();
    return text ? *text : "";
  }

  std::string folder;
};

#endif // QUERN_TEST_UNIT_ARTIFACT_ARTIFACTFIXTURE_H
