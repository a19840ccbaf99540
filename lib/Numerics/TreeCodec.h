// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding by the format's own rules, and decoding, level by level.

#ifndef QUERN_LIB_NUMERICS_TREECODEC_H
#define QUERN_LIB_NUMERICS_TREECODEC_H

#include "Blocks.h"
#include "LaneKernels.h"

namespace quern::numerics {

/// Decoded scales and offsets (empty if there are none) of one level's blocks.
struct BlockValues {
  std::vector<float> scales, offsets;
};

/// The values of the planes from `path` down.
std::vector<float> decodeTree(const LaneKernels &kernels, const Format &format,
                              const CodedTensor &coded,
                              const std::string &path);

/// The decoded scales and offsets of the level at `path`.
BlockValues decodeBlockValues(const LaneKernels &kernels, const Format &format,
                              const CodedTensor &coded,
                              const std::string &path);

/// What the elements of the scaled level at `path` are multiplied with: its
/// decoded scales, or one over its divisors.
std::vector<float> decodeFactors(const LaneKernels &kernels,
                                 const Format &format, const CodedTensor &coded,
                                 const std::string &path);

/// Codes the scales and offsets of a scaled level by the rules, but not the
/// level itself. Returns what its codes are chosen with.
BlockValues encodeScales(const LaneKernels &kernels, const Format &format,
                         const std::string &path, const MatrixView &matrix,
                         CodedTensor &out);

/// Codes a matrix into `codes` and the matrices of its scales and offsets,
/// which lie below `path`, into `out`. `rule` is the scale rule of the level
/// above, if the matrix holds scales.
void encodeTree(const LaneKernels &kernels, const Format &format,
                const ScaleRule *rule, const std::string &path,
                const MatrixView &matrix, CodedTensor &out, int32_t *codes);

/// A new plane of `out`, for the codes of a matrix.
int32_t *addPlane(const std::string &path, const MatrixView &matrix,
                  CodedTensor &out);
/// The plane of the codes of `matrix` itself, which may be of vectors.
int32_t *addCodePlane(const Format &format, const MatrixView &matrix,
                      CodedTensor &out);
/// Copies that plane of `from` to `codes` and moves the others to `out`.
void takePlanes(CodedTensor &from, CodedTensor &out, int32_t *codes);

/// Codes one level, given the scales that its codes are chosen with; `stored`
/// is empty where the format has no scale. Signs that are kept apart go to
/// `out`, and so do offsets that are chosen with the codes. Weights count in a
/// composite element.
void encodeLevel(const LaneKernels &kernels, const Format &format,
                 const ScaleRule *rule, const MatrixView &matrix,
                 const WeightView &weights, const BlockValues &stored,
                 CodedTensor &out, int32_t *codes);

/// What the codes of a scaled level are chosen with: the inverse of each scale.
std::vector<float> inversesOf(const Format &format,
                              const std::vector<float> &scales);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_TREECODEC_H
