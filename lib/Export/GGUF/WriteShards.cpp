// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A GGUF file, or several that together are one model. Names and keys are
// those of llama.cpp's gguf-split.

#include "GgufFile.h"
#include "quern/Support/Text.h"

#include <cstdio>

using namespace quern;
using namespace quern::exporter;

namespace {
/// Shards in the order of their numbers; each has some of the tensors.
class ShardedFile : public ContainerWriter {
public:
  void add(std::unique_ptr<ContainerWriter> shard, size_t begin) {
    shards.push_back(std::move(shard));
    begins.push_back(begin);
  }

  Status write(size_t index, Span<const uint8_t> bytes) override {
    size_t shard = 0;
    while (shard + 1 < begins.size() && begins[shard + 1] <= index)
      ++shard;
    return shards[shard]->write(index - begins[shard], bytes);
  }

  /// The first file is the one that readers open: once it is there, all are.
  Status finish() override {
    for (size_t i = shards.size(); i-- > 0;)
      if (Status status = shards[i]->finish(); !status)
        return status;
    return Status::ok();
  }

private:
  std::vector<std::unique_ptr<ContainerWriter>> shards;
  std::vector<size_t> begins;
};
} // namespace

/// Where shards begin and, last, the end: as many tensors in each as fit, at
/// least one.
static std::vector<size_t>
shardBegins(const std::vector<ContainerTensor> &tensors, uint64_t shardBytes) {
  const ContainerTensor *first = tensors.data(), *end = first + tensors.size();
  std::vector<size_t> begins = {0};
  uint64_t held = 0;
  for (const ContainerTensor *tensor = first; tensor != end;) {
    const ContainerTensor *next = nextTensor(tensor, end);
    uint64_t bytes = 0;
    for (const ContainerTensor *part = tensor; part != next; ++part)
      bytes += part->bytes;
    if (held && held + bytes > shardBytes) {
      begins.push_back(size_t(tensor - first));
      held = 0;
    }
    held += bytes;
    tensor = next;
  }
  begins.push_back(tensors.size());
  return begins;
}

static std::string shardPath(const std::string &path, size_t number,
                             size_t count) {
  char suffix[32];
  std::snprintf(suffix, sizeof suffix, "-%05zu-of-%05zu.gguf", number + 1,
                count);
  return path.substr(0, path.rfind('.')) + suffix;
}

static int64_t countTensors(const std::vector<ContainerTensor> &tensors) {
  int64_t count = 0;
  for (const ContainerTensor &tensor : tensors)
    count += !tensor.joinsPrevious;
  return count;
}

std::vector<std::string>
exporter::ggufPaths(const std::string &path,
                    const std::vector<ContainerTensor> &tensors,
                    uint64_t shardBytes) {
  size_t count = shardBytes ? shardBegins(tensors, shardBytes).size() - 1 : 1;
  if (count == 1)
    return {path};
  std::vector<std::string> paths;
  for (size_t i = 0; i < count; ++i)
    paths.push_back(shardPath(path, i, count));
  return paths;
}

Result<std::unique_ptr<ContainerWriter>>
exporter::createGguf(const std::string &path, const GgufValues &values,
                     const std::vector<ContainerTensor> &tensors,
                     uint64_t shardBytes) {
  constexpr size_t most = 65535; // the keys are u16
  std::vector<std::string> paths = ggufPaths(path, tensors, shardBytes);
  if (paths.size() == 1)
    return createGgufFile(path, values, tensors);
  if (paths.size() > most)
    return Status::error(StatusCode::InvalidArgument,
                         path + ": expects at most " + std::to_string(most) +
                             " shards, but " + std::to_string(shardBytes) +
                             " bytes in each make " +
                             std::to_string(paths.size()));
  std::vector<size_t> begins = shardBegins(tensors, shardBytes);
  auto file = std::make_unique<ShardedFile>();
  for (size_t i = 0; i < paths.size(); ++i) {
    GgufValues shard = i == 0 ? values : GgufValues();
    shard.u16("split.no", int64_t(i));
    shard.u16("split.count", int64_t(paths.size()));
    shard.i32("split.tensors.count", countTensors(tensors));
    Span<const ContainerTensor> held(tensors.data() + begins[i],
                                     begins[i + 1] - begins[i]);
    auto created = createGgufFile(paths[i], shard, held);
    if (!created)
      return created.status();
    file->add(std::move(*created), begins[i]);
  }
  return std::unique_ptr<ContainerWriter>(std::move(file));
}
