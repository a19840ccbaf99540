// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The stages between phases, and what is legal in each.
//
// | stage      | operations                               | weights          |
// |------------|------------------------------------------|------------------|
// | imported   | func, param, nn, small arith.constant    | no layout, not   |
// |            |                                          | #qt.encode       |
// | calibrated | as imported                              | as imported      |
// | quantized  | as imported, qt.quantize, qt.dequantize  | no layout;       |
// |            |                                          | #qt.encode where |
// |            |                                          | there is a       |
// |            |                                          | #qt.format       |
// | packed     | func, param, small arith.constant,       | #qk.layout that  |
// |            | qk.kernel                                | fits             |
// | kernels    | as packed, each qk.kernel has a tile     | as packed        |
//
// A weight that arrives quantized (GGUF, GPTQ) has a #qt.format from the
// beginning. Other values have one from the stage `quantized` on.

#ifndef QUERN_PIPELINES_CONTRACT_H
#define QUERN_PIPELINES_CONTRACT_H

#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace quern::pipelines {

/// A point between two phases, in order.
enum class Stage { Imported, Calibrated, Quantized, Packed, Kernels };

/// The stage called `name` ("imported", …), or none.
std::optional<Stage> stageOf(llvm::StringRef name);

/// Emits an error for everything in `module` that `stage` does not allow.
mlir::LogicalResult verifyContract(mlir::ModuleOp module, Stage stage);

} // namespace quern::pipelines

#endif // QUERN_PIPELINES_CONTRACT_H
