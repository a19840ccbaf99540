// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which copies of the inner loops this CPU can run.

#include "LaneKernels.h"

using namespace quern;
using namespace quern::numerics;

namespace quern::numerics {
#ifdef QUERN_LANES_X86
namespace avx512 {
extern const LaneKernels kernels;
}
namespace avx2 {
extern const LaneKernels kernels;
}
#endif
namespace portable {
extern const LaneKernels kernels;
}
} // namespace quern::numerics

static std::vector<const LaneKernels *> supportedKernels() {
  std::vector<const LaneKernels *> supported;
#ifdef QUERN_LANES_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4"))
    supported.push_back(&avx512::kernels);
  if (__builtin_cpu_supports("x86-64-v3"))
    supported.push_back(&avx2::kernels);
#endif
  supported.push_back(&portable::kernels);
  return supported;
}

Span<const LaneKernels *const> numerics::laneKernels() {
  static const std::vector<const LaneKernels *> supported = supportedKernels();
  return {supported.data(), supported.size()};
}
