// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file manifest.json: round trip, and every way to be wrong.

#include "ArtifactFixture.h"

using namespace quern;
using namespace quern::artifact;

namespace {

struct ManifestTest : FolderTest {
  /// Reads the text with `from` replaced by `to`.
  Result<Manifest> readChanged(const std::string &from, const std::string &to) {
    std::string text = textOf(makeManifest());
    size_t found = text.find(from);
    EXPECT_NE(found, std::string::npos) << from;
    write(at("manifest.json"), text.replace(found, from.size(), to));
    return readManifest(folder);
  }

  void expectError(const std::string &from, const std::string &to,
                   const std::string &message) {
    Result<Manifest> manifest = readChanged(from, to);
    ASSERT_FALSE(manifest.isOk()) << to;
    EXPECT_EQ(manifest.status().code(), StatusCode::InvalidFile);
    EXPECT_EQ(manifest.status().message(), at("manifest.json: ") + message);
  }
};

TEST_F(ManifestTest, RoundTrip) {
  std::string text = textOf(makeManifest());
  write(at("manifest.json"), text);
  for (const std::string &path : {folder, at("manifest.json")}) {
    Result<Manifest> manifest = readManifest(path);
    ASSERT_TRUE(manifest.isOk()) << manifest.status().message();
    EXPECT_EQ(textOf(*manifest), text);
    EXPECT_EQ(manifest->files["model.so"].hash, 0xfedcba9876543210u);
    EXPECT_EQ(manifest->tensors[0].shape, std::vector<uint64_t>({4, 32}));
    EXPECT_EQ(manifest->tokenizer.eosTokenIds, std::vector<int64_t>({2, 3}));
    EXPECT_EQ(manifest->model, makeManifest().model);
  }
}

TEST_F(ManifestTest, PartsNameTheirWeight) {
  Manifest manifest = makeManifest();
  EXPECT_EQ(textOf(manifest).find("part_of"), std::string::npos);
  manifest.tensors[0].partOf = "w";
  write(at("manifest.json"), textOf(manifest));
  Result<Manifest> found = readManifest(folder);
  ASSERT_TRUE(found.isOk()) << found.status().message();
  EXPECT_EQ(found->tensors[0].partOf, "w");
  EXPECT_EQ(textOf(*found), textOf(manifest));
}

/// The example in docs/ArtifactFormat.md is what we write.
TEST_F(ManifestTest, DocumentedExample) {
  std::string page = read(QUERN_SOURCE_DIR "/docs/ArtifactFormat.md");
  const std::string open = "```json\n", close = "```\n";
  size_t begin = page.find(open);
  ASSERT_NE(begin, std::string::npos);
  begin += open.size();
  std::string example = page.substr(begin, page.find(close, begin) - begin);
  write(at("manifest.json"), example);
  Result<Manifest> manifest = readManifest(folder);
  ASSERT_TRUE(manifest.isOk()) << manifest.status().message();
  EXPECT_EQ(textOf(*manifest), example);
}

TEST_F(ManifestTest, TokenIdsAsHuggingFaceWritesThem) {
  Manifest manifest = makeManifest();
  manifest.tokenizer = {std::nullopt, {7}};
  write(at("manifest.json"), textOf(manifest));
  EXPECT_NE(textOf(manifest).find("\"eos_token_id\": 7"), std::string::npos);
  Result<Manifest> again = readManifest(folder);
  ASSERT_TRUE(again.isOk()) << again.status().message();
  EXPECT_FALSE(again->tokenizer.bosTokenId.has_value());
  EXPECT_EQ(again->tokenizer.eosTokenIds, std::vector<int64_t>({7}));

  manifest.tokenizer.eosTokenIds.clear();
  write(at("manifest.json"), textOf(manifest));
  again = readManifest(folder);
  ASSERT_TRUE(again.isOk()) << again.status().message();
  EXPECT_TRUE(again->tokenizer.eosTokenIds.empty());
}

TEST_F(ManifestTest, UnknownKeysAreIgnored) {
  EXPECT_TRUE(readChanged("{", "{\"of a later version\": [1],").isOk());
}

TEST_F(ManifestTest, LaterFormatVersion) {
  Result<Manifest> manifest =
      readChanged("\"format_version\": 1", "\"format_version\": 2");
  ASSERT_FALSE(manifest.isOk());
  EXPECT_EQ(manifest.status().code(), StatusCode::Unsupported);
  EXPECT_EQ(manifest.status().message(),
            at("manifest.json: expects format version 1, but got 2, made by "
               "quern 0.1.0: compile the model again"));
}

TEST_F(ManifestTest, WrongValuesAreNamed) {
  expectError("\"build_id\"", "\"build\"", "key 'build_id' is missing");
  expectError("\"0011\"", "11", "key 'build_id' expects a text, but got 11");
  expectError("\"bytes\": 72", "\"bytes\": -72",
              "key 'tensors[0].bytes' expects a whole number from 0 on, but "
              "got -72");
  expectError("\"avx2\"", "2",
              "key 'isas' expects an array of texts, but got [\"avx512\",2]");
  expectError("4.5", "\"4.5\"",
              "key 'bits_per_weight' expects a number from 0 on, but got "
              "\"4.5\"");
  expectError("\"bos_token_id\": 1", "\"bos_token_id\": \"<s>\"",
              "key 'tokenizer.bos_token_id' expects a whole number or null, "
              "but got \"<s>\"");
  expectError("fedcba9876543210", "fedcba987654321",
              "key 'files.model.so.xxh3' expects 16 hexadecimal digits, but "
              "got \"fedcba987654321\"");
  expectError("\"model.so\"", "\"../model.so\"",
              "key 'files.../model.so' expects the name of a file in the "
              "artifact's folder, but got \"../model.so\"");
}

TEST_F(ManifestTest, NotJson) {
  std::string path = at("manifest.json");
  write(path, "");
  EXPECT_EQ(readManifest(path).status().message(),
            path + ": expects a JSON object, but got text that is not JSON");
  write(path, "[1]");
  EXPECT_EQ(readManifest(path).status().message(),
            path + ": expects a JSON object, but got array");
  write(path, std::string(100000, '['));
  EXPECT_EQ(readManifest(path).status().code(), StatusCode::InvalidFile);
  EXPECT_EQ(readManifest(at("none")).status().code(), StatusCode::NotFound);
}

TEST_F(ManifestTest, TextThatIsNotUtf8IsRefused) {
  Manifest manifest = makeManifest();
  manifest.architecture = "\xc0";
  EXPECT_EQ(formatManifest(manifest).status().code(),
            StatusCode::InvalidArgument);
  manifest = makeManifest();
  manifest.model = "7";
  EXPECT_EQ(formatManifest(manifest).status().message(),
            "expects a JSON object as the manifest's model, but got '7'");
}

TEST_F(ManifestTest, CheckFiles) {
  write(at("model.so"), "content");
  Manifest manifest = makeManifest();
  Result<FileRecord> record = hashFile(at("model.so"));
  ASSERT_TRUE(record.isOk());
  EXPECT_EQ(record->bytes, 7u);
  manifest.files["model.so"] = *record;
  EXPECT_TRUE(checkFiles(manifest, folder, /*hashes=*/true).isOk());

  write(at("model.so"), "cOntent");
  EXPECT_TRUE(checkFiles(manifest, folder, /*hashes=*/false).isOk());
  Status status = checkFiles(manifest, folder, /*hashes=*/true);
  EXPECT_EQ(status.code(), StatusCode::InvalidFile);
  EXPECT_EQ(status.message().rfind(at("model.so: its bytes are damaged"), 0),
            0u);

  write(at("model.so"), "short");
  EXPECT_EQ(checkFiles(manifest, folder, false).message(),
            at("model.so: expects 7 bytes, but got 5"));
  std::filesystem::remove(at("model.so"));
  EXPECT_EQ(checkFiles(manifest, folder, false).code(),
            StatusCode::InvalidFile);
}

} // namespace
