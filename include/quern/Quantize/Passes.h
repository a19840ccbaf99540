// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes of the Quantize phase.

#ifndef QUERN_QUANTIZE_PASSES_H
#define QUERN_QUANTIZE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>
#include <string>

namespace quern::quantize {

#define GEN_PASS_DECL
#include "quern/Quantize/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quern/Quantize/Passes.h.inc"

} // namespace quern::quantize

#endif // QUERN_QUANTIZE_PASSES_H
