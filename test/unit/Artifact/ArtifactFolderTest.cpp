// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Folders that appear whole or not at all, and lose nobody's files.

#include "ArtifactFixture.h"

using namespace quern;
using namespace quern::artifact;

namespace {

struct ArtifactFolderTest : FolderTest {
  /// Writes an artifact whose model.so is `content`.
  Status make(const std::string &output, const std::string &content) {
    Result<ArtifactFolder> made = ArtifactFolder::create(output);
    if (!made)
      return made.status();
    fill(*made, content);
    return made->commit();
  }

  void fill(const ArtifactFolder &into, const std::string &content) {
    write(into.path("model.so"), content);
    write(into.path("manifest.json"), textOf(makeManifest()));
  }

  void expectRefused(const std::string &part) {
    Status status = make(at("out"), "new");
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
    EXPECT_EQ(status.message().rfind(at("out: is not replaced: "), 0), 0u);
    EXPECT_NE(status.message().find(part), std::string::npos)
        << status.message();
    EXPECT_EQ(list(folder), std::set<std::string>({"out"}));
  }
};

TEST_F(ArtifactFolderTest, AppearsAtCommit) {
  Result<ArtifactFolder> made = ArtifactFolder::create(at("out/"));
  ASSERT_TRUE(made.isOk()) << made.status().message();
  fill(*made, "content");
  EXPECT_FALSE(std::filesystem::exists(at("out")));
  Status status = made->commit();
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(list(folder), std::set<std::string>({"out"}));
  EXPECT_EQ(read(at("out/model.so")), "content");
}

TEST_F(ArtifactFolderTest, AbandonedWorkLeavesNothing) {
  {
    Result<ArtifactFolder> made = ArtifactFolder::create(at("out"));
    ASSERT_TRUE(made.isOk());
    fill(*made, "content");
  }
  EXPECT_EQ(list(folder), std::set<std::string>());
}

TEST_F(ArtifactFolderTest, EarlierArtifactStaysWholeUntilCommit) {
  ASSERT_TRUE(make(at("out"), "old").isOk());
  Result<ArtifactFolder> made = ArtifactFolder::create(at("out"));
  ASSERT_TRUE(made.isOk()) << made.status().message();
  fill(*made, "new");
  EXPECT_EQ(read(at("out/model.so")), "old");
  ASSERT_TRUE(made->commit().isOk());
  EXPECT_EQ(read(at("out/model.so")), "new");
  EXPECT_EQ(list(folder), std::set<std::string>({"out"}));
}

TEST_F(ArtifactFolderTest, EmptyFolderIsTaken) {
  std::filesystem::create_directory(at("out"));
  ASSERT_TRUE(make(at("out"), "new").isOk());
  EXPECT_EQ(read(at("out/model.so")), "new");
}

TEST_F(ArtifactFolderTest, SymbolicLinkIsFollowed) {
  ASSERT_TRUE(make(at("real"), "old").isOk());
  std::filesystem::create_directory_symlink(at("real"), at("latest"));
  ASSERT_TRUE(make(at("latest"), "new").isOk());
  EXPECT_TRUE(std::filesystem::is_symlink(at("latest")));
  EXPECT_EQ(read(at("real/model.so")), "new");
}

TEST_F(ArtifactFolderTest, RefusesAFile) {
  write(at("out"), "precious");
  expectRefused("it exists and is not a folder");
}

TEST_F(ArtifactFolderTest, RefusesAFolderThatIsNoArtifact) {
  std::filesystem::create_directory(at("out"));
  write(at("out/notes.txt"), "precious");
  expectRefused("it is not empty and not an artifact");
  write(at("out/manifest.json"), "{}");
  expectRefused("it is not empty and not an artifact");
}

TEST_F(ArtifactFolderTest, RefusesAnArtifactWithOtherFiles) {
  ASSERT_TRUE(make(at("out"), "old").isOk());
  write(at("out/notes.txt"), "precious");
  expectRefused("it also holds 'notes.txt'");
}

TEST_F(ArtifactFolderTest, LooksAgainAtCommit) {
  Result<ArtifactFolder> made = ArtifactFolder::create(at("out"));
  ASSERT_TRUE(made.isOk());
  fill(*made, "new");
  std::filesystem::create_directory(at("out"));
  write(at("out/notes.txt"), "precious");
  EXPECT_EQ(made->commit().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(read(at("out/notes.txt")), "precious");
}

TEST_F(ArtifactFolderTest, MissingParent) {
  EXPECT_EQ(make(at("no/out"), "new").code(), StatusCode::NotFound);
  EXPECT_EQ(make("", "new").code(), StatusCode::InvalidArgument);
}

} // namespace
