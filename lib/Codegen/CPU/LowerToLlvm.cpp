// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From generated kernels to the LLVM dialect.

#include "quern/Codegen/CPU/Pipeline.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void quern::codegen::buildLowerToLlvmPipeline(OpPassManager &passes) {
  // Scale decoding is emitted once a use: merge before lowering. Folding is
  // left to LLVM, which does it faster.
  passes.addPass(createCSEPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}
