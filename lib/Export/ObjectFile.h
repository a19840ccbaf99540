// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Machine code of an LLVM module as a file.

#ifndef QUERN_LIB_EXPORT_OBJECTFILE_H
#define QUERN_LIB_EXPORT_OBJECTFILE_H

#include "quern/Export/EmitObject.h"
#include "llvm/Support/CodeGen.h"
#include <memory>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace quern::exporter {

/// A machine that generates position independent code.
Result<std::unique_ptr<llvm::TargetMachine>>
createMachine(const ObjectTarget &target);

/// Writes the code of `module` to `path`.
Status writeMachineCode(llvm::Module &module, llvm::TargetMachine &machine,
                        const std::string &path, llvm::CodeGenFileType type);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_OBJECTFILE_H
