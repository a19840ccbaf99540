// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A dialect and a pass that quant-opt loads.

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "llvm/Config/llvm-config.h"

#include "DemoDialect.h.inc"
#define GET_OP_CLASSES
#include "DemoOps.h.inc"

#include "DemoDialect.cpp.inc"
#define GET_OP_CLASSES
#include "DemoOps.cpp.inc"

void demo::DemoDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "DemoOps.cpp.inc"
      >();
}

namespace {
/// Replaces the sum of a value with itself by demo.double.
struct FindDoubles
    : mlir::PassWrapper<FindDoubles, mlir::OperationPass<mlir::func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FindDoubles)

  llvm::StringRef getArgument() const override { return "demo-find-doubles"; }
  llvm::StringRef getDescription() const override {
    return "Replace x + x by demo.double";
  }
  void getDependentDialects(mlir::DialectRegistry &registry) const override {
    registry.insert<demo::DemoDialect>();
  }

  void runOnOperation() override {
    getOperation().walk([](quern::nn::AddOp add) {
      if (add.getLhs() != add.getRhs())
        return;
      mlir::OpBuilder builder(add);
      auto twice = demo::DoubleOp::create(builder, add.getLoc(), add.getType(),
                                          add.getLhs());
      add.replaceAllUsesWith(twice.getResult());
      add.erase();
    });
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Demo", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            registry->insert<demo::DemoDialect>();
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Demo", LLVM_VERSION_STRING,
          [] { mlir::PassRegistration<FindDoubles>(); }};
}
