// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes of the Pack phase.

#ifndef QUERN_PACK_PASSES_H
#define QUERN_PACK_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>
#include <string>

namespace quern::pack {

#define GEN_PASS_DECL
#include "quern/Pack/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quern/Pack/Passes.h.inc"

} // namespace quern::pack

#endif // QUERN_PACK_PASSES_H
