// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sessions: capacity, truncate, reset, fork, lifetime.

#include "FakeModelFixture.h"

namespace {

struct SessionTest : FakeModelTest {
  void SetUp() override {
    FakeModelTest::SetUp();
    ASSERT_EQ(loadThreads(2), QUERN_OK) << message;
    session = makeSession();
  }

  void TearDown() override {
    api->session_destroy(session);
    FakeModelTest::TearDown();
  }

  void expectError(const std::string &part) {
    std::string error = api->session_error(session);
    EXPECT_NE(error.find(part), std::string::npos) << error;
  }

  quern_session *session = nullptr;
};

TEST_F(SessionTest, NullArguments) {
  quern_session *other = session;
  EXPECT_EQ(api->session_create(nullptr, nullptr, &other),
            QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(api->session_create(model, nullptr, nullptr),
            QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->session_fork(nullptr, &other), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->session_fork(session, nullptr), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->session_truncate(nullptr, 0), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->session_reset(nullptr), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->session_position(nullptr), 0u);
  EXPECT_STREQ(api->session_error(nullptr), "");
  api->session_destroy(nullptr);
  api->cancel(nullptr);
}

TEST_F(SessionTest, CapacityIsRoundedUpWithinTheMaximum) {
  quern_session *small = makeSession(17);
  prefill(small, someTokens(32), 1);
  float logits[kFakeVocabulary];
  EXPECT_EQ(api->decode(small, 1, logits), QUERN_ERR_CAPACITY);
  EXPECT_EQ(api->session_position(small), 32u);
  api->session_destroy(small);

  prefill(session, someTokens(kFakeContext), 1);
  EXPECT_EQ(api->decode(session, 1, logits), QUERN_ERR_CAPACITY);
  expectError("expects at most 0 more tokens after the 1000 held, but got 1");
}

TEST_F(SessionTest, CapacityBeyondTheMaximum) {
  quern_session_limits limits = {sizeof(limits), kFakeContext + 1};
  quern_session *other = session;
  EXPECT_EQ(api->session_create(model, &limits, &other),
            QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(other, nullptr);
  EXPECT_STREQ(api->model_error(model),
               "expects a capacity of at most 1000 tokens, but got 1001");
}

TEST_F(SessionTest, CapacityErrorChangesNothing) {
  std::vector<int32_t> tokens = someTokens(990);
  prefill(session, tokens, 1);
  std::vector<int32_t> more(11, 5);
  float logits[kFakeVocabulary];
  EXPECT_EQ(api->prefill(session, more.data(), more.size(), logits, 1),
            QUERN_ERR_CAPACITY);
  EXPECT_EQ(api->session_position(session), 990u);
  tokens.push_back(4);
  EXPECT_EQ(prefill(session, {4}, 1), expected(tokens, 1));
}

TEST_F(SessionTest, TruncateThenGoOnEqualsAFreshSession) {
  prefill(session, someTokens(50), 1);
  ASSERT_EQ(api->session_truncate(session, 13), QUERN_OK);
  EXPECT_EQ(api->session_position(session), 13u);
  std::vector<int32_t> tokens = someTokens(13);
  tokens.insert(tokens.end(), {9, 8, 7});
  EXPECT_EQ(prefill(session, {9, 8, 7}, 3), expected(tokens, 3));
}

TEST_F(SessionTest, TruncateBeyondThePosition) {
  prefill(session, someTokens(5), 0);
  EXPECT_EQ(api->session_truncate(session, 6), QUERN_ERR_INVALID_ARGUMENT);
  expectError("expects a position of at most 5, the tokens held, but got 6");
  EXPECT_EQ(api->session_truncate(session, 5), QUERN_OK);
  EXPECT_EQ(api->session_position(session), 5u);
}

TEST_F(SessionTest, ResetForgetsAll) {
  prefill(session, someTokens(20), 1);
  ASSERT_EQ(api->session_reset(session), QUERN_OK);
  EXPECT_EQ(api->session_position(session), 0u);
  EXPECT_EQ(prefill(session, {3, 1}, 2), expected({3, 1}, 2));
}

TEST_F(SessionTest, ForkIsIndependent) {
  std::vector<int32_t> tokens = someTokens(21);
  prefill(session, tokens, 1);
  quern_session *copy = nullptr;
  ASSERT_EQ(api->session_fork(session, &copy), QUERN_OK);
  EXPECT_EQ(api->session_position(copy), 21u);

  std::vector<int32_t> left = tokens, right = tokens;
  left.push_back(2);
  right.push_back(17);
  EXPECT_EQ(prefill(session, {2}, 1), expected(left, 1));
  EXPECT_EQ(prefill(copy, {17}, 1), expected(right, 1));
  left.push_back(6);
  EXPECT_EQ(prefill(session, {6}, 1), expected(left, 1));
  api->session_destroy(copy);
}

TEST_F(SessionTest, ForkKeepsTheCapacity) {
  quern_session *small = makeSession(16), *copy = nullptr;
  prefill(small, someTokens(16), 1);
  ASSERT_EQ(api->session_fork(small, &copy), QUERN_OK);
  float logits[kFakeVocabulary];
  EXPECT_EQ(api->decode(copy, 1, logits), QUERN_ERR_CAPACITY);
  api->session_destroy(small);
  api->session_destroy(copy);
}

TEST_F(SessionTest, SessionOutlivesUnload) {
  api->unload(model);
  model = nullptr;
  EXPECT_EQ(prefill(session, {3, 1}, 1), expected({3, 1}, 1));
}

} // namespace
