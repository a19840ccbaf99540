// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Fused decode and matrix product: y = x * decode(w)^T.

#ifndef QUERN_CODEGEN_CPU_LINEARKERNEL_H
#define QUERN_CODEGEN_CPU_LINEARKERNEL_H

#include "quern/Codegen/CPU/ActivationRow.h"
#include "quern/Codegen/CPU/PanelReader.h"
#include "quern/Numerics/IntegerElement.h"
#include <optional>

namespace quern::codegen {

/// When a tile of rows decodes the panels that it multiplies with.
enum class Decoding {
  ByCost,  ///< as the cost model says
  InTiles, ///< in each tile of rows
  Once,    ///< before all tiles of rows, to memory, but for a single row
};

/// Everything static about one kernel; the number of rows of the weight, N,
/// and of activations, M, are arguments.
struct LinearSpec {
  numerics::Format weight;
  numerics::Layout layout;
  ActivationRow input;      ///< its width is K
  bool roundToBf16 = false; ///< decoded weights are rounded to bfloat16
  bool hasBias = false;     ///< float[N]
  bool hasResidual = false; ///< float[M, N], added to the result
  /// Bytes from one row of the residual to the next; 0: as in the result.
  int64_t residualStride = 0;
  float softcap = 0; ///< of the result; 0: none
  /// Whether the weight begins at a panel that is an argument, as an expert's
  /// does in a weight of many.
  bool hasFirstPanel = false;
  /// Whether something happens to a sum when it is complete.
  bool hasEpilogue() const { return hasBias || hasResidual || softcap > 0; }
  /// Register tile: rows of x by panels of 16 columns.
  int64_t tileRows = 1;
  int64_t tilePanels = 1;
  /// Results do not depend on it.
  Decoding decoding = Decoding::ByCost;
};

/// Rows of a register tile for the largest M; smaller M halve them.
int64_t tileRows(const CpuTarget &target, const LinearSpec &spec);

/// Why there is no kernel for `spec`, or success.
Status checkLinearKernel(const LinearSpec &spec);

/// Arguments of a linear kernel, in order:
///   x ptr, y ptr, bytes between rows of y (and residual) i64, bias ptr,
///   residual ptr, M i64, N i64, worker i64, workers i64, one ptr a segment of
///   the weight, with hasFirstPanel that panel i64.
/// Worker w computes a contiguous share of the panels. Sums over K run in
/// index order whatever M, N and the number of workers: results do not depend
/// on them. With Int8 input, products and sums within a group are exact
/// integers and the rest is fused or emulated: the same bits on every
/// instruction set.
Status emitLinearKernel(KernelBuilder &builder, llvm::StringRef name,
                        const LinearSpec &spec);

struct RoutingSpec;

/// The linear kernel `linear`, which has hasFirstPanel, for rows that
/// emitDispatchKernel made: each expert's with N rows of the weight and of the
/// bias, from N times its number on. N is a multiple of kPanelRows. Arguments:
/// those of a linear kernel but for the first panel, where M counts tokens,
/// then routing ptr, scratch ptr.
void emitRoutedLinearKernel(KernelBuilder &builder, llvm::StringRef name,
                            llvm::StringRef linear, const LinearSpec &spec,
                            const RoutingSpec &routing);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_LINEARKERNEL_H
