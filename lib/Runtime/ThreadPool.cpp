// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The workers of a model: they spin for a bounded time, then sleep.

#include "ThreadPool.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

using namespace quern::runtime;

namespace {

// Longer than the gap between the parallel regions of a token (microseconds),
// and than sampling between tokens; shorter than anybody notices on an idle
// model.
constexpr int64_t kSpinNanoseconds = 100 * 1000;

// After this long, the thread that is waited for may well want this processor:
// other programs run too, and the scheduler puts threads where it likes.
// Spinning on without yielding made a barrier 30 times slower on a loaded
// machine.
constexpr int64_t kQuietNanoseconds = 5 * 1000;

// Reading the clock costs about as much as this many pauses.
constexpr int kPausesPerClock = 16;

// What the kernels keep on the stack is small: their buffers are in `scratch`.
constexpr size_t kStackBytes = size_t(2) << 20;

int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void pauseProcessor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), operation, value,
          nullptr, nullptr, 0);
}

} // namespace

void WaitWord::waitWhile(uint32_t seen, int64_t spinNanoseconds) {
  if (load() != seen)
    return;
  if (spinNanoseconds > 0) {
    int64_t start = nanoseconds(), waited = 0;
    do {
      for (int i = 0; i < kPausesPerClock; ++i) {
        pauseProcessor();
        if (load() != seen)
          return;
      }
      waited = nanoseconds() - start;
      if (waited > kQuietNanoseconds)
        sched_yield();
    } while (waited < spinNanoseconds);
  }
  // Announce, then look: `publish` stores, then looks for sleepers. Both in one
  // total order, so that one of the two sees the other.
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (value.load(std::memory_order_seq_cst) == seen)
    futex(value, FUTEX_WAIT_PRIVATE, seen);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

void WaitWord::publish(uint32_t next) {
  value.store(next, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0)
    futex(value, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

ThreadPool *ThreadPool::create(uint32_t workers, bool spin, int &error) {
  error = ENOMEM;
  auto *pool = static_cast<ThreadPool *>(
      aligned_alloc(alignof(ThreadPool), sizeof(ThreadPool)));
  if (!pool)
    return nullptr;
  // All fields start at zero, and the atomics are trivially constructed.
  memset(static_cast<void *>(pool), 0, sizeof(ThreadPool));
  pool->members = static_cast<Worker *>(calloc(workers, sizeof(Worker)));
  pool->count = workers;
  pool->spinNanoseconds = spin ? kSpinNanoseconds : 0;
  pool->process = getpid();
  if (pool->members && pool->start(error))
    return pool;
  destroy(pool);
  return nullptr;
}

bool ThreadPool::start(int &error) {
  pthread_attr_t attributes;
  if ((error = pthread_attr_init(&attributes)) != 0)
    return false;
  // The host's signal handlers must not run on our threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_attr_setstacksize(&attributes, kStackBytes);
  while (error == 0 && started + 1 < count) {
    Worker &worker = members[started + 1];
    worker.pool = this;
    worker.index = started + 1;
    error = pthread_create(&worker.thread, &attributes, threadMain, &worker);
    if (error == 0)
      ++started;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

void ThreadPool::stop() {
  ending = true;
  task.publish(task.load() + 1);
  for (uint32_t i = 1; i <= started; ++i)
    pthread_join(members[i].thread, nullptr);
}

void ThreadPool::destroy(ThreadPool *pool) {
  if (!pool)
    return;
  if (pool->isAlive() && pool->started > 0)
    pool->stop();
  free(pool->members);
  free(pool);
}

bool ThreadPool::isAlive() const { return getpid() == process; }

void *ThreadPool::threadMain(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  ThreadPool *pool = worker->pool;
  for (uint32_t seen = 0;; ++seen) {
    pool->task.waitWhile(seen, pool->spinNanoseconds);
    if (pool->ending)
      return nullptr;
    pool->forward(pool->step, worker->index);
    pool->meet();
  }
}

void ThreadPool::run(quern_forward_fn function, quern_step *work,
                     const std::atomic<uint32_t> *flag) {
  forward = function;
  step = work;
  cancel = flag;
  cancelled.store(0, std::memory_order_relaxed);
  task.publish(task.load() + 1);
  function(work, 0);
  // The last barrier: when it opens, every worker has left `forward`.
  meet();
}

int64_t ThreadPool::barrier(void *pool, int64_t) {
  return static_cast<ThreadPool *>(pool)->meet();
}

int64_t ThreadPool::meet() {
  uint32_t seen = phase.load();
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 < count) {
    phase.waitWhile(seen, spinNanoseconds);
    return cancelled.load(std::memory_order_relaxed);
  }
  // One thread decides for all whether the run goes on.
  arrived.store(0, std::memory_order_relaxed);
  int64_t answer = cancelled.load(std::memory_order_relaxed) |
                   cancel->load(std::memory_order_relaxed);
  cancelled.store(answer, std::memory_order_relaxed);
  phase.publish(seen + 1);
  return answer;
}
