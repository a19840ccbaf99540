// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes that know the order of the phases.

#ifndef QUERN_PIPELINES_PASSES_H
#define QUERN_PIPELINES_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>
#include <string>

namespace quern::pipelines {

#define GEN_PASS_DECL
#include "quern/Pipelines/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quern/Pipelines/Passes.h.inc"

} // namespace quern::pipelines

#endif // QUERN_PIPELINES_PASSES_H
