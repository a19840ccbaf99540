// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A safetensors file, tensor by tensor.

#include "../PlacedFile.h"
#include "quern/Export/Checkpoint.h"
#include "quern/Weights/WeightSource.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <numeric>

using namespace quern;
using namespace quern::exporter;

/// Wide types first, so that all are aligned, and by name: as the library's own
/// writer has them.
static std::vector<size_t>
fileOrder(const std::vector<ContainerTensor> &tensors) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  auto rank = [&](size_t i) { return *weights::parseDType(tensors[i].type); };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return rank(a) != rank(b) ? rank(a) > rank(b)
                              : tensors[a].name < tensors[b].name;
  });
  return order;
}

static std::string headerText(const std::vector<ContainerTensor> &tensors,
                              const std::vector<size_t> &order,
                              const std::vector<TensorPlace> &places) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attributeObject("__metadata__",
                         [&] { json.attribute("format", "pt"); });
    for (size_t i : order)
      json.attributeObject(tensors[i].name, [&] {
        json.attribute("dtype", tensors[i].type);
        json.attribute("shape", llvm::json::Array(tensors[i].shape));
        json.attributeArray("data_offsets", [&] {
          json.value(int64_t(places[i].offset));
          json.value(int64_t(places[i].offset + places[i].bytes));
        });
      });
  });
  return text;
}

Result<std::unique_ptr<ContainerWriter>>
exporter::createSafetensors(const std::string &path,
                            const std::vector<ContainerTensor> &tensors) {
  constexpr size_t alignment = 8, longestHeader = 100'000'000;
  std::vector<size_t> order = fileOrder(tensors);
  std::vector<TensorPlace> places(tensors.size());
  uint64_t end = 0;
  for (size_t i : order) {
    places[i] = {tensors[i].name, end, tensors[i].bytes};
    end += tensors[i].bytes;
  }
  std::string header = headerText(tensors, order, places);
  header.resize((header.size() + alignment - 1) / alignment * alignment, ' ');
  if (header.size() > longestHeader)
    return Status::error(StatusCode::Unsupported,
                         path + ": expects a header of at most " +
                             std::to_string(longestHeader) +
                             " bytes, but got " +
                             std::to_string(header.size()));
  std::string length;
  for (size_t i = 0; i < alignment; ++i)
    length += char(header.size() >> (8 * i));
  return createPlacedFile(path, length + header, std::move(places), end);
}
