// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The values that the reference interpreter computes with.
//
// Integers, bytes included, are held as 32-bit ones. Every real number is held
// as binary32, whatever the element type of the IR: f16 and bf16 tensors hold
// values that those types can represent. A coded tensor holds its codes and the
// numbers that they stand for, so that an operation reads a coded operand as it
// reads a plain one: "decode, then compute".

#ifndef QUERN_REFERENCE_TENSOR_H
#define QUERN_REFERENCE_TENSOR_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"
#include "quern/Numerics/Format.h"
#include "quern/Numerics/Layout.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quern::reference {

/// An immutable, dense, row-major tensor. Copies share the elements.
class Tensor {
public:
  using Shape = std::vector<int64_t>;

  Tensor() = default;
  /// The number of values must be the product of `shape`.
  static Tensor ofReals(Shape shape, std::vector<float> values);
  static Tensor ofInts(Shape shape, std::vector<int32_t> values);
  /// A single index, of rank 0.
  static Tensor ofIndex(int64_t value);
  /// Decodes `coded`, which has every plane of `format`.
  static Tensor ofCodes(std::shared_ptr<const numerics::Format> format,
                        numerics::CodedTensor coded);

  const Shape &shape() const { return extents; }
  int64_t rank() const { return int64_t(extents.size()); }
  int64_t size() const;
  /// Extents of a tensor read as a matrix: a vector is one row, and all but
  /// the last axis of a tensor of higher rank count as rows.
  int64_t rows() const;
  int64_t cols() const;

  bool isReal() const { return reals != nullptr; }
  bool isInt() const { return ints != nullptr; }
  bool isIndex() const { return isScalarIndex; }
  bool isCoded() const { return codes != nullptr; }

  /// Empty unless isReal(); a coded tensor is real.
  Span<const float> values() const;
  /// Row `r` of values().
  Span<const float> row(int64_t r) const;
  /// Empty unless isInt().
  Span<const int32_t> integers() const;
  /// 0 unless isIndex().
  int64_t index() const { return scalarIndex; }

  /// Null unless isCoded().
  const numerics::Format *format() const { return codedFormat.get(); }
  const numerics::CodedTensor *coded() const { return codes.get(); }

  /// "[2, 64]".
  std::string shapeText() const;

private:
  Shape extents;
  std::shared_ptr<const std::vector<float>> reals;
  std::shared_ptr<const std::vector<int32_t>> ints;
  std::shared_ptr<const numerics::Format> codedFormat;
  std::shared_ptr<const numerics::CodedTensor> codes;
  int64_t scalarIndex = 0;
  bool isScalarIndex = false;
};

/// The nearest number that `type` can represent, ties to even.
float roundTo(const numerics::FloatType &type, float value);

} // namespace quern::reference

#endif // QUERN_REFERENCE_TENSOR_H
