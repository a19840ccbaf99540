// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How many processors this process may use.

#ifndef QUERN_LIB_RUNTIME_PROCESSORS_H
#define QUERN_LIB_RUNTIME_PROCESSORS_H

#include <stdint.h>

namespace quern::runtime {

/// The processors of the calling thread's affinity mask, at most as many as the
/// cgroup's quota of processor time amounts to. At least 1.
uint32_t availableProcessors();

/// The quota of this process's cgroup and those above it (version 2, and
/// version 1's cpu controller), in whole processors, rounded up; UINT32_MAX if
/// there is none. `root` stands before "/proc" and "/sys"; "" but in tests.
uint32_t cgroupQuota(const char *root);

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_PROCESSORS_H
