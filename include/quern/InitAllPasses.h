// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The only list of all passes and pipelines, in pipeline order.

#ifndef QUERN_INITALLPASSES_H
#define QUERN_INITALLPASSES_H

#include "mlir/Transforms/Passes.h"
#include "quern/Codegen/CPU/Passes.h"
#include "quern/Codegen/Passes.h"
#include "quern/Pack/Passes.h"
#include "quern/Pack/Pipeline.h"
#include "quern/Pipelines/Passes.h"
#include "quern/Quantize/Passes.h"
#include "quern/Quantize/Pipeline.h"

namespace quern {

/// Registers every pass and pipeline under the name of its flag: those of
/// Quern, and the general ones of upstream (canonicalize, cse, …).
inline void registerAllPasses() {
  quantize::registerQuantizePasses();
  quantize::registerQuantizePipeline();
  pack::registerPackPasses();
  pack::registerPackPipeline();
  codegen::registerCodegenPasses();
  codegen::registerCodegenCPUPasses();
  pipelines::registerPipelinesPasses();
  mlir::registerTransformsPasses();
}

} // namespace quern

#endif // QUERN_INITALLPASSES_H
