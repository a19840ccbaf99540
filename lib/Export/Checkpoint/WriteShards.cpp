// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The files of a checkpoint: one, or several and an index.

#include "quern/Artifact/Writer.h"
#include "quern/Export/Checkpoint.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;
using namespace quern::exporter;

namespace {
/// Where a tensor goes.
struct ShardPlace {
  size_t shard = 0;
  size_t index = 0; ///< in the shard
};

class ShardedFiles : public ContainerWriter {
public:
  ShardedFiles(std::vector<std::unique_ptr<ContainerWriter>> shards,
               std::vector<ShardPlace> places)
      : shards(std::move(shards)), places(std::move(places)) {}

  Status write(size_t index, Span<const uint8_t> bytes) override {
    const ShardPlace &place = places[index];
    return shards[place.shard]->write(place.index, bytes);
  }

  Status finish() override {
    for (const auto &shard : shards)
      if (Status status = shard->finish(); !status)
        return status;
    return Status::ok();
  }

private:
  std::vector<std::unique_ptr<ContainerWriter>> shards;
  std::vector<ShardPlace> places;
};
} // namespace

/// The tensors of each file. Those of a weight are not parted, because readers
/// look for what a weight needs in the file that they have open.
static std::vector<std::vector<ContainerTensor>>
divide(const CheckpointPlan &plan, uint64_t shardBytes,
       std::vector<ShardPlace> &places) {
  std::vector<std::vector<ContainerTensor>> shards(1);
  uint64_t filled = 0;
  for (size_t i = 0; i < plan.begins.size(); ++i) {
    size_t begin = plan.begins[i];
    size_t end =
        i + 1 < plan.begins.size() ? plan.begins[i + 1] : plan.tensors.size();
    uint64_t bytes = 0;
    for (size_t t = begin; t < end; ++t)
      bytes += plan.tensors[t].bytes;
    if (!shards.back().empty() && filled + bytes > shardBytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += bytes;
    for (size_t t = begin; t < end; ++t) {
      places.push_back({shards.size() - 1, shards.back().size()});
      shards.back().push_back(plan.tensors[t]);
    }
  }
  return shards;
}

static std::string
indexText(const std::vector<std::vector<ContainerTensor>> &shards,
          const std::vector<std::string> &names) {
  llvm::json::Object files;
  uint64_t total = 0;
  for (size_t i = 0; i < shards.size(); ++i)
    for (const ContainerTensor &tensor : shards[i]) {
      files[tensor.name] = names[i];
      total += tensor.bytes;
    }
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/2);
  json.value(llvm::json::Object{
      {"metadata", llvm::json::Object{{"total_size", int64_t(total)}}},
      {"weight_map", std::move(files)}});
  return text + "\n";
}

Result<std::unique_ptr<ContainerWriter>>
exporter::createCheckpointFiles(const std::string &folder,
                                const CheckpointPlan &plan,
                                uint64_t shardBytes) {
  std::vector<ShardPlace> places;
  std::vector<std::vector<ContainerTensor>> shards =
      divide(plan, shardBytes, places);
  std::vector<std::unique_ptr<ContainerWriter>> writers;
  std::vector<std::string> names;
  for (size_t i = 0; i < shards.size(); ++i) {
    names.push_back(shards.size() == 1
                        ? std::string("model.safetensors")
                        : llvm::formatv("model-{0,0+5}-of-{1,0+5}.safetensors",
                                        i + 1, shards.size())
                              .str());
    auto writer = createSafetensors(folder + "/" + names.back(), shards[i]);
    if (!writer)
      return writer.status();
    writers.push_back(std::move(*writer));
  }
  if (shards.size() > 1)
    if (Status status = artifact::writeFileAtomically(
            folder + "/model.safetensors.index.json", indexText(shards, names));
        !status)
      return status;
  return std::unique_ptr<ContainerWriter>(
      std::make_unique<ShardedFiles>(std::move(writers), std::move(places)));
}
