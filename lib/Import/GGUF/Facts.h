// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Typed and checked access to the metadata of a GGUF file.

#ifndef QUERN_LIB_IMPORT_GGUF_FACTS_H
#define QUERN_LIB_IMPORT_GGUF_FACTS_H

#include "quern/Base/Status.h"
#include "quern/Weights/Metadata.h"

#include <optional>
#include <string>
#include <vector>

namespace quern::import {

/// Reads values whose keys begin with one prefix. The first error is kept in
/// `status()`; after it, readers return harmless values, so that a family reads
/// all that it needs in a row and its caller checks once. Types must be those
/// that llama.cpp demands. Errors read `file: key 'x': expects …`.
class Facts {
public:
  Facts(const weights::Metadata &metadata, std::string file, std::string prefix)
      : metadata(metadata), file(std::move(file)), prefix(std::move(prefix)) {}

  const Status &status() const { return first; }
  /// Keeps an error about `key`, unless there is one already.
  void fail(const std::string &key, const std::string &message,
            StatusCode code = StatusCode::InvalidFile);
  bool has(const std::string &key) const { return find(key) != nullptr; }

  /// A u32 in [least, most]. Without `fallback` it must be there.
  int64_t count(const std::string &key, int64_t least, int64_t most,
                std::optional<int64_t> fallback = std::nullopt);
  /// The same, which may also be said for each layer, if all are equal.
  int64_t sameForLayers(const std::string &key, int64_t least, int64_t most,
                        std::optional<int64_t> fallback = std::nullopt);
  /// An f32 in [least, most].
  double real(const std::string &key, double least, double most,
              std::optional<double> fallback = std::nullopt);
  bool boolean(const std::string &key, bool fallback);
  std::string string(const std::string &key,
                     std::optional<std::string> fallback = std::nullopt);
  /// A truth value for each of `layers` layers, as numbers or truth values;
  /// nothing if there is no such array.
  std::optional<std::vector<bool>> flags(const std::string &key,
                                         int64_t layers);
  /// An array whose elements have `type`; null if it is not there.
  const weights::MetadataValue *array(const std::string &key,
                                      weights::MetadataType type);

private:
  const weights::MetadataValue *find(const std::string &key) const {
    return metadata.find(prefix + key);
  }
  const weights::MetadataValue *
  single(const std::string &key, weights::MetadataType type, bool isRequired);
  int64_t inRange(const std::string &key, int64_t number, int64_t least,
                  int64_t most);

  const weights::Metadata &metadata;
  std::string file;
  std::string prefix;
  Status first;
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_GGUF_FACTS_H
