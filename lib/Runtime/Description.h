// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The JSON that quern_api.describe returns.

#ifndef QUERN_LIB_RUNTIME_DESCRIPTION_H
#define QUERN_LIB_RUNTIME_DESCRIPTION_H

#include <stdint.h>

namespace quern::runtime {

/// The text of the JSON object `compiled` with the facts of this run added:
/// "isa" (in use), "threads" and "cpu" (the processor's name). Null if memory
/// is short, or `compiled` is not an object. To be freed.
char *makeDescription(const char *compiled, const char *isa, uint32_t threads);

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_DESCRIPTION_H
