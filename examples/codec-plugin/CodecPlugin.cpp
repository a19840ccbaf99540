// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What quant-opt looks for in a plugin.

#include "Codec.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Codec", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            registry->insert<codec::CodecDialect>();
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Codec", LLVM_VERSION_STRING,
          [] { codec::registerAssignEncodings(); }};
}
