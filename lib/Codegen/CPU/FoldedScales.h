// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Integer scales of blocks that are multiplied into codes.
//
// Where the scale of a block is an integer s times a scale d of more columns,
// and codes times s still fit a byte, a span of int8 activations has
//
//   sum over blocks of (code * s) . a    times d, and times the span's scale
//
// All but the last two factors are integers below 2^24, which are exact in
// 32-bit integers and in binary32 alike: a kernel may multiply s into the codes
// of a decoded panel, and have one dot product a span, or into the dot product
// of each block, and the bits are the same.
//
// Integer offsets of blocks, likewise times a number of the span, are summed
// apart in the same way, whatever scales are: two blocks at a time by a dot
// product of words, or one by one in binary32.

#ifndef QUERN_LIB_CODEGEN_CPU_FOLDEDSCALES_H
#define QUERN_LIB_CODEGEN_CPU_FOLDEDSCALES_H

#include "PanelWalk.h"
#include "quern/Numerics/IntegerElement.h"
#include <optional>

namespace quern::codegen {

/// code * s, as integers of at most 8 bits; none where scales are not of this
/// kind.
std::optional<numerics::IntegerElement> foldedElement(const LinearSpec &spec,
                                                      const PanelShape &shape);

/// Whether offsets of blocks are summed over a span as integers.
bool hasIntegerOffsets(const LinearSpec &spec, const PanelShape &shape);

/// Whether decoded panels hold code * s: where the target multiplies bytes of
/// that many bits as fast as those of the codes.
bool foldsWhenDecoding(const LinearSpec &spec, const PanelShape &shape,
                       const CpuTarget &target);

/// `bytes` (16 lanes of four, each value + element.bias) times `factor` (16
/// lanes of i32), plus folded.bias.
mlir::Value foldFactor(KernelBuilder &b, mlir::Value bytes, mlir::Value factor,
                       const numerics::IntegerElement &element,
                       const numerics::IntegerElement &folded);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_FOLDEDSCALES_H
