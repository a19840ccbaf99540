// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The text of manifest.json.

#include "JsonText.h"

#include "quern/Artifact/ArtifactFormat.h"
#include "quern/Artifact/Manifest.h"

using namespace quern;
using namespace quern::artifact;
using nlohmann::ordered_json;

static ordered_json formatTensor(const ManifestTensor &tensor) {
  ordered_json json = {{"name", tensor.name},
                       {"shape", tensor.shape},
                       {"source_dtype", tensor.sourceDtype},
                       {"format", tensor.format},
                       {"format_name", tensor.formatName},
                       {"layout", tensor.layout},
                       {"bytes", tensor.bytes},
                       {"bits_per_weight", tensor.bitsPerWeight}};
  if (!tensor.partOf.empty())
    json["part_of"] = tensor.partOf;
  return json;
}

/// As Hugging Face's configurations do: null, one number, or an array.
static ordered_json formatTokenizer(const TokenizerFacts &facts) {
  ordered_json json = {{"bos_token_id", nullptr}, {"eos_token_id", nullptr}};
  if (facts.bosTokenId)
    json["bos_token_id"] = *facts.bosTokenId;
  if (facts.eosTokenIds.size() == 1)
    json["eos_token_id"] = facts.eosTokenIds.front();
  else if (!facts.eosTokenIds.empty())
    json["eos_token_id"] = facts.eosTokenIds;
  return json;
}

Result<std::string> artifact::formatManifest(const Manifest &manifest) {
  std::optional<ordered_json> model = parseObject(manifest.model);
  if (!model)
    return Status::error(StatusCode::InvalidArgument,
                         "expects a JSON object as the manifest's model, but "
                         "got '" +
                             manifest.model + "'");
  ordered_json tensors = ordered_json::array();
  for (const ManifestTensor &tensor : manifest.tensors)
    tensors.push_back(formatTensor(tensor));
  ordered_json files = ordered_json::object();
  for (const auto &[name, file] : manifest.files)
    files[name] = {{"bytes", file.bytes}, {"xxh3", hashText(file.hash)}};

  ordered_json json = {{"quern", manifest.quernVersion},
                       {"format_version", kFormatVersion},
                       {"build_id", manifest.buildId},
                       {"architecture", manifest.architecture},
                       {"model", std::move(*model)},
                       {"compute", manifest.compute},
                       {"kv_cache", manifest.kvCache},
                       {"kv_rotate", manifest.kvRotate},
                       {"kv_bytes_per_token", manifest.kvBytesPerToken},
                       {"isas", manifest.isas},
                       {"weight_bytes", manifest.weightBytes},
                       {"bits_per_weight", manifest.bitsPerWeight},
                       {"files", std::move(files)},
                       {"tokenizer", formatTokenizer(manifest.tokenizer)},
                       {"tensors", std::move(tensors)}};
  Result<std::string> text = toText(json, kIndented);
  if (!text)
    return text.status().withContext("manifest");
  return *text + "\n";
}
