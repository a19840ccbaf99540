// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file manifest.json: what an artifact is and how it was made.

#ifndef QUERN_ARTIFACT_MANIFEST_H
#define QUERN_ARTIFACT_MANIFEST_H

#include "quern/Base/Status.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quern::artifact {

/// One weight, or what the column transforms of one need beside it. `bytes`
/// counts codes, scales and padding of the layout.
struct ManifestTensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::string sourceDtype; ///< in the model's file: "BF16", ...
  std::string format;      ///< text of the #qt.format
  /// Its name in the formats file, "" if it has none. Of a weight whose column
  /// transforms are tensors of their own, name or text of the whole format.
  std::string formatName;
  std::string layout; ///< text of the #qk.layout
  uint64_t bytes = 0;
  double bitsPerWeight = 0;
  std::string partOf = {}; ///< the weight that this is a part of, else ""
};

/// Size and hash of a file of the artifact.
struct FileRecord {
  uint64_t bytes = 0;
  uint64_t hash = 0; ///< XXH3_64bits; 16 hexadecimal digits in JSON
};

/// What text needs besides tokenizer.json.
struct TokenizerFacts {
  std::optional<int64_t> bosTokenId;
  std::vector<int64_t> eosTokenIds; ///< JSON: null, a number, or an array
};

/// The content of manifest.json; docs/ArtifactFormat.md describes the keys.
struct Manifest {
  std::string quernVersion;
  std::string buildId;
  std::string architecture;
  std::string model = "{}"; ///< JSON object: the nn.model dictionary
  std::string compute;
  std::string kvCache; ///< text of a format
  bool kvRotate = false;
  uint64_t kvBytesPerToken = 0;
  std::vector<std::string> isas; ///< best first
  std::vector<ManifestTensor> tensors;
  uint64_t weightBytes = 0;
  double bitsPerWeight = 0;                ///< over all weights
  std::map<std::string, FileRecord> files; ///< all but manifest.json itself
  TokenizerFacts tokenizer;
};

/// The text of manifest.json: indented, keys in the documented order, the same
/// for the same content. InvalidArgument if `model` is not a JSON object or a
/// text is not UTF-8.
Result<std::string> formatManifest(const Manifest &manifest);

/// Reads `path`, the folder of an artifact or its manifest.json. Errors name
/// the file and the key: NotFound, Io, InvalidFile, and Unsupported for a
/// format version above ours. Keys that we do not know are ignored.
Result<Manifest> readManifest(const std::string &path);

/// Size and hash of a file, read in pieces.
Result<FileRecord> hashFile(const std::string &path);

/// Checks that the files which the manifest lists are in `folder` with their
/// sizes, and, if `hashes`, their contents. InvalidFile names the first that
/// differs.
Status checkFiles(const Manifest &manifest, const std::string &folder,
                  bool hashes);

} // namespace quern::artifact

#endif // QUERN_ARTIFACT_MANIFEST_H
