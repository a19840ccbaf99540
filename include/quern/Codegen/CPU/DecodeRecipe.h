// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which instructions bring an element's codes into a matrix product.
//
// A recipe is derived from the element's width, its values and the target's
// instructions. The generator asks for it where it decodes, so that what
// `explain` prints is what is emitted.

#ifndef QUERN_CODEGEN_CPU_DECODERECIPE_H
#define QUERN_CODEGEN_CPU_DECODERECIPE_H

#include "quern/Codegen/CPU/LinearKernel.h"

namespace quern::codegen {

/// Codes to the bytes that byte dot products read, of each plane.
enum class BytesRecipe {
  Fields,        ///< the code is the operand: mask and shift
  Shuffle,       ///< a table of at most 16 bytes, held in a register
  RegisterTable, ///< a longer table, held in registers as words of 16 bits
  GatherWord,    ///< four neighbours of a vector of the codebook from memory
  GatherByte,    ///< one value of a short vector at a time from memory
  HalfFloats,    ///< words of a float, by the target's conversion of f16
  ByByte,        ///< each byte by the element's definition, then put together
};

/// Codes to binary32, a lane each.
enum class LanesRecipe {
  Convert,       ///< an integer converted
  FloatBits,     ///< a float's fields moved, or the target's own conversion
  RegisterTable, ///< a table held in one or two registers
  Gather,        ///< a table in memory
};

/// How an element that is an integer of at most 16 bits becomes bytes.
BytesRecipe chooseBytes(const numerics::Element &element,
                        const CpuTarget &target);
LanesRecipe chooseLanes(const numerics::Element &element,
                        const CpuTarget &target);

/// One paragraph: the pieces of a code, its recipe and why it was chosen, the
/// product, how often scales are applied, what the cost model predicts, and
/// whether panels are decoded once for all rows. Register tiles are those of
/// the target. `context` has the kernels' dialects loaded.
std::string explainDecode(const LinearSpec &spec, const CpuTarget &target,
                          mlir::MLIRContext *context);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_DECODERECIPE_H
