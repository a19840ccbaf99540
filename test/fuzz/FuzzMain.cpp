// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What libFuzzer calls: the target that QUERN_FUZZ_TARGET names.

#include "Targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  quern::fuzz::QUERN_FUZZ_TARGET(quern::fuzz::Input(data, size));
  return 0;
}
