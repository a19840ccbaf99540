// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The order of the Quantize phase.

#include "quern/Quantize/Pipeline.h"
#include "mlir/Pass/PassRegistry.h"
#include "quern/Quantize/Passes.h"

using namespace quern;

void quantize::addEncodingPass(mlir::OpPassManager &manager,
                               const QuantizePipelineOptions &options) {
  AssignEncodingsPassOptions encodings;
  encodings.format = options.format;
  encodings.rules.append(options.rules.begin(), options.rules.end());
  encodings.solver = options.solver;
  encodings.layersOnly = options.layersOnly;
  manager.addPass(createAssignEncodingsPass(encodings));
}

void quantize::addTranscodingPass(mlir::OpPassManager &manager,
                                  const QuantizePipelineOptions &options,
                                  bool mayReEncode) {
  TranscodeWeightsPassOptions transcoding;
  transcoding.format = options.format;
  transcoding.rules.append(options.rules.begin(), options.rules.end());
  transcoding.solver = options.solver;
  transcoding.reEncode = mayReEncode;
  manager.addPass(createTranscodeWeightsPass(transcoding));
}

void quantize::buildQuantizePipeline(mlir::OpPassManager &manager,
                                     const QuantizePipelineOptions &options) {
  addEncodingPass(manager, options);
  manager.addPass(createExpandColumnTransformsPass());
  // Integer products are chosen by quantizing their inputs; what cannot be one
  // is computed in f32.
  bool isInteger = options.compute == "int8";
  manager.addPass(
      createSetComputePass({isInteger ? "f32" : std::string(options.compute)}));
  if (isInteger)
    manager.addPass(createQuantizeActivationsPass({options.activations}));
  if (!options.kvCache.empty())
    manager.addPass(createAssignCacheEncodingPass({options.kvCache}));
  if (options.kvRotate)
    manager.addPass(createRotateKVCachePass());
}

void quantize::registerQuantizePipeline() {
  mlir::PassPipelineRegistration<QuantizePipelineOptions>(
      "quantize", "Choose the numbers of weights and activations",
      buildQuantizePipeline);
}
