// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The bytes of a GGUF file, tensor by tensor.

#include "../PlacedFile.h"
#include "GgufFile.h"
#include "quern/Support/Text.h"
#include "quern/Weights/GgmlTypes.h"

#include <cstring>

using namespace quern;
using namespace quern::exporter;

static constexpr uint64_t alignment = 32;
static constexpr size_t longestName = 63; ///< of a tensor, in bytes

static uint64_t aligned(uint64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

template <typename T> static void put(std::string &text, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  text.append(bytes, sizeof(T));
}

static Status putTensor(std::string &text, const ContainerTensor &tensor,
                        uint64_t offset) {
  auto fail = [&](const std::string &message) {
    return Status::error(StatusCode::InvalidArgument,
                         "tensor " + inQuotes(tensor.name) + ": " + message);
  };
  if (tensor.name.size() > longestName)
    return fail("expects a name of at most " + std::to_string(longestName) +
                " bytes, but got " + std::to_string(tensor.name.size()));
  const weights::GgmlType *type = weights::findGgmlType(tensor.type);
  if (!type)
    return fail("expects a type of ggml, but got " + inQuotes(tensor.type));
  put<uint64_t>(text, tensor.name.size());
  text += tensor.name;
  put(text, static_cast<uint32_t>(tensor.shape.size()));
  for (size_t i = tensor.shape.size(); i > 0; --i)
    put(text, tensor.shape[i - 1]);
  put(text, type->id);
  put(text, offset);
  return Status::ok();
}

/// Rows of `parts` are one tensor: the shape of the first with all rows.
static ContainerTensor joined(const ContainerTensor *begin,
                              const ContainerTensor *end) {
  ContainerTensor whole = *begin;
  for (const ContainerTensor *part = begin + 1; part != end; ++part) {
    whole.shape.front() += part->shape.front();
    whole.bytes += part->bytes;
  }
  return whole;
}

Result<std::unique_ptr<ContainerWriter>>
exporter::createGgufFile(const std::string &path, const GgufValues &values,
                         Span<const ContainerTensor> tensors) {
  constexpr uint32_t version = 3;
  std::string infos;
  std::vector<TensorPlace> places;
  uint64_t end = 0, count = 0;
  for (const ContainerTensor *tensor = tensors.begin();
       tensor != tensors.end();) {
    const ContainerTensor *next = nextTensor(tensor, tensors.end());
    ContainerTensor whole = joined(tensor, next);
    if (Status status = putTensor(infos, whole, end); !status)
      return status.withContext(path);
    uint64_t offset = end;
    for (; tensor != next; offset += tensor++->bytes)
      places.push_back({tensor->name, offset, tensor->bytes});
    end += aligned(whole.bytes);
    ++count;
  }
  std::string header = "GGUF";
  put(header, version);
  put<uint64_t>(header, count);
  put(header, values.count());
  header += values.bytes() + infos;
  header.resize(aligned(header.size()));
  return createPlacedFile(path, header, std::move(places), end);
}
