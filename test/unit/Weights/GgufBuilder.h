// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes GGUF files byte by byte, right and wrong ones.

#ifndef QUERN_TEST_UNIT_WEIGHTS_GGUFBUILDER_H
#define QUERN_TEST_UNIT_WEIGHTS_GGUFBUILDER_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quern::weights::test {

template <typename T> std::string bytesOf(T value) {
  return {reinterpret_cast<const char *>(&value), sizeof value};
}

inline std::string stringOf(const std::string &text) {
  return bytesOf<uint64_t>(text.size()) + text;
}

/// What a file says, entry by entry. Its numbers are right unless a test says
/// otherwise; a test changes what it wants to be wrong.
struct GgufBuilder {
  struct Tensor {
    std::string name;
    std::vector<int64_t> extents; ///< contiguous one first
    uint32_t type = 0;
    std::string data;
    int64_t offset = -1; ///< -1: the right one
  };

  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<int64_t> tensorCount; ///< none: the right one
  std::optional<int64_t> valueCount;
  std::vector<std::string> values; ///< key, type and value as bytes
  std::vector<Tensor> tensors;
  uint64_t alignment = 32;
  std::string trailing;

  GgufBuilder &value(const std::string &key, uint32_t type,
                     const std::string &bytes) {
    values.push_back(stringOf(key) + bytesOf(type) + bytes);
    return *this;
  }
  GgufBuilder &u32(const std::string &key, uint32_t number) {
    return value(key, 4, bytesOf(number));
  }
  GgufBuilder &u16(const std::string &key, uint16_t number) {
    return value(key, 2, bytesOf(number));
  }
  GgufBuilder &text(const std::string &key, const std::string &string) {
    return value(key, 8, stringOf(string));
  }
  GgufBuilder &array(const std::string &key, uint32_t type, uint64_t count,
                     const std::string &elements) {
    return value(key, 9, bytesOf(type) + bytesOf(count) + elements);
  }
  GgufBuilder &tensor(const std::string &name,
                      const std::vector<int64_t> &extents, uint32_t type,
                      const std::string &data, int64_t offset = -1) {
    tensors.push_back({name, extents, type, data, offset});
    return *this;
  }
  /// Four floats 1, 2, 3, 4 as a matrix of two rows.
  GgufBuilder &smallTensor(const std::string &name = "w") {
    return tensor(name, {2, 2}, 0,
                  bytesOf(1.0f) + bytesOf(2.0f) + bytesOf(3.0f) +
                      bytesOf(4.0f));
  }

  std::string header() const {
    std::string out = magic + bytesOf(version);
    out += bytesOf(tensorCount.value_or(int64_t(tensors.size())));
    out += bytesOf(valueCount.value_or(int64_t(values.size())));
    return out;
  }

  /// Everything before the data.
  std::string description() const {
    std::string out = header();
    for (const std::string &value : values)
      out += value;
    uint64_t next = 0;
    for (const Tensor &tensor : tensors) {
      out += stringOf(tensor.name) + bytesOf(uint32_t(tensor.extents.size()));
      for (int64_t extent : tensor.extents)
        out += bytesOf(extent);
      out += bytesOf(tensor.type);
      out += bytesOf(tensor.offset < 0 ? next : uint64_t(tensor.offset));
      next += padded(tensor.data).size();
    }
    return out;
  }

  std::string bytes() const {
    std::string out = padded(description());
    for (const Tensor &tensor : tensors)
      out += padded(tensor.data);
    return out + trailing;
  }

  std::string padded(std::string text) const {
    text.resize((text.size() + alignment - 1) / alignment * alignment, '\0');
    return text;
  }
};

} // namespace quern::weights::test

#endif // QUERN_TEST_UNIT_WEIGHTS_GGUFBUILDER_H
