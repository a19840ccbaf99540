// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Weights for tests that need no file.

#ifndef QUERN_TEST_UNIT_WEIGHTS_MEMORYSOURCE_H
#define QUERN_TEST_UNIT_WEIGHTS_MEMORYSOURCE_H

#include "quern/Weights/WeightSource.h"
#include <cstring>

namespace quern::weights::test {

/// Tensors in memory.
class MemorySource : public WeightSource {
public:
  void add(const std::string &name, DType dtype, std::vector<int64_t> shape,
           std::vector<uint8_t> bytes) {
    data.push_back(std::move(bytes));
    TensorInfo info;
    info.name = name;
    info.dtype = dtype;
    info.shape = std::move(shape);
    info.bytes = Span<const uint8_t>(data.back().data(), data.back().size());
    info.file = &where;
    infos.push_back(info);
  }
  void addF32(const std::string &name, std::vector<int64_t> shape,
              const std::vector<float> &values) {
    std::vector<uint8_t> bytes(values.size() * 4);
    std::memcpy(bytes.data(), values.data(), bytes.size());
    add(name, DType::F32, std::move(shape), std::move(bytes));
  }

  Span<const TensorInfo> tensors() const override { return infos; }
  const std::string &path() const override { return where; }
  void release(const TensorInfo &tensor) const override {
    released.push_back(tensor.name);
  }

  mutable std::vector<std::string> released;

private:
  std::string where = "memory";
  std::vector<TensorInfo> infos;
  std::vector<std::vector<uint8_t>> data;
};

} // namespace quern::weights::test

#endif // QUERN_TEST_UNIT_WEIGHTS_MEMORYSOURCE_H
