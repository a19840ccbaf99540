// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Opening a GGUF file, or the shards of one.

#include "../MappedSource.h"
#include "Gguf.h"

#include "quern/Support/Text.h"

#include <cstdio>
#include <filesystem>

namespace quern::weights {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

/// What a file says of the set that it is one of.
struct SplitFacts {
  int64_t number = 0;
  int64_t count = 1;
  int64_t tensors = -1; ///< of all shards; -1: not said
};

static constexpr const char *numberKey = "split.no";
static constexpr const char *countKey = "split.count";
static constexpr const char *tensorsKey = "split.tensors.count";
/// Names have five digits.
static constexpr int64_t mostShards = 99999;

static Status readFact(const Metadata &metadata, const char *key, int64_t least,
                       int64_t most, int64_t &result) {
  const MetadataValue *value = metadata.find(key);
  if (!value)
    return Status::ok();
  std::optional<int64_t> number;
  if (!value->isArray)
    number = value->integer();
  if (!number || *number < least || *number > most)
    return invalid("key " + inQuotes(key) + ": expects an integer from " +
                   std::to_string(least) + " to " + std::to_string(most) +
                   ", but got " +
                   (number ? std::to_string(*number)
                           : "a value of type " + value->typeText()));
  result = *number;
  return Status::ok();
}

static Result<SplitFacts> readSplitFacts(const Metadata &metadata) {
  SplitFacts facts;
  if (Status s = readFact(metadata, countKey, 1, mostShards, facts.count); !s)
    return s;
  if (Status s = readFact(metadata, numberKey, 0, mostShards, facts.number); !s)
    return s;
  if (Status s = readFact(metadata, tensorsKey, 0, INT64_MAX, facts.tensors);
      !s)
    return s;
  return facts;
}

/// "-00001-of-00003.gguf" of shard 0 of 3.
static std::string shardSuffix(int64_t number, int64_t count) {
  char text[32];
  std::snprintf(text, sizeof text, "-%05d-of-%05d.gguf", int(number + 1),
                int(count));
  return text;
}

namespace {
/// Adds files to a source and keeps what the first one says.
class GgufOpener {
public:
  explicit GgufOpener(const std::string &path)
      : path(path), source(std::make_unique<MappedSource>(path)) {}

  Result<std::unique_ptr<WeightSource>> run();

private:
  Status addFile(const std::string &file, Metadata &metadata);
  Status addShards(const SplitFacts &facts);
  Status addShard(const std::string &file, int64_t number,
                  const SplitFacts &facts);

  const std::string &path;
  std::unique_ptr<MappedSource> source;
};
} // namespace

Status GgufOpener::addFile(const std::string &file, Metadata &metadata) {
  auto read =
      [&](Span<const uint8_t> bytes) -> Result<std::vector<TensorInfo>> {
    Cursor cursor(bytes);
    Result<GgufCounts> counts = readGgufHeader(cursor, bytes);
    if (!counts)
      return counts.status();
    Result<Metadata> values = readGgufMetadata(cursor, counts->values);
    if (!values)
      return values.status();
    metadata = std::move(*values);
    return readGgufTensors(cursor, counts->tensors, metadata, bytes);
  };
  return source->addFile(file, read);
}

Status GgufOpener::addShard(const std::string &file, int64_t number,
                            const SplitFacts &facts) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    return invalid(path + ": shard set incomplete: expects " +
                   std::to_string(facts.count) + " files, but there is no " +
                   file);
  Metadata metadata;
  if (Status status = addFile(file, metadata); !status)
    return status;
  Result<SplitFacts> own = readSplitFacts(metadata);
  if (!own)
    return own.status().withContext(file);
  if (own->number == number && own->count == facts.count)
    return Status::ok();
  return invalid(file + ": expects " + numberKey + " " +
                 std::to_string(number) + " and " + countKey + " " +
                 std::to_string(facts.count) + " as its name says, but got " +
                 std::to_string(own->number) + " and " +
                 std::to_string(own->count));
}

Status GgufOpener::addShards(const SplitFacts &facts) {
  std::string suffix = shardSuffix(facts.number, facts.count);
  bool isNamedSo =
      path.size() > suffix.size() &&
      path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
  if (!isNamedSo)
    return invalid(path +
                   ": shard set incomplete: expects a name that ends in "
                   "'" +
                   suffix + "', because " + countKey + " is " +
                   std::to_string(facts.count) + ", and the others beside it");
  std::string stem = path.substr(0, path.size() - suffix.size());
  if (facts.number != 0)
    return Status::error(StatusCode::InvalidArgument,
                         path + ": expects the first shard, " + stem +
                             shardSuffix(0, facts.count) + ", but got shard " +
                             std::to_string(facts.number + 1));
  for (int64_t number = 1; number < facts.count; ++number)
    if (Status status =
            addShard(stem + shardSuffix(number, facts.count), number, facts);
        !status)
      return status;
  return Status::ok();
}

Result<std::unique_ptr<WeightSource>> GgufOpener::run() {
  Metadata metadata;
  if (Status status = addFile(path, metadata); !status)
    return status;
  Result<SplitFacts> facts = readSplitFacts(metadata);
  if (!facts)
    return facts.status().withContext(path);
  if (facts->count > 1)
    if (Status status = addShards(*facts); !status)
      return status;
  if (Status status = source->finish(); !status)
    return status;
  auto found = static_cast<int64_t>(source->tensors().size());
  if (facts->count > 1 && facts->tensors >= 0 && facts->tensors != found)
    return invalid(path + ": expects " + std::to_string(facts->tensors) +
                   " tensors in all shards, as " + tensorsKey +
                   " says, but got " + std::to_string(found));
  source->setMetadata(std::move(metadata));
  return std::unique_ptr<WeightSource>(std::move(source));
}

Result<std::unique_ptr<WeightSource>> openGguf(const std::string &path) {
  return GgufOpener(path).run();
}

} // namespace quern::weights
