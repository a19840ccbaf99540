// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The time that each worker spends in each kernel and at barriers.

#include "Profile.h"

#include <string.h>
#include <time.h>

using namespace quern::runtime;

static int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

Profile *Profile::create(uint32_t workers, uint64_t kernels) {
  uint64_t count, entryBytes, bytes;
  if (__builtin_mul_overflow(kernels + 1, uint64_t(workers), &count) ||
      __builtin_mul_overflow(count, sizeof(quern_kernel_time), &entryBytes) ||
      __builtin_add_overflow(
          entryBytes, sizeof(Profile) + (1 + workers) * sizeof(Worker), &bytes))
    return nullptr;
  Pages memory = Pages::map(bytes);
  if (!memory)
    return nullptr;
  auto *profile = reinterpret_cast<Profile *>(memory.data);
  uint64_t head;
  roundUp(sizeof(Profile), alignof(Worker), head);
  profile->memory = memory;
  profile->members = reinterpret_cast<Worker *>(memory.data + head);
  profile->entries =
      reinterpret_cast<quern_kernel_time *>(profile->members + workers);
  profile->kernelCount = kernels;
  profile->workerCount = workers;
  return profile;
}

void Profile::destroy(Profile *profile) {
  if (!profile)
    return;
  Pages memory = profile->memory;
  memory.unmap();
}

void Profile::clear() {
  wall = 0;
  memset(entries, 0,
         workerCount * (1 + kernelCount) * sizeof(quern_kernel_time));
}

void Profile::run(ThreadPool &workers, quern_forward_fn function,
                  quern_step *step, const std::atomic<uint32_t> *cancel) {
  pool = &workers;
  profiled = function;
  step->pool = this;
  step->barrier = barrier;
  step->mark = mark;
  int64_t begin = nanoseconds();
  for (uint32_t w = 0; w < workerCount; ++w)
    members[w] = {begin, entriesOf(w)};
  workers.run(forward, step, cancel);
  int64_t end = nanoseconds();
  // Those who were done early waited for the others.
  for (uint32_t w = 0; w < workerCount; ++w)
    members[w].last->wait_ns += uint64_t(end - members[w].since);
  wall += uint64_t(end - begin);
}

void Profile::forward(quern_step *step, int64_t worker) {
  auto *profile = static_cast<Profile *>(step->pool);
  Worker &self = profile->members[worker];
  int64_t now = nanoseconds();
  self.last->wait_ns += uint64_t(now - self.since);
  self.since = now;
  profile->profiled(step, worker);
}

void Profile::mark(void *object, int64_t worker, int64_t kernel) {
  auto *profile = static_cast<Profile *>(object);
  Worker &self = profile->members[worker];
  self.last = profile->entriesOf(worker) + 1 + kernel;
  int64_t now = nanoseconds();
  self.last->busy_ns += uint64_t(now - self.since);
  self.since = now;
}

int64_t Profile::barrier(void *object, int64_t worker) {
  auto *profile = static_cast<Profile *>(object);
  int64_t answer = ThreadPool::barrier(profile->pool, worker);
  Worker &self = profile->members[worker];
  int64_t now = nanoseconds();
  self.last->wait_ns += uint64_t(now - self.since);
  self.since = now;
  return answer;
}
