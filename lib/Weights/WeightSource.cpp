// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Look-up by name, and exact conversion of floats to float32.

#include "quern/Weights/WeightSource.h"

#include "quern/Support/Text.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace quern::weights {

WeightSource::~WeightSource() = default;

const Metadata &WeightSource::metadata() const {
  static const Metadata none;
  return none;
}

int64_t TensorInfo::rows() const {
  int64_t product = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    product *= shape[i];
  return product;
}

std::string TensorInfo::typeText() const {
  return encoding.empty() ? dtypeName(dtype) : encoding;
}

const TensorInfo *WeightSource::find(const std::string &name) const {
  Span<const TensorInfo> all = tensors();
  const TensorInfo *it = std::lower_bound(
      all.begin(), all.end(), name,
      [](const TensorInfo &t, const std::string &n) { return t.name < n; });
  return it != all.end() && it->name == name ? it : nullptr;
}

Result<const TensorInfo *> WeightSource::get(const std::string &name) const {
  if (const TensorInfo *tensor = find(name))
    return tensor;
  return Status::error(StatusCode::NotFound,
                       path() + ": expects a tensor " + inQuotes(name) +
                           ", but there is none of this name");
}

Status inTensor(const TensorInfo &tensor, const Status &status) {
  return status.withContext(*tensor.file + ": tensor " + inQuotes(tensor.name));
}

/// Converts `count` elements at `bytes`, which may be unaligned.
static void convertF32(const uint8_t *bytes, size_t count, float *out) {
  std::memcpy(out, bytes, count * sizeof(float));
}

static void convertBF16(const uint8_t *bytes, size_t count, float *out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t half;
    std::memcpy(&half, bytes + 2 * i, 2);
    uint32_t bits = uint32_t(half) << 16;
    std::memcpy(out + i, &bits, 4);
  }
}

static void convertF16(const uint8_t *bytes, size_t count, float *out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t half;
    std::memcpy(&half, bytes + 2 * i, 2);
    // Multiplying by 2^112 moves the exponent's bias from 15 to 127, for
    // subnormal numbers too; infinity and NaN keep an exponent of all ones.
    uint32_t bits = uint32_t(half & 0x7fff) << 13;
    float scaled;
    std::memcpy(&scaled, &bits, 4);
    scaled *= 0x1p112f;
    std::memcpy(&bits, &scaled, 4);
    bits |= (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
    bits |= uint32_t(half & 0x8000) << 16;
    std::memcpy(out + i, &bits, 4);
  }
}

using Converter = void (*)(const uint8_t *, size_t, float *);

static Converter converterFor(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return convertF32;
  case DType::F16:
    return convertF16;
  case DType::BF16:
    return convertBF16;
  default:
    return nullptr;
  }
}

/// A tensor of floats, and what makes f32 of them.
struct FloatTensor {
  const TensorInfo &info;
  Converter convert;
};

static Result<FloatTensor> getFloats(const WeightSource &source,
                                     const std::string &name) {
  Result<const TensorInfo *> found = source.get(name);
  if (!found)
    return found.status();
  const TensorInfo &info = **found;
  if (Converter convert = converterFor(info.dtype))
    return FloatTensor{info, convert};
  return inTensor(info, Status::error(StatusCode::Unsupported,
                                      std::string("expects element type F32, "
                                                  "F16 or BF16, but got ") +
                                          info.typeText()));
}

Status readRowsAsFloat(const WeightSource &source, const std::string &name,
                       int64_t rowBegin, int64_t rowEnd, Span<float> out) {
  Result<FloatTensor> found = getFloats(source, name);
  if (!found)
    return found.status();
  const auto &[tensor, convert] = *found;
  if (rowBegin < 0 || rowEnd < rowBegin || rowEnd > tensor.rows())
    return inTensor(tensor, Status::error(StatusCode::InvalidArgument,
                                          "expects rows within [0, " +
                                              std::to_string(tensor.rows()) +
                                              "), but got [" +
                                              std::to_string(rowBegin) + ", " +
                                              std::to_string(rowEnd) + ")"));
  size_t columns = tensor.columns();
  size_t count = (rowEnd - rowBegin) * columns;
  if (out.size() != count)
    return inTensor(tensor,
                    Status::error(StatusCode::InvalidArgument,
                                  "expects room for " + std::to_string(count) +
                                      " elements, but got room for " +
                                      std::to_string(out.size())));
  if (count)
    convert(tensor.bytes.data() +
                rowBegin * columns * (dtypeBits(tensor.dtype) / 8),
            count, out.data());
  return Status::ok();
}

Status readElementsAsFloat(const WeightSource &source, const std::string &name,
                           int64_t begin, Span<float> out) {
  Result<FloatTensor> found = getFloats(source, name);
  if (!found)
    return found.status();
  const auto &[tensor, convert] = *found;
  int64_t total = tensor.rows() * tensor.columns();
  if (begin < 0 || begin > total || int64_t(out.size()) > total - begin)
    return inTensor(tensor,
                    Status::error(StatusCode::InvalidArgument,
                                  "expects elements within [0, " +
                                      std::to_string(total) + "), but got " +
                                      std::to_string(out.size()) + " from " +
                                      std::to_string(begin) + " on"));
  if (!out.empty())
    convert(tensor.bytes.data() + begin * (dtypeBits(tensor.dtype) / 8),
            out.size(), out.data());
  return Status::ok();
}

/// The position of the first NaN or infinity among `values`, or their number.
static size_t firstNotFinite(Span<const float> values) {
  // The bits of a magnitude order like the magnitude, with infinity and NaN
  // on top: one vectorised maximum decides the common case.
  uint32_t worst = 0;
  for (float value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    worst = std::max(worst, bits & 0x7fffffffu);
  }
  if (worst < 0x7f800000u)
    return values.size();
  size_t i = 0;
  while (std::isfinite(values[i]))
    ++i;
  return i;
}

/// `position` in a tensor of this shape, as `[row, column]`.
static std::string indexText(const TensorInfo &tensor, uint64_t position) {
  std::vector<int64_t> index(tensor.shape.size());
  for (size_t i = index.size(); i-- > 0;) {
    index[i] = position % tensor.shape[i];
    position /= tensor.shape[i];
  }
  return shapeText(index);
}

Status checkFinite(const WeightSource &source, const std::string &name) {
  Result<FloatTensor> found = getFloats(source, name);
  if (!found)
    return found.status();
  const auto &[tensor, convert] = *found;
  float chunk[4096];
  size_t width = dtypeBits(tensor.dtype) / 8;
  size_t total = tensor.bytes.size() / width;
  for (size_t begin = 0; begin < total; begin += std::size(chunk)) {
    size_t count = std::min(std::size(chunk), total - begin);
    convert(tensor.bytes.data() + begin * width, count, chunk);
    size_t bad = firstNotFinite({chunk, count});
    if (bad == count)
      continue;
    return inTensor(
        tensor,
        Status::error(StatusCode::InvalidFile,
                      "expects finite values, but got " +
                          std::string(std::isnan(chunk[bad]) ? "nan" : "inf") +
                          " at " + indexText(tensor, begin + bad)));
  }
  return Status::ok();
}

} // namespace quern::weights
