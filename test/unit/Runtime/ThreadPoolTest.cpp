// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The thread pool: barriers under stress, cancel, oversubscription.

#include "ThreadPool.h"

#include "gtest/gtest.h"

#include <vector>

using namespace quern::runtime;

namespace {

/// What the worker function below reads: hung on a field of the step that the
/// pool does not look at.
struct Stress {
  int64_t rounds;
  std::vector<int64_t> counters;
  std::vector<int64_t> errors;
};

quern_step makeStep(ThreadPool &pool, Stress &stress) {
  quern_step step = {};
  step.arena = reinterpret_cast<uint8_t *>(&stress);
  step.workers = pool.workers();
  step.barrier = ThreadPool::barrier;
  step.pool = &pool;
  return step;
}

/// Each round, each worker counts, and after the barrier must see that all
/// have. A second barrier keeps the next round's counts out.
void countAndLook(quern_step *step, int64_t worker) {
  auto &stress = *reinterpret_cast<Stress *>(step->arena);
  for (int64_t round = 1; round <= stress.rounds; ++round) {
    ++stress.counters[worker];
    step->barrier(step->pool, worker);
    for (int64_t counter : stress.counters)
      stress.errors[worker] += counter != round;
    step->barrier(step->pool, worker);
  }
}

void expectNoErrors(uint32_t workers, bool spin, int64_t rounds) {
  int error = 0;
  ThreadPool *pool = ThreadPool::create(workers, spin, error);
  ASSERT_NE(pool, nullptr) << error;
  std::atomic<uint32_t> cancel(0);
  for (int run = 0; run < 20; ++run) {
    Stress stress = {rounds, std::vector<int64_t>(workers),
                     std::vector<int64_t>(workers)};
    quern_step step = makeStep(*pool, stress);
    pool->run(countAndLook, &step, &cancel);
    for (uint32_t w = 0; w < workers; ++w) {
      EXPECT_EQ(stress.counters[w], rounds);
      EXPECT_EQ(stress.errors[w], 0);
    }
  }
  ThreadPool::destroy(pool);
}

TEST(ThreadPoolTest, BarrierStressSpinning) { expectNoErrors(2, true, 2000); }

TEST(ThreadPoolTest, BarrierStressSleeping) { expectNoErrors(4, false, 300); }

TEST(ThreadPoolTest, OneWorkerNeedsNoThread) { expectNoErrors(1, true, 1000); }

TEST(ThreadPoolTest, ManyMoreWorkersThanProcessors) {
  expectNoErrors(32, false, 10);
}

TEST(ThreadPoolTest, ManyShortRuns) {
  int error = 0;
  ThreadPool *pool = ThreadPool::create(3, false, error);
  ASSERT_NE(pool, nullptr);
  std::atomic<uint32_t> cancel(0);
  for (int run = 0; run < 2000; ++run) {
    Stress stress = {1, std::vector<int64_t>(3), std::vector<int64_t>(3)};
    quern_step step = makeStep(*pool, stress);
    pool->run(countAndLook, &step, &cancel);
    ASSERT_EQ(stress.errors, std::vector<int64_t>(3));
  }
  ThreadPool::destroy(pool);
}

TEST(ThreadPoolTest, CreateAndDestroyWithoutARun) {
  for (int i = 0; i < 50; ++i) {
    int error = 0;
    ThreadPool *pool = ThreadPool::create(4, i % 2, error);
    ASSERT_NE(pool, nullptr);
    ThreadPool::destroy(pool);
  }
}

/// Counts barriers until one says that the run is cancelled.
void meetUntilCancelled(quern_step *step, int64_t worker) {
  auto &stress = *reinterpret_cast<Stress *>(step->arena);
  auto *cancel = reinterpret_cast<std::atomic<uint32_t> *>(step->logits);
  while (!step->barrier(step->pool, worker))
    if (++stress.counters[worker] == stress.rounds)
      cancel->store(1); // each worker, at the same round
}

TEST(ThreadPoolTest, AllWorkersHearOfACancelAtTheSameBarrier) {
  int error = 0;
  ThreadPool *pool = ThreadPool::create(4, false, error);
  ASSERT_NE(pool, nullptr);
  std::atomic<uint32_t> cancel(0);
  Stress stress = {100, std::vector<int64_t>(4), std::vector<int64_t>(4)};
  quern_step step = makeStep(*pool, stress);
  step.logits = reinterpret_cast<float *>(&cancel);
  pool->run(meetUntilCancelled, &step, &cancel);
  EXPECT_EQ(stress.counters, std::vector<int64_t>(4, 100));

  // The next run starts uncancelled.
  cancel = 0;
  Stress again = {5, std::vector<int64_t>(4), std::vector<int64_t>(4)};
  quern_step next = makeStep(*pool, again);
  pool->run(countAndLook, &next, &cancel);
  EXPECT_EQ(again.counters, std::vector<int64_t>(4, 5));
  ThreadPool::destroy(pool);
}

} // namespace
