// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The numbers that a `param.global` begins with, rows at a time.
// Internal to Pack.

#ifndef QUERN_LIB_PACK_WEIGHTVALUES_H
#define QUERN_LIB_PACK_WEIGHTVALUES_H

#include "PackedGlobal.h"
#include "StoredCodes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "quern/Base/Span.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Weights/TensorView.h"
#include "quern/Weights/WeightSource.h"
#include <memory>
#include <optional>

namespace quern::pack {

/// What the initial value of a global says, apart from the values themselves.
struct ValueRecipe {
  mlir::Attribute source; ///< without `#qt.encode` around it
  mlir::Type elementType; ///< of the values before they are encoded
  numerics::Solver solver = numerics::Solver::Plain;
  /// Set where codes are chosen in a format whose blocks cross rows, and then
  /// aligned with them.
  std::optional<numerics::Format> flat;
  /// Whether the codes are taken as a container holds them: `source` is a
  /// `#qk.stored`, or the matrix of one with an order of columns, and nothing
  /// is encoded.
  bool takesCodes = false;
};

/// Type of the elements that are read from the file.
mlir::Type sourceTypeOf(const ValueRecipe &recipe);
/// Bytes of the file that are read for a weight of `shape`, and rows of it
/// that must be read together.
int64_t sourceBytesOf(const ValueRecipe &recipe, MatrixShape shape);
int64_t sourceGrainOf(const ValueRecipe &recipe, MatrixShape shape);

/// Fails for an unknown solver.
Result<ValueRecipe> recipeOf(param::GlobalOp global);

/// Reads rows of one weight's values as floats.
class WeightValues {
public:
  /// Fails if the tensor is not in `source`, or of another shape, or if the
  /// initial value is of an unknown kind. All arguments must outlive this.
  static Result<WeightValues> open(const PackedGlobal &packed,
                                   const ValueRecipe &recipe,
                                   const weights::WeightSource &source);

  /// What an error in each column costs, or empty.
  Span<const float> columnWeights() const;

  /// Rows [rowBegin, rowEnd) into `out`. Safe to call from several threads.
  /// Fails at NaN and infinity, with row and column.
  Status read(int64_t rowBegin, int64_t rowEnd, Span<float> out) const;

  /// Of a `#qk.stored`: its codes, else null.
  const StoredCodes *codes() const { return stored ? &*stored : nullptr; }

  /// Lets go of the mapped pages.
  void release() const;

private:
  static Result<WeightValues> open(mlir::Attribute value,
                                   mlir::RankedTensorType type,
                                   const weights::WeightSource &source);
  Status openExternal(param::ExternalAttr external,
                      llvm::ArrayRef<int64_t> shape);
  Status openRows(param::ViewAttr view, llvm::ArrayRef<int64_t> shape);
  Status openStack(param::StackAttr stack, llvm::ArrayRef<int64_t> shape);
  Status openSum(param::SumAttr sum, llvm::ArrayRef<int64_t> shape);
  Status openPart(qt::PartAttr part);
  Status openStoredPart(qt::PartAttr part, qk::StoredAttr weight);
  Status readRaw(int64_t rowBegin, int64_t rowEnd, Span<float> out) const;

  mlir::Attribute value;
  bool isMatrix = false; ///< of a stored weight, without its order of columns
  const weights::WeightSource *source = nullptr;
  const weights::TensorInfo *tensor = nullptr; ///< null unless external
  std::optional<StoredCodes> stored;
  int64_t cols = 0;
  std::optional<weights::TensorView> rows; ///< of a part of `tensor`
  bool isVector = false;
  std::optional<weights::TensorStack> stack; ///< whose first is `tensor`
  /// Of a sum: what is added to. Of a part: the weight that it is of, and how
  /// that is seen. The view reads the weight, so that both stay where they are.
  std::shared_ptr<const WeightValues> whole;
  std::shared_ptr<const numerics::ColumnView> view;
  /// Set where the values must be rounded to the element type first.
  std::optional<numerics::Format> rounding;
};

} // namespace quern::pack

#endif // QUERN_LIB_PACK_WEIGHTVALUES_H
