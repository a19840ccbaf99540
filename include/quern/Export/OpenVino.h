// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes models as OpenVINO's IR: the graph, and weights in their codes.

#ifndef QUERN_EXPORT_OPENVINO_H
#define QUERN_EXPORT_OPENVINO_H

#include "quern/Export/Container.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quern::exporter {

/// A model that is going to be written.
struct OpenVinoPlan {
  std::vector<ContainerTensor> tensors;
  /// Where each begins in the data file, behind `constants`.
  std::vector<uint64_t> offsets;
  std::string constants; ///< what the data file begins with
  std::string model;     ///< the IR, version 11, as XML
};

/// The graph of `module`'s function `forward`, computed in f32, with the inputs
/// and outputs of planOnnx(). Positions are less than 2^21.
///
/// Matrices are constants of their codes, which the graph converts to f32, less
/// zero points, times scales; they get their layouts in the file. Vectors
/// become f32. Errors name the weight, its format and what can be done: a
/// format that OpenVINO does not hold; or the operation that there is nothing
/// for.
Result<OpenVinoPlan> planOpenVino(mlir::ModuleOp module);

/// Takes the tensors of `plan` and writes openvino_model.xml and
/// openvino_model.bin in the folder `folder`. Errors: Io.
Result<std::unique_ptr<ContainerWriter>>
createOpenVino(const std::string &folder, const OpenVinoPlan &plan);

} // namespace quern::exporter

#endif // QUERN_EXPORT_OPENVINO_H
