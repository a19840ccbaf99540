// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Machine code from the LLVM dialect.

#include "quern/Export/EmitObject.h"

#include "ObjectFile.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace quern;

static Status failure(StatusCode code, const llvm::Twine &text) {
  return Status::error(code, text.str());
}

/// The generator unrolls and vectorises by itself and its functions are meant
/// to stay apart, so that no register tile is allocated together with another:
/// what is left is to merge addresses, fold, and hoist. A whole -O2 pipeline
/// takes ten times as long and gives no faster code.
static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  llvm::FunctionPassManager simplify;
  simplify.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  simplify.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  simplify.addPass(llvm::InstCombinePass());
  simplify.addPass(llvm::SimplifyCFGPass());
  simplify.addPass(
      llvm::createFunctionToLoopPassAdaptor(llvm::LoopRotatePass()));
  simplify.addPass(llvm::createFunctionToLoopPassAdaptor(
      llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  simplify.addPass(llvm::EarlyCSEPass());
  llvm::ModulePassManager passes;
  passes.addPass(llvm::GlobalDCEPass());
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(simplify)));
  passes.run(module, modules);
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
  // With a frame pointer the stack can be aligned, so that spilled registers do
  // not cross cache lines; and profilers can walk it.
  for (llvm::Function &function : *code)
    function.addFnAttr("frame-pointer", "all");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  optimise(*code, *machine);
  if (!assembly.empty()) {
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*code);
    if (Status status = writeMachineCode(*copy, *machine, assembly,
                                         llvm::CodeGenFileType::AssemblyFile);
        !status)
      return status;
  }
  return writeMachineCode(*code, *machine, path,
                          llvm::CodeGenFileType::ObjectFile);
}
