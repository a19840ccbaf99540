// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The workers of a model: they spin for a bounded time, then sleep.

#ifndef QUERN_LIB_RUNTIME_THREADPOOL_H
#define QUERN_LIB_RUNTIME_THREADPOOL_H

#include "Memory.h"
#include "quern/Runtime/StepABI.h"

#include <atomic>
#include <pthread.h>
#include <sys/types.h>

namespace quern::runtime {

/// More than any machine that this runtime is for; bounds what a caller's
/// number can allocate.
constexpr uint32_t kMaxWorkers = 1024;

/// A number that threads wait on to change. On a cache line of its own.
class alignas(kLineBytes) WaitWord {
public:
  uint32_t load() const { return value.load(std::memory_order_acquire); }
  /// Returns once the value differs from `seen`: spins for `spinNanoseconds`,
  /// then sleeps.
  void waitWhile(uint32_t seen, int64_t spinNanoseconds);
  /// Stores `next` and wakes all that sleep.
  void publish(uint32_t next);

private:
  std::atomic<uint32_t> value;
  std::atomic<uint32_t> sleepers;
};

/// Runs one function on `workers` threads at a time, the caller being worker 0.
/// Not copied or moved: its threads hold its address.
class ThreadPool {
public:
  /// Starts workers - 1 threads. Null, with an errno in `error`, if one of them
  /// cannot be started or memory is short. `spin` says whether a waiting thread
  /// may burn its processor for a moment: only if there is one for each worker.
  static ThreadPool *create(uint32_t workers, bool spin, int &error);
  /// Joins the threads. Accepts null.
  static void destroy(ThreadPool *pool);

  uint32_t workers() const { return count; }
  /// False in a child process of the one that made the pool: its threads are
  /// not there.
  bool isAlive() const;

  /// Calls forward(step, w) on each worker w and returns when all are done.
  /// A nonzero *cancel seen at a barrier makes that barrier, and all later
  /// ones, answer "cancelled".
  void run(quern_forward_fn forward, quern_step *step,
           const std::atomic<uint32_t> *cancel);

  /// A quern_barrier_fn whose pool is a ThreadPool.
  static int64_t barrier(void *pool, int64_t worker);

private:
  struct Worker {
    ThreadPool *pool;
    int64_t index;
    pthread_t thread;
  };

  static void *threadMain(void *worker);
  bool start(int &error);
  void stop();
  int64_t meet();

  // `task` changes when there is work (or an end); the fields below it are
  // written before, and read after.
  WaitWord task;
  quern_forward_fn forward;
  quern_step *step;
  const std::atomic<uint32_t> *cancel;
  bool ending;

  // A sense-reversing barrier whose sense is a counter: it can be told from the
  // one before by a thread that slept through it.
  WaitWord phase;
  alignas(kLineBytes) std::atomic<uint32_t> arrived;
  // Written by the last to arrive, before it moves `phase`. Atomic since a
  // worker may still be leaving the last barrier of a run when the next run
  // clears it.
  std::atomic<int64_t> cancelled;

  uint32_t count;
  uint32_t started; // threads that run
  int64_t spinNanoseconds;
  pid_t process;
  Worker *members;
};

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_THREADPOOL_H
