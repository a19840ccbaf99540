// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What passes that change weights share.

#ifndef QUERN_DIALECT_PARAM_IR_PARAMUTILS_H
#define QUERN_DIALECT_PARAM_IR_PARAMUTILS_H

#include "mlir/IR/BuiltinOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include <map>
#include <string>

namespace quern::param {

/// Weights by what there is to say of them.
using RemarkMap = std::map<std::string, llvm::SmallVector<GlobalOp>>;

/// Emits one remark for all weights of a text, at the first of them: a model
/// has many.
void emitRemarks(const RemarkMap &remarks);

/// Gives each `param.load` in `module` the type of its weight, which is in
/// `module`.
void updateLoadTypes(mlir::ModuleOp module);

} // namespace quern::param

#endif // QUERN_DIALECT_PARAM_IR_PARAMUTILS_H
