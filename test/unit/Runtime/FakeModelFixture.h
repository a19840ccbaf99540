// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A folder with the fake model's weights, and short calls of the table.

#ifndef QUERN_TEST_UNIT_RUNTIME_FAKEMODELFIXTURE_H
#define QUERN_TEST_UNIT_RUNTIME_FAKEMODELFIXTURE_H

#include "FakeModel.h"
#include "quern/Runtime/quern_rt.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

class FakeModelTest : public testing::Test {
protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "quern-runtime-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    weightsPath = name + "/weights.safetensors";
    ASSERT_EQ(writeFakeWeights(weightsPath.c_str()), 0);
  }

  void TearDown() override {
    api->unload(model);
    std::filesystem::remove_all(folder);
  }

  /// Loads into `model`, with the message in `message`.
  quern_status load(quern_load_options options = {}) {
    options.size = sizeof(options);
    char error[512] = "untouched";
    quern_status status =
        api->load(weightsPath.c_str(), &options, &model, error, sizeof(error));
    message = error;
    return status;
  }

  quern_status loadThreads(uint32_t threads) {
    quern_load_options options = {};
    options.threads = threads;
    return load(options);
  }

  quern_session *makeSession(uint32_t capacity = 0) {
    quern_session_limits limits = {sizeof(limits), capacity};
    quern_session *session = nullptr;
    EXPECT_EQ(api->session_create(model, &limits, &session), QUERN_OK);
    return session;
  }

  /// Logits of the last `rows` of `tokens`, appended to the session.
  std::vector<float> prefill(quern_session *session,
                             const std::vector<int32_t> &tokens, size_t rows) {
    std::vector<float> logits(rows * kFakeVocabulary, -1);
    EXPECT_EQ(api->prefill(session, tokens.data(), tokens.size(), logits.data(),
                           rows),
              QUERN_OK)
        << api->session_error(session);
    return logits;
  }

  /// What prefill of an empty session must answer, from the definition.
  static std::vector<float> expected(const std::vector<int32_t> &tokens,
                                     size_t rows) {
    std::vector<float> logits(rows * kFakeVocabulary);
    for (size_t r = 0; r < rows; ++r)
      computeFakeLogits(tokens.data(), tokens.size() - rows + r + 1,
                        logits.data() + r * kFakeVocabulary);
    return logits;
  }

  /// `count` tokens that differ, none of them the endless one.
  static std::vector<int32_t> someTokens(size_t count) {
    std::vector<int32_t> tokens(count);
    for (size_t i = 0; i < count; ++i)
      tokens[i] = int32_t((i * i + 3 * i + 1) % kFakeEndlessToken);
    return tokens;
  }

  const quern_api *api = quern_get_api(QUERN_ABI_MAJOR);
  std::string folder, weightsPath, message;
  quern_model *model = nullptr;
};

#endif // QUERN_TEST_UNIT_RUNTIME_FAKEMODELFIXTURE_H
