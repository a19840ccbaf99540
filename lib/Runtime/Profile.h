// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The time that each worker spends in each kernel and at barriers.

#ifndef QUERN_LIB_RUNTIME_PROFILE_H
#define QUERN_LIB_RUNTIME_PROFILE_H

#include "ThreadPool.h"
#include "quern/Runtime/quern_rt.h"

namespace quern::runtime {

/// Runs steps in ThreadPool's stead and sums their times. It stands between the
/// step and the pool: the step's barrier, mark and pool are its own, so that
/// the pool and runs that nobody measures know nothing of it.
class Profile {
public:
  /// Null if memory is short.
  static Profile *create(uint32_t workers, uint64_t kernels);
  /// Accepts null.
  static void destroy(Profile *profile);

  void clear();
  /// ThreadPool::run of a pool of `workers` workers. Changes the step.
  void run(ThreadPool &pool, quern_forward_fn forward, quern_step *step,
           const std::atomic<uint32_t> *cancel);

  uint64_t wallNanoseconds() const { return wall; }
  uint64_t kernels() const { return kernelCount; }
  uint32_t workers() const { return workerCount; }
  /// [workers][1 + kernels], as quern_profile has them.
  const quern_kernel_time *times() const { return entries; }

private:
  /// Where a worker is. Only it writes here while a step runs.
  struct alignas(kLineBytes) Worker {
    int64_t since;           ///< the clock at its last mark or barrier
    quern_kernel_time *last; ///< the entry of the kernel it did last
  };

  // A quern_forward_fn, a quern_mark_fn and a quern_barrier_fn.
  static void forward(quern_step *step, int64_t worker);
  static void mark(void *profile, int64_t worker, int64_t kernel);
  static int64_t barrier(void *profile, int64_t worker);

  quern_kernel_time *entriesOf(int64_t worker) const {
    return entries + worker * (1 + kernelCount);
  }

  Pages memory; ///< of this object and of what it points to
  Worker *members;
  quern_kernel_time *entries;
  uint64_t kernelCount;
  uint32_t workerCount;
  uint64_t wall;
  // Of the step that runs.
  ThreadPool *pool;
  quern_forward_fn profiled;
};

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_PROFILE_H
