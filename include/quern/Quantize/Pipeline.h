// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The Quantize phase: from imported to quantized IR.

#ifndef QUERN_QUANTIZE_PIPELINE_H
#define QUERN_QUANTIZE_PIPELINE_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include <string>

namespace quern::quantize {

/// Formats are names that the qt dialect knows (qt::registerFormats adds those
/// of a user's file) or texts.
struct QuantizePipelineOptions
    : public mlir::PassPipelineOptions<QuantizePipelineOptions> {
  Option<std::string> format{
      *this, "format",
      llvm::cl::desc("Format of weights that no rule matches; empty leaves "
                     "them alone"),
      llvm::cl::init("")};
  ListOption<std::string> rules{
      *this, "rules",
      llvm::cl::desc("Rules PATTERN=FORMAT; the last that matches decides")};
  Option<std::string> solver{*this, "solver",
                             llvm::cl::desc("How codes are chosen: rtn or mse"),
                             llvm::cl::init("rtn")};
  Option<bool> layersOnly{
      *this, "layers-only",
      llvm::cl::desc("Leave embedding and output matrix to rules"),
      llvm::cl::init(false)};
  Option<std::string> compute{
      *this, "compute",
      llvm::cl::desc("Precision of products: f32, bf16, or int8 where weights "
                     "allow it and f32 elsewhere"),
      llvm::cl::init("f32")};
  Option<std::string> activations{
      *this, "activations",
      llvm::cl::desc("Format of the activations of int8 products; empty lets "
                     "the weights decide"),
      llvm::cl::init("")};
  Option<std::string> kvCache{
      *this, "kv-cache",
      llvm::cl::desc("Format of the KV cache; empty leaves it alone"),
      llvm::cl::init("")};
  Option<bool> kvRotate{
      *this, "kv-rotate",
      llvm::cl::desc("Rotate keys and values by a Hadamard matrix"),
      llvm::cl::init(false)};
};

/// Adds the first pass of the phase alone, which gives weights their formats.
void addEncodingPass(mlir::OpPassManager &manager,
                     const QuantizePipelineOptions &options);

/// Adds the pass that takes its place where weights keep their numbers, and
/// only get codes of another format.
void addTranscodingPass(mlir::OpPassManager &manager,
                        const QuantizePipelineOptions &options,
                        bool mayReEncode);

/// Adds the passes of the phase, in order.
void buildQuantizePipeline(mlir::OpPassManager &manager,
                           const QuantizePipelineOptions &options);

/// Registers the pipeline as `quantize`.
void registerQuantizePipeline();

} // namespace quern::quantize

#endif // QUERN_QUANTIZE_PIPELINE_H
