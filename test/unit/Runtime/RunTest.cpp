// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Prefill and decode: chunks, rows, threads, refusals, cancel.

#include "FakeModelFixture.h"

#include <chrono>
#include <thread>

namespace {

struct RunTest : FakeModelTest {
  void SetUp() override {
    FakeModelTest::SetUp();
    ASSERT_EQ(loadThreads(2), QUERN_OK) << message;
  }

  /// Refuses `tokens`, says why, and leaves the session as it was.
  void expectRefused(const std::vector<int32_t> &tokens, float *logits,
                     size_t rows, const std::string &part) {
    quern_session *session = makeSession();
    prefill(session, {1}, 0);
    EXPECT_EQ(api->prefill(session, tokens.empty() ? nullptr : tokens.data(),
                           tokens.empty() ? 3 : tokens.size(), logits, rows),
              QUERN_ERR_INVALID_ARGUMENT);
    std::string error = api->session_error(session);
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_EQ(api->session_position(session), 1u);
    api->session_destroy(session);
  }
};

/// Every number of tokens around the chunk's size, with every number of rows.
TEST_F(RunTest, RowsAreTheTrailingTokensOverAnyChunks) {
  for (size_t count = 1; count <= 3 * kFakeChunk + 1; ++count) {
    std::vector<int32_t> tokens = someTokens(count);
    for (size_t rows = 0; rows <= count; ++rows) {
      quern_session *session = makeSession();
      EXPECT_EQ(prefill(session, tokens, rows), expected(tokens, rows))
          << count << " tokens, " << rows << " rows";
      EXPECT_EQ(api->session_position(session), count);
      api->session_destroy(session);
    }
  }
}

TEST_F(RunTest, DecodeContinuesAPrefill) {
  quern_session *session = makeSession();
  std::vector<int32_t> tokens = someTokens(11);
  prefill(session, tokens, 0);
  for (int32_t token : {4, 30, 0}) {
    tokens.push_back(token);
    std::vector<float> logits(kFakeVocabulary);
    ASSERT_EQ(api->decode(session, token, logits.data()), QUERN_OK);
    EXPECT_EQ(logits, expected(tokens, 1));
  }
  api->session_destroy(session);
}

TEST_F(RunTest, NoTokensIsNoWork) {
  quern_session *session = makeSession();
  EXPECT_EQ(api->prefill(session, nullptr, 0, nullptr, 0), QUERN_OK);
  EXPECT_EQ(api->session_position(session), 0u);
  api->session_destroy(session);
}

TEST_F(RunTest, Refusals) {
  float logits[kFakeVocabulary * 3];
  expectRefused({1, 2, 32}, logits, 1,
                "token 2: expects an id in [0, 32), but got 32");
  expectRefused({-1}, logits, 1,
                "token 0: expects an id in [0, 32), but got -1");
  expectRefused({}, logits, 1, "expects 3 tokens, but got null");
  expectRefused({1, 2}, logits, 3,
                "expects logits of at most 2 tokens, but got 3 rows");
  expectRefused({1, 2}, nullptr, 1,
                "expects memory for 1 rows of logits, but got null");
  EXPECT_EQ(api->prefill(nullptr, nullptr, 0, nullptr, 0),
            QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->decode(nullptr, 0, logits), QUERN_ERR_INVALID_ARGUMENT);
}

TEST_F(RunTest, AnyNumberOfThreadsGivesTheSame) {
  std::vector<int32_t> tokens = someTokens(100);
  std::vector<float> all = expected(tokens, 40);
  for (uint32_t threads : {1, 2, 3, 4, 16}) {
    ASSERT_EQ(api->set_threads(model, threads), QUERN_OK);
    quern_session *session = makeSession();
    EXPECT_EQ(prefill(session, tokens, 40), all) << threads << " threads";
    api->session_destroy(session);
  }
}

TEST_F(RunTest, SessionsOnTheirOwnThreadsTakeTurns) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this, t] {
      quern_session *session = makeSession();
      std::vector<int32_t> tokens;
      for (int i = 0; i < 50; ++i) {
        tokens.push_back((7 * t + i) % kFakeEndlessToken);
        EXPECT_EQ(prefill(session, {tokens.back()}, 1), expected(tokens, 1));
      }
      api->session_destroy(session);
    });
  ASSERT_EQ(api->set_threads(model, 3), QUERN_OK);
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(RunTest, CancelRollsBack) {
  quern_session *session = makeSession();
  std::vector<int32_t> tokens = someTokens(10);
  prefill(session, tokens, 0);
  std::vector<int32_t> endless = someTokens(20);
  endless.push_back(kFakeEndlessToken);
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    api->cancel(session);
  });
  float logits[kFakeVocabulary];
  EXPECT_EQ(api->prefill(session, endless.data(), endless.size(), logits, 1),
            QUERN_ERR_CANCELLED);
  canceller.join();
  EXPECT_STREQ(api->session_error(session), "the run was cancelled");
  EXPECT_EQ(api->session_position(session), 10u);
  tokens.push_back(7);
  EXPECT_EQ(prefill(session, {7}, 1), expected(tokens, 1));
  api->session_destroy(session);
}

TEST_F(RunTest, CancelReachesARunThatWaitsItsTurn) {
  quern_session *first = makeSession(), *second = makeSession();
  quern_status firstStatus = QUERN_OK, secondStatus = QUERN_OK;
  int32_t endless = kFakeEndlessToken;
  float logits[kFakeVocabulary];
  std::thread firstRun(
      [&] { firstStatus = api->prefill(first, &endless, 1, logits, 1); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  std::thread secondRun(
      [&] { secondStatus = api->prefill(second, &endless, 1, logits, 1); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  api->cancel(second);
  api->cancel(first);
  firstRun.join();
  secondRun.join();
  EXPECT_EQ(firstStatus, QUERN_ERR_CANCELLED);
  EXPECT_EQ(secondStatus, QUERN_ERR_CANCELLED);
  api->session_destroy(first);
  api->session_destroy(second);
}

TEST_F(RunTest, CancelWithoutARunDoesNothing) {
  quern_session *session = makeSession();
  api->cancel(session);
  EXPECT_EQ(prefill(session, {2}, 1), expected({2}, 1));
  api->session_destroy(session);
}

} // namespace
