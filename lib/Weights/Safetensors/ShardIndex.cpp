// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sharded checkpoints: `{"weight_map": {tensor: file}}`.

#include "../MappedSource.h"
#include "Header.h"
#include "Source.h"
#include "quern/Support/Json.h"
#include "quern/Support/Text.h"

#include <algorithm>
#include <filesystem>

namespace quern::weights {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

/// Checks that `name` can only be a file of the index's own folder.
static Status checkShardName(const std::string &name) {
  bool plain = !name.empty() && name[0] != '.' &&
               name.find_first_of("/\\:") == std::string::npos &&
               name.find('\0') == std::string::npos;
  if (plain)
    return Status::ok();
  return invalid("illegal shard path " + inQuotes(name) +
                 ": expects the plain name of a file next to the index");
}

namespace {
/// Collects `weight_map`; every other member is skipped.
class IndexHandler : public JsonHandler {
public:
  std::vector<std::pair<std::string, std::string>> shardOf;
  bool found = false;

  Status onEvent(JsonEvent &event) override {
    switch (event.kind) {
    case JsonKind::ObjectBegin:
    case JsonKind::ArrayBegin:
      ++depth;
      inMap = inMap || (depth == 2 && isMapNext);
      return checkContainer(event);
    case JsonKind::ObjectEnd:
    case JsonKind::ArrayEnd:
      --depth;
      inMap = inMap && depth >= 2;
      return Status::ok();
    case JsonKind::Key:
      return onKey(event);
    default:
      return onScalar(event);
    }
  }

private:
  Status checkContainer(const JsonEvent &event) const {
    if (depth == 1 && event.kind != JsonKind::ObjectBegin)
      return invalid("expects an object, but got " + describe(event));
    if (inMap && (depth > 2 || event.kind != JsonKind::ObjectBegin))
      return invalid("weight_map: expects an object of strings, but got " +
                     describe(event));
    return Status::ok();
  }

  Status onKey(JsonEvent &event) {
    if (inMap) {
      shardOf.emplace_back(std::move(event.text), std::string());
      return Status::ok();
    }
    isMapNext = depth == 1 && event.text == "weight_map";
    if (isMapNext && found)
      return invalid("duplicate key 'weight_map'");
    found |= isMapNext;
    return Status::ok();
  }

  Status onScalar(JsonEvent &event) {
    if (depth == 0 || (depth == 1 && isMapNext))
      return invalid("expects an object, but got " + describe(event));
    if (!inMap)
      return Status::ok();
    if (event.kind != JsonKind::String)
      return invalid("weight_map: expects the shard of tensor " +
                     inQuotes(shardOf.back().first) +
                     " to be a string, but got " + describe(event));
    shardOf.back().second = std::move(event.text);
    return checkShardName(shardOf.back().second);
  }

  size_t depth = 0;
  bool isMapNext = false;
  bool inMap = false;
};
} // namespace

/// Reads the index into pairs of tensor and shard, sorted by tensor.
static Result<std::vector<std::pair<std::string, std::string>>>
readIndex(const std::string &path) {
  Result<MappedFile> map = MappedFile::open(path);
  if (!map)
    return map.status();
  IndexHandler handler;
  if (Status status = readJson(map->bytes(), handler); !status)
    return status.withContext(path);
  if (!handler.found)
    return invalid(path + ": expects a member 'weight_map', but there is none");
  auto &shardOf = handler.shardOf;
  std::sort(shardOf.begin(), shardOf.end());
  for (size_t i = 1; i < shardOf.size(); ++i)
    if (shardOf[i - 1].first == shardOf[i].first)
      return invalid(path + ": duplicate key " + inQuotes(shardOf[i].first));
  return std::move(shardOf);
}

/// Checks that `source` holds the tensors of `shardOf`, where it says, and no
/// others. Both are sorted by name.
static Status checkAgreement(
    const MappedSource &source, const std::string &folder,
    const std::vector<std::pair<std::string, std::string>> &shardOf) {
  for (const auto &[name, shard] : shardOf) {
    const TensorInfo *tensor = source.find(name);
    if (!tensor || *tensor->file != folder + shard)
      return invalid(source.path() + ": expects tensor " + inQuotes(name) +
                     " in shard " + inQuotes(shard) + ", but it is " +
                     (tensor ? "in " + *tensor->file : "not there"));
  }
  for (const TensorInfo &tensor : source.tensors()) {
    auto it = std::lower_bound(
        shardOf.begin(), shardOf.end(), tensor.name,
        [](const auto &entry, const auto &name) { return entry.first < name; });
    if (it == shardOf.end() || it->first != tensor.name)
      return invalid(source.path() + ": tensor " + inQuotes(tensor.name) +
                     " of " + *tensor.file + " is not in weight_map");
  }
  return Status::ok();
}

Result<std::unique_ptr<WeightSource>> openShardIndex(const std::string &path) {
  auto shardOf = readIndex(path);
  if (!shardOf)
    return shardOf.status();
  std::string folder = path.substr(0, path.find_last_of('/') + 1);
  std::vector<std::string> shards;
  for (const auto &entry : *shardOf)
    shards.push_back(entry.second);
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());

  auto source = std::make_unique<MappedSource>(path);
  for (const std::string &shard : shards) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder + shard, ignored))
      return invalid(path + ": expects shard " + inQuotes(shard) +
                     " next to the index, but there is no such file");
    if (Status status = source->addFile(
            folder + shard,
            [](Span<const uint8_t> bytes) { return readSafetensors(bytes); });
        !status)
      return status;
  }
  if (Status status = source->finish(); !status)
    return status;
  if (Status status = checkAgreement(*source, folder, *shardOf); !status)
    return status;
  return std::unique_ptr<WeightSource>(std::move(source));
}

} // namespace quern::weights
