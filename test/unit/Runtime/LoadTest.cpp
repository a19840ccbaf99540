// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Loading: options, hostile weights files, describe, verify.

#include "FakeModelFixture.h"

#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

struct LoadTest : FakeModelTest {
  /// Loads, and expects QUERN_ERR_FILE with `part` in a message that names the
  /// file.
  void expectFileError(const std::string &part) {
    EXPECT_EQ(load(), QUERN_ERR_FILE);
    EXPECT_EQ(model, nullptr);
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.rfind(weightsPath, 0), 0u) << message;
  }

  void flipByte(int64_t at) {
    std::fstream file(weightsPath, std::ios::in | std::ios::out);
    file.seekp(at);
    file.put(char(fakeWeightsByte(at) ^ 1));
  }
};

TEST_F(LoadTest, TableSpeaksOneMajorVersion) {
  EXPECT_EQ(quern_get_api(QUERN_ABI_MAJOR + 1), nullptr);
  EXPECT_EQ(api->abi_major, uint32_t(QUERN_ABI_MAJOR));
  EXPECT_EQ(api->size, sizeof(quern_api));
}

TEST_F(LoadTest, NullArguments) {
  char error[64] = "";
  EXPECT_EQ(api->load(nullptr, nullptr, &model, error, sizeof(error)),
            QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_STRNE(error, "");
  EXPECT_EQ(api->load(weightsPath.c_str(), nullptr, nullptr, nullptr, 0),
            QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->set_threads(nullptr, 1), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->verify(nullptr), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_STREQ(api->describe(nullptr), "");
  EXPECT_STREQ(api->model_error(nullptr), "");
}

TEST_F(LoadTest, DefaultsWithoutOptions) {
  ASSERT_EQ(api->load(weightsPath.c_str(), nullptr, &model, nullptr, 0),
            QUERN_OK);
  EXPECT_STREQ(api->model_error(model), "");
}

TEST_F(LoadTest, OptionsOfAnOlderCallerEndEarly) {
  quern_load_options options = {};
  options.isa = "no such set";
  options.size = offsetof(quern_load_options, isa);
  EXPECT_EQ(api->load(weightsPath.c_str(), &options, &model, nullptr, 0),
            QUERN_OK);
}

TEST_F(LoadTest, MessageIsCutToTheCallersBuffer) {
  char error[9] = "12345678";
  weightsPath = folder + "/missing";
  EXPECT_EQ(api->load(weightsPath.c_str(), nullptr, &model, error, 6),
            QUERN_ERR_FILE);
  EXPECT_EQ(std::string(error, 9),
            weightsPath.substr(0, 5) + std::string("\0"
                                                   "78\0",
                                                   4));
}

TEST_F(LoadTest, MissingFile) {
  weightsPath = folder + "/missing";
  expectFileError("cannot be opened: No such file");
}

TEST_F(LoadTest, Folder) {
  weightsPath = folder;
  expectFileError("expects a regular file, but got a folder");
}

TEST_F(LoadTest, PipeDoesNotBlock) {
  weightsPath = folder + "/pipe";
  ASSERT_EQ(mkfifo(weightsPath.c_str(), 0600), 0);
  expectFileError("expects a regular file, but got a special file");
}

TEST_F(LoadTest, EmptyFile) {
  std::filesystem::resize_file(weightsPath, 0);
  expectFileError("but got 0");
}

TEST_F(LoadTest, FileCutShort) {
  std::filesystem::resize_file(weightsPath, kFakeFileBytes - 1);
  expectFileError("expects the 16384 bytes that this model was compiled with, "
                  "but got 16383");
}

TEST_F(LoadTest, FileTooLong) {
  std::filesystem::resize_file(weightsPath, kFakeFileBytes + 1);
  expectFileError("but got 16385");
}

TEST_F(LoadTest, FlippedByteOfTheHeader) {
  for (int64_t at : {0, 20, kFakeDataOffset - 1}) {
    flipByte(at);
    expectFileError("its header is not the one");
    ASSERT_EQ(writeFakeWeights(weightsPath.c_str()), 0);
  }
}

TEST_F(LoadTest, FlippedByteOfTheDataIsFoundByVerify) {
  flipByte(kFakeFileBytes - 1);
  ASSERT_EQ(load(), QUERN_OK) << message;
  EXPECT_EQ(api->verify(model), QUERN_ERR_FILE);
  std::string error = api->model_error(model);
  EXPECT_NE(error.find("tensor 'big': its bytes are damaged"),
            std::string::npos)
      << error;
  api->unload(model);

  quern_load_options options = {};
  options.verify = 1;
  EXPECT_EQ(load(options), QUERN_ERR_FILE);
  EXPECT_EQ(message, error);
}

TEST_F(LoadTest, VerifyAcceptsWholeWeights) {
  quern_load_options options = {};
  options.verify = 1;
  ASSERT_EQ(load(options), QUERN_OK) << message;
  EXPECT_EQ(api->verify(model), QUERN_OK);
}

TEST_F(LoadTest, InstructionSetByName) {
  quern_load_options options = {};
  options.isa = "portable";
  ASSERT_EQ(load(options), QUERN_OK) << message;
  EXPECT_NE(std::string(api->describe(model)).find("\"isa\":\"portable\""),
            std::string::npos);
}

TEST_F(LoadTest, UnknownInstructionSet) {
  quern_load_options options = {};
  options.isa = "avx1024";
  EXPECT_EQ(load(options), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(message, "expects an instruction set of the model (imaginary, "
                     "plain, portable), but got 'avx1024'");
}

TEST_F(LoadTest, InstructionSetThatTheProcessorLacks) {
  quern_load_options options = {};
  options.isa = "imaginary";
  EXPECT_EQ(load(options), QUERN_ERR_CPU_FEATURES);
  EXPECT_NE(message.find("features of a newer version"), std::string::npos)
      << message;
}

TEST_F(LoadTest, DescribeAddsTheFactsOfThisRun) {
  ASSERT_EQ(loadThreads(3), QUERN_OK) << message;
  std::string text = api->describe(model);
  std::string start = "{\"architecture\":\"fake\",\"vocabulary\":32,"
                      "\"isa\":\"plain\",\"threads\":3,\"cpu\":\"";
  EXPECT_EQ(text.substr(0, start.size()), start);
  EXPECT_EQ(text.substr(text.size() - 2), "\"}");
  ASSERT_EQ(api->set_threads(model, 2), QUERN_OK);
  EXPECT_NE(std::string(api->describe(model)).find("\"threads\":2,"),
            std::string::npos);
}

TEST_F(LoadTest, TooManyThreads) {
  EXPECT_EQ(loadThreads(1025), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(message, "expects at most 1024 threads, but got 1025");
}

TEST_F(LoadTest, ThreadsThatCannotBeStarted) {
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) ||       \
    __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers reserve more address space than this test allows";
#endif
  // In a child, whose limit ends with it. Stacks of 2 MiB each exhaust it.
  pid_t child = fork();
  if (child == 0) {
    rlimit limit = {512 << 20, 512 << 20};
    setrlimit(RLIMIT_AS, &limit);
    bool refused = loadThreads(1000) == QUERN_ERR_THREADS && !model &&
                   message.find("1000 threads could not be started") == 0;
    bool works = loadThreads(2) == QUERN_OK &&
                 api->set_threads(model, 1000) == QUERN_ERR_THREADS &&
                 prefill(makeSession(), {1, 2}, 1) == expected({1, 2}, 1);
    _exit(refused ? works ? 0 : 2 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(LoadTest, ForkedProcessIsToldToLoadAgain) {
  ASSERT_EQ(loadThreads(2), QUERN_OK) << message;
  quern_session *session = makeSession();
  pid_t child = fork();
  if (child == 0) {
    float logits[kFakeVocabulary];
    bool refused = api->decode(session, 1, logits) == QUERN_ERR_THREADS;
    api->session_destroy(session);
    api->unload(model);
    _exit(refused && loadThreads(2) == QUERN_OK ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  api->session_destroy(session);
}

TEST_F(LoadTest, ManyLoadsFromManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this] {
      for (int i = 0; i < 20; ++i) {
        quern_model *own = nullptr;
        EXPECT_EQ(api->load(weightsPath.c_str(), nullptr, &own, nullptr, 0),
                  QUERN_OK);
        api->unload(own);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
