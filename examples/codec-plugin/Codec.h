// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The dialect `codec` and its pass.

#ifndef CODEC_PLUGIN_CODEC_H
#define CODEC_PLUGIN_CODEC_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "CodecDialect.h.inc"
#define GET_OP_CLASSES
#include "CodecOps.h.inc"

namespace codec {

/// Makes `codec-assign-encodings` known to pipelines.
void registerAssignEncodings();

} // namespace codec

#endif // CODEC_PLUGIN_CODEC_H
