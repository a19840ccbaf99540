// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What containers of graphs have in common in how they hold matrices:
// entries of share/onnx-weights.txt and share/openvino-weights.txt.

#ifndef QUERN_LIB_EXPORT_GRAPH_GRAPHWEIGHTS_H
#define QUERN_LIB_EXPORT_GRAPH_GRAPHWEIGHTS_H

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Export/Container.h"
#include "quern/Numerics/Format.h"
#include "quern/Weights/Checkpoints.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <set>
#include <string>

namespace quern::exporter {

/// A matrix that is going to be written.
struct GraphMatrix {
  numerics::Format format;
  int64_t rows = 1, cols = 1;
  /// Its tensors have its columns as their rows.
  bool isTransposed = false;

  /// Columns of a block.
  int64_t size() const { return format.block.cols ? format.block.cols : cols; }
  int64_t blocksAcross() const { return (cols + size() - 1) / size(); }
};

/// Names of matrices by what is done with them.
struct MatrixUses {
  std::set<std::string> products; ///< of linear layers
  std::set<std::string> tables;   ///< of which rows are looked up
};

MatrixUses findMatrixUses(mlir::ModuleOp module);

/// The parameters that onnx-weights.txt describes.
weights::CheckpointParameters graphParametersOf(const GraphMatrix &matrix);

/// Whether `entry` holds a matrix of these parameters: its conditions hold, and
/// its format decodes as `format`.
bool entryHolds(const weights::CheckpointEntry &entry,
                const weights::CheckpointParameters &parameters,
                const numerics::Format &format);

/// Gives a matrix the layout that `entry` says.
Status setLayout(param::GlobalOp global, const weights::CheckpointEntry &entry,
                 const weights::CheckpointParameters &parameters,
                 const GraphMatrix &matrix);

/// The numbers of vectors are few: they become f32, as they are computed with.
Status setVectorLayout(param::GlobalOp global);

/// Sets the weight of `tensor`, and the bytes of its segment of that.
void setSegment(ContainerTensor &tensor, param::GlobalOp global);

/// A format by its name, if it has one, and its text.
std::string formatNameAndText(const numerics::Format &format);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_GRAPH_GRAPHWEIGHTS_H
