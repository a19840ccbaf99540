// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether a panel is decoded once for all rows of activations.

#ifndef QUERN_LIB_CODEGEN_CPU_DECODEONCE_H
#define QUERN_LIB_CODEGEN_CPU_DECODEONCE_H

#include "quern/Codegen/CPU/CostModel.h"
#include "quern/Codegen/CPU/LinearKernel.h"

namespace quern::codegen {

/// Predicted costs of a linear kernel's pieces and what follows from them.
struct DecodeOnce {
  /// Of all K of a register tile's panels: a tile of rows that decodes them,
  /// the decoder, and a tile of rows that reads what the decoder wrote.
  KernelCost packed, decoder, decoded;
  /// Decoding once pays from so many register tiles of rows on; 1: for any
  /// number of rows but one, since decoding costs most; 0: never.
  int64_t fromTiles = 0;
  /// A slice of the register tile's panels is short enough for a stack.
  bool fitsStack = true;

  bool pays() const { return fromTiles > 0; }
  bool isForAllRows() const { return fromTiles == 1; }
};

DecodeOnce decodeOnce(const LinearSpec &spec, const PanelShape &shape,
                      const CpuTarget &target, mlir::MLIRContext *context);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_DECODEONCE_H
