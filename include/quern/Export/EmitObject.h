// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Machine code from the LLVM dialect, and shared objects from that.

#ifndef QUERN_EXPORT_EMITOBJECT_H
#define QUERN_EXPORT_EMITOBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "quern/Base/Status.h"
#include <string>
#include <vector>

namespace quern::exporter {

/// What LLVM generates code for.
struct ObjectTarget {
  std::string triple;   ///< x86-64 or AArch64 Linux
  std::string cpu;      ///< -mcpu
  std::string features; ///< -mattr
};

/// Translates `module` (LLVM dialect only), optimises it and writes a position
/// independent ELF object to `path`. `assembly`, if not empty, receives the
/// assembly text.
Status emitObject(mlir::ModuleOp module, const ObjectTarget &target,
                  const std::string &path, const std::string &assembly = "");

/// Links objects and archives into a shared object that exports only
/// `exports`, in this process, with LLD.
Status linkSharedObject(const std::vector<std::string> &inputs,
                        const std::vector<std::string> &exports,
                        const std::string &path);

} // namespace quern::exporter

#endif // QUERN_EXPORT_EMITOBJECT_H
