// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The values that the reference interpreter computes with.

#include "quern/Reference/Tensor.h"
#include "quern/Numerics/Encode.h"
#include "quern/Numerics/EncodeTensor.h"

using namespace quern;
using namespace quern::reference;

Tensor Tensor::ofReals(Shape shape, std::vector<float> values) {
  Tensor tensor;
  tensor.extents = std::move(shape);
  tensor.reals = std::make_shared<const std::vector<float>>(std::move(values));
  return tensor;
}

Tensor Tensor::ofInts(Shape shape, std::vector<int32_t> values) {
  Tensor tensor;
  tensor.extents = std::move(shape);
  tensor.ints = std::make_shared<const std::vector<int32_t>>(std::move(values));
  return tensor;
}

Tensor Tensor::ofIndex(int64_t value) {
  Tensor tensor;
  tensor.scalarIndex = value;
  tensor.isScalarIndex = true;
  return tensor;
}

Tensor Tensor::ofCodes(std::shared_ptr<const numerics::Format> format,
                       numerics::CodedTensor coded) {
  Tensor tensor =
      ofReals({coded.rows, coded.cols}, numerics::decodeRows(*format, coded));
  tensor.codedFormat = std::move(format);
  tensor.codes =
      std::make_shared<const numerics::CodedTensor>(std::move(coded));
  return tensor;
}

int64_t Tensor::size() const {
  int64_t product = 1;
  for (int64_t extent : extents)
    product *= extent;
  return product;
}

int64_t Tensor::rows() const {
  int64_t product = 1;
  for (size_t i = 0; i + 1 < extents.size(); ++i)
    product *= extents[i];
  return product;
}

int64_t Tensor::cols() const { return extents.empty() ? 1 : extents.back(); }

Span<const float> Tensor::values() const {
  return reals ? Span<const float>(*reals) : Span<const float>();
}

Span<const float> Tensor::row(int64_t r) const {
  return values().subspan(size_t(r * cols()), size_t(cols()));
}

Span<const int32_t> Tensor::integers() const {
  return ints ? Span<const int32_t>(*ints) : Span<const int32_t>();
}

std::string Tensor::shapeText() const {
  std::string text = "[";
  for (int64_t extent : extents)
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

float reference::roundTo(const numerics::FloatType &type, float value) {
  numerics::ScalarValues scalar;
  return numerics::decodeFloat(scalar, type,
                               numerics::encodeFloat(scalar, type, value));
}
