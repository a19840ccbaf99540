// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Times of kernels: they add up, and change nothing else.

#include "Profile.h"
#include "FakeModelFixture.h"

#include <chrono>
#include <thread>

using quern::runtime::Profile;
using quern::runtime::ThreadPool;

namespace {

struct ProfileTest : FakeModelTest {
  void SetUp() override {
    FakeModelTest::SetUp();
    ASSERT_EQ(loadThreads(2), QUERN_OK) << message;
  }

  quern_profile read() {
    quern_profile profile = {};
    profile.size = sizeof(profile);
    EXPECT_EQ(api->read_profile(model, &profile), QUERN_OK)
        << api->model_error(model);
    return profile;
  }

  /// The times of each worker add up to the wall clock, to the nanosecond.
  static void expectComplete(const quern_profile &profile) {
    for (uint32_t w = 0; w < profile.workers; ++w) {
      const quern_kernel_time *times =
          profile.times + w * (1 + profile.kernels);
      EXPECT_EQ(times[0].busy_ns, 0u);
      uint64_t sum = 0;
      for (uint64_t k = 0; k <= profile.kernels; ++k)
        sum += times[k].busy_ns + times[k].wait_ns;
      EXPECT_EQ(sum, profile.wall_ns) << "worker " << w;
    }
  }
};

TEST_F(ProfileTest, TimesAddUpToTheWallClock) {
  ASSERT_EQ(api->set_profiling(model, 1), QUERN_OK);
  quern_session *session = makeSession();
  std::vector<int32_t> tokens = someTokens(3 * kFakeChunk + 1);
  EXPECT_EQ(prefill(session, tokens, 20), expected(tokens, 20));
  quern_profile profile = read();
  EXPECT_EQ(profile.workers, 2u);
  EXPECT_EQ(profile.kernels, uint64_t(kFakeKernels));
  EXPECT_GT(profile.wall_ns, 0u);
  expectComplete(profile);
  // Kernel 1, entry 2, does nearly all the work.
  EXPECT_GT(profile.times[2].busy_ns, 0u);
  api->session_destroy(session);
}

TEST_F(ProfileTest, EachRunBeginsAnew) {
  ASSERT_EQ(api->set_profiling(model, 1), QUERN_OK);
  quern_profile profile = read();
  EXPECT_EQ(profile.wall_ns, 0u);
  expectComplete(profile);
  quern_session *session = makeSession();
  prefill(session, someTokens(30), 30);
  prefill(session, {3}, 1);
  expectComplete(read());
  api->session_destroy(session);
}

TEST_F(ProfileTest, FollowsTheThreads) {
  ASSERT_EQ(api->set_profiling(model, 1), QUERN_OK);
  ASSERT_EQ(api->set_threads(model, 5), QUERN_OK);
  quern_session *session = makeSession();
  prefill(session, someTokens(20), 1);
  EXPECT_EQ(read().workers, 5u);
  expectComplete(read());
  api->session_destroy(session);
}

TEST_F(ProfileTest, Refusals) {
  quern_profile profile = {};
  profile.size = sizeof(profile);
  EXPECT_EQ(api->read_profile(model, &profile), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_STREQ(api->model_error(model),
               "expects profiling to be on, but it is off");
  ASSERT_EQ(api->set_profiling(model, 1), QUERN_OK);
  profile.size = 8;
  EXPECT_EQ(api->read_profile(model, &profile), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(api->model_error(model)),
            "expects a profile of at least " +
                std::to_string(sizeof(quern_profile)) + " bytes, but got 8");
  EXPECT_EQ(api->read_profile(model, nullptr), QUERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(api->set_profiling(nullptr, 1), QUERN_ERR_INVALID_ARGUMENT);
  ASSERT_EQ(api->set_profiling(model, 0), QUERN_OK);
  profile.size = sizeof(profile);
  EXPECT_EQ(api->read_profile(model, &profile), QUERN_ERR_INVALID_ARGUMENT);
}

TEST_F(ProfileTest, KernelsAreThoseOfTheInstructionSetInUse) {
  EXPECT_STREQ(api->kernels(model), "{\"isa\":\"plain\"}");
  api->unload(model);
  quern_load_options options = {};
  options.isa = "portable";
  ASSERT_EQ(load(options), QUERN_OK) << message;
  EXPECT_STREQ(api->kernels(model), "{\"isa\":\"portable\"}");
  EXPECT_STREQ(api->kernels(nullptr), "");
}

constexpr std::chrono::milliseconds kNap(5);

/// Worker 0 is busy with kernel 0 until some time after worker 1 is done with
/// its share; then both meet and do kernel 1.
void unequal(quern_step *step, int64_t worker) {
  static std::atomic<int> isSecondDone;
  if (worker == 0) {
    while (isSecondDone.exchange(0) == 0)
      std::this_thread::yield();
    std::this_thread::sleep_for(kNap);
  }
  step->mark(step->pool, worker, 0);
  if (worker == 1)
    isSecondDone = 1;
  step->barrier(step->pool, worker);
  step->mark(step->pool, worker, 1);
}

TEST(Profile, WaitingIsNotWork) {
  int error = 0;
  ThreadPool *pool = ThreadPool::create(2, false, error);
  ASSERT_NE(pool, nullptr) << error;
  Profile *profile = Profile::create(2, 2);
  ASSERT_NE(profile, nullptr);
  quern_step step = {};
  std::atomic<uint32_t> cancel = 0;
  profile->run(*pool, unequal, &step, &cancel);
  const quern_kernel_time *times = profile->times();
  uint64_t nap = std::chrono::nanoseconds(kNap).count();
  EXPECT_GE(times[1].busy_ns, nap);     // worker 0, kernel 0
  EXPECT_GE(times[3 + 1].wait_ns, nap); // worker 1, kernel 0
  // Steps add up until cleared.
  uint64_t before = profile->wallNanoseconds();
  profile->run(*pool, unequal, &step, &cancel);
  EXPECT_GE(profile->times()[1].busy_ns, 2 * nap);
  EXPECT_GT(profile->wallNanoseconds(), before);
  profile->clear();
  EXPECT_EQ(profile->times()[1].busy_ns, 0u);
  Profile::destroy(profile);
  ThreadPool::destroy(pool);
}

} // namespace
