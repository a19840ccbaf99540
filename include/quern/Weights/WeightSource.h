// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Named tensors of a model's files, mapped and read only when asked for.

#ifndef QUERN_WEIGHTS_WEIGHTSOURCE_H
#define QUERN_WEIGHTS_WEIGHTSOURCE_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"
#include "quern/Weights/Metadata.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quern::weights {

/// Element types, by their names in safetensors files.
enum class DType : uint8_t {
  BOOL,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3FNUZ,
  F8_E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64,
};

/// The name of `dtype`, such as `BF16`.
const char *dtypeName(DType dtype);

/// The size of one element in bits; 4 and 6 for the packed small floats.
unsigned dtypeBits(DType dtype);

/// The type called `name`, if there is one.
std::optional<DType> parseDType(const std::string &name);

/// One tensor. `bytes` points into a mapped file, little endian, row major,
/// with no alignment promised; it lives as long as its WeightSource.
struct TensorInfo {
  std::string name;
  DType dtype = DType::F32; ///< U8 where there is an encoding
  /// The name of the format and of the layout (docs/Formats.md) in which
  /// `bytes` hold elements of `shape`. Empty: the elements themselves, of type
  /// `dtype`.
  std::string encoding;
  std::vector<int64_t> shape;
  Span<const uint8_t> bytes;
  const std::string *file = nullptr; ///< path for messages

  /// The last extent; 1 for a scalar.
  int64_t columns() const { return shape.empty() ? 1 : shape.back(); }
  /// The product of all extents but the last; 1 for a vector or scalar.
  int64_t rows() const;
  /// The encoding, or the element type; for messages.
  std::string typeText() const;
};

/// The tensors of one model.
class WeightSource {
public:
  virtual ~WeightSource();

  /// All tensors, sorted by name.
  virtual Span<const TensorInfo> tensors() const = 0;

  /// The path that the source was opened with.
  virtual const std::string &path() const = 0;

  /// What the container says of the model; nothing by default.
  virtual const Metadata &metadata() const;

  /// Lets go of the memory of a tensor that is not needed for now; reading it
  /// again brings it back.
  virtual void release(const TensorInfo &tensor) const = 0;

  /// The tensor called `name`, or null.
  const TensorInfo *find(const std::string &name) const;

  /// As `find`; its absence is an error that names `path()`.
  Result<const TensorInfo *> get(const std::string &name) const;
};

/// `status` with the file and name of `tensor` before its message.
Status inTensor(const TensorInfo &tensor, const Status &status);

/// Converts rows [rowBegin, rowEnd) of an F32, F16 or BF16 tensor to float,
/// exactly. `out` has (rowEnd - rowBegin) * columns elements. Errors: no such
/// tensor, another element type, rows out of range, `out` of another size.
Status readRowsAsFloat(const WeightSource &source, const std::string &name,
                       int64_t rowBegin, int64_t rowEnd, Span<float> out);

/// Converts `out.size()` elements of an F32, F16 or BF16 tensor to float, those
/// from `begin` on in the order of the file. Errors as above.
Status readElementsAsFloat(const WeightSource &source, const std::string &name,
                           int64_t begin, Span<float> out);

/// Reads a whole F32, F16 or BF16 tensor once and fails at its first NaN or
/// infinity, whose index the message gives.
Status checkFinite(const WeightSource &source, const std::string &name);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_WEIGHTSOURCE_H
