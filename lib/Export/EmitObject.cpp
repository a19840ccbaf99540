// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Machine code from the LLVM dialect.

#include "quern/Export/EmitObject.h"

#include "ObjectFile.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace quern;

static Status failure(StatusCode code, const llvm::Twine &text) {
  return Status::error(code, text.str());
}

Status exporter::emitObject(ModuleOp module, const ObjectTarget &target,
                            const std::string &path,
                            const std::string &assembly) {
  Result<std::unique_ptr<llvm::TargetMachine>> created = createMachine(target);
  if (!created)
    return created.status();
  std::unique_ptr<llvm::TargetMachine> machine = std::move(*created);
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context);
  if (!code)
    return failure(StatusCode::Unsupported,
                   "generated code cannot be translated to LLVM IR");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  if (llvm::Error error =
          makeOptimizingTransformer(2, 0, machine.get())(code.get()))
    return failure(StatusCode::Unsupported, llvm::toString(std::move(error)));
  if (!assembly.empty()) {
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*code);
    if (Status status = writeMachineCode(
            *copy, *machine, assembly, llvm::CodeGenFileType::AssemblyFile);
        !status)
      return status;
  }
  return writeMachineCode(*code, *machine, path,
                          llvm::CodeGenFileType::ObjectFile);
}
