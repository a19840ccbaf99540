// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Measures this machine on the runtime's own thread pool.

#include "quern/Runtime/MachineProbe.h"
#include "Memory.h"
#include "ProbeKernels.h"
#include "ThreadPool.h"

#include <string.h>
#include <time.h>

using namespace quern::runtime;

namespace {

// The best pass counts. On a busy machine few are undisturbed on all processors
// at once: many short ones, shorter than the turns that a scheduler gives.
constexpr int kPasses = 60;

// Long enough that starting the workers does not count.
constexpr double kPassSeconds = 0.002;

// What a worker reads in a pass. The memory as a whole is far larger, and read
// in order, so that nothing is left of a window in the caches at the next turn.
constexpr size_t kWindowBytes = size_t(16) << 20;

double seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

/// What the workers do in one pass; `step.arena` points to it.
struct Job {
  ArithmeticKernel arithmetic;
  uint64_t rounds;

  ReadKernel read;
  uint8_t *memory;
  size_t share;  // bytes of each worker
  size_t window; // of them, read in one pass
  size_t at;     // where in the share
};

Job &jobOf(const quern_step *step) {
  return *reinterpret_cast<Job *>(step->arena);
}

void compute(quern_step *step, int64_t) {
  jobOf(step).arithmetic.run(jobOf(step).rounds);
}

/// Pages belong to the memory of whoever writes them first, and unwritten ones
/// would all be read from one page of zeros.
void touchShare(quern_step *step, int64_t worker) {
  const Job &job = jobOf(step);
  memset(job.memory + size_t(worker) * job.share, 1, job.share);
}

void readWindow(quern_step *step, int64_t worker) {
  const Job &job = jobOf(step);
  job.read(job.memory + size_t(worker) * job.share + job.at, job.window);
}

/// A pool for the time of a measurement.
class Probe {
public:
  explicit Probe(uint32_t threads) {
    int error;
    if (threads > 0 && threads <= kMaxWorkers)
      pool = ThreadPool::create(threads, /*spin=*/true, error);
  }
  ~Probe() { ThreadPool::destroy(pool); }
  explicit operator bool() const { return pool; }

  /// Seconds that `work` takes on all workers.
  double time(quern_forward_fn work, Job &job) {
    quern_step step = {};
    step.arena = reinterpret_cast<uint8_t *>(&job);
    std::atomic<uint32_t> cancel(0);
    double start = seconds();
    pool->run(work, &step, &cancel);
    return seconds() - start;
  }

private:
  ThreadPool *pool = nullptr;
};

double measureArithmetic(uint32_t threads, const ArithmeticKernel &kernel) {
  Probe probe(threads);
  if (!probe)
    return 0;
  Job job = {};
  job.arithmetic = kernel;
  job.rounds = 1000;
  while (probe.time(compute, job) < kPassSeconds)
    job.rounds *= 2;
  double best = probe.time(compute, job);
  for (int pass = 1; pass < kPasses; ++pass) {
    double time = probe.time(compute, job);
    best = time < best ? time : best;
  }
  return double(threads) * double(job.rounds) * kernel.operationsPerRound /
         best;
}

double measureRead(Probe &probe, uint32_t threads, Job &job) {
  job.read = chooseReadKernel();
  job.window = job.share < kWindowBytes ? job.share : kWindowBytes;
  probe.time(touchShare, job);
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    double time = probe.time(readWindow, job);
    best = pass == 0 || time < best ? time : best;
    job.at += job.window;
    if (job.at + job.window > job.share)
      job.at = 0;
  }
  return double(job.window) * double(threads) / best;
}

} // namespace

#define QUERN_PROBE_EXPORT extern "C" __attribute__((visibility("default")))

QUERN_PROBE_EXPORT double quern_probe_read_bandwidth(uint32_t threads,
                                                     size_t bytes) {
  Probe probe(threads);
  if (!probe)
    return 0;
  Job job = {};
  job.share = bytes / threads / 4096 * 4096;
  Pages memory = Pages::map(job.share * threads, Pages::Use::Dense);
  job.memory = memory.data;
  bool ready = memory && job.share > 0;
  double rate = ready ? measureRead(probe, threads, job) : 0;
  memory.unmap();
  return rate;
}

QUERN_PROBE_EXPORT double quern_probe_int8_dot(uint32_t threads) {
  return measureArithmetic(threads, chooseInt8Kernel());
}

QUERN_PROBE_EXPORT double quern_probe_bf16_dot(uint32_t threads) {
  return measureArithmetic(threads, chooseBf16Kernel());
}

QUERN_PROBE_EXPORT double quern_probe_f32_fma(uint32_t threads) {
  return measureArithmetic(threads, chooseF32Kernel());
}
