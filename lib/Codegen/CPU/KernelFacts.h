// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Numbers and names of a kernel op, for those who call its function.

#ifndef QUERN_LIB_CODEGEN_CPU_KERNELFACTS_H
#define QUERN_LIB_CODEGEN_CPU_KERNELFACTS_H

#include "quern/Dialect/QK/IR/QKOps.h"
#include "llvm/Support/raw_ostream.h"

namespace quern::codegen {

inline int64_t widthOf(mlir::Value activation) {
  return llvm::cast<mlir::RankedTensorType>(activation.getType()).getDimSize(1);
}

inline int64_t integerOr(qk::KernelOp kernel, llvm::StringRef name,
                         int64_t otherwise) {
  auto attr = kernel->getAttrOfType<mlir::IntegerAttr>(name);
  return attr ? attr.getInt() : otherwise;
}

inline float floatOr(qk::KernelOp kernel, llvm::StringRef name,
                     float otherwise) {
  auto attr = kernel->getAttrOfType<mlir::FloatAttr>(name);
  return attr ? attr.getValue().convertToFloat() : otherwise;
}

inline llvm::StringRef stringOf(qk::KernelOp kernel, llvm::StringRef name) {
  return llvm::cast<mlir::StringAttr>(kernel->getAttr(name)).getValue();
}

/// Parts of a key, joined.
template <typename... Parts> std::string keyOf(const Parts &...parts) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  ((stream << parts << "|"), ...);
  return key;
}

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_KERNELFACTS_H
