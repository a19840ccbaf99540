// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reads manifest.json, which may be anything.

#include "JsonReader.h"
#include "JsonText.h"

#include "quern/Artifact/ArtifactFormat.h"
#include "quern/Artifact/Manifest.h"
#include "quern/Base/MappedFile.h"

#include <filesystem>

using namespace quern;
using namespace quern::artifact;
using Json = JsonReader::Json;

namespace {

// A line of JSON for each of a million tensors fits.
constexpr uint64_t kMaxManifestBytes = uint64_t(256) << 20;

/// A name of a file in the artifact's own folder.
bool isPlainName(const std::string &name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

ManifestTensor readTensor(JsonReader reader) {
  ManifestTensor tensor;
  tensor.name = reader.text("name");
  tensor.shape = reader.counts("shape");
  tensor.sourceDtype = reader.text("source_dtype");
  tensor.format = reader.text("format");
  tensor.formatName = reader.text("format_name");
  if (!reader.any("part_of").is_null())
    tensor.partOf = reader.text("part_of");
  tensor.layout = reader.text("layout");
  tensor.bytes = reader.count("bytes");
  tensor.bitsPerWeight = reader.number("bits_per_weight");
  return tensor;
}

void readTensors(JsonReader &reader, Manifest &manifest) {
  const Json &tensors = reader.array("tensors");
  for (size_t i = 0; i < tensors.size(); ++i)
    manifest.tensors.push_back(readTensor(
        reader.inside(tensors[i], "tensors[" + std::to_string(i) + "]")));
}

void readFiles(JsonReader &reader, Manifest &manifest) {
  JsonReader files = reader.inside(reader.object("files"), "files");
  for (const auto &[name, entry] : reader.object("files").items()) {
    if (!isPlainName(name))
      files.fail(name, "the name of a file in the artifact's folder", name);
    JsonReader file = files.inside(entry, name);
    FileRecord &record = manifest.files[name];
    record.bytes = file.count("bytes");
    std::string digits = file.text("xxh3");
    if (std::optional<uint64_t> hash = parseHash(digits))
      record.hash = *hash;
    else
      file.fail("xxh3", "16 hexadecimal digits", digits);
  }
}

void readTokenizer(JsonReader &reader, Manifest &manifest) {
  JsonReader json = reader.inside(reader.object("tokenizer"), "tokenizer");
  TokenizerFacts &facts = manifest.tokenizer;

  const Json &bos = json.any("bos_token_id");
  if (bos.is_number_integer())
    facts.bosTokenId = bos.get<int64_t>();
  else if (!bos.is_null())
    json.fail("bos_token_id", "a whole number or null", bos);

  const Json &eos = json.any("eos_token_id");
  for (const Json &id : eos.is_array() ? eos : Json::array({eos}))
    if (id.is_number_integer())
      facts.eosTokenIds.push_back(id.get<int64_t>());
    else if (!eos.is_null())
      json.fail("eos_token_id", "a whole number, an array of them, or null",
                eos);
}

Manifest readContent(const Json &json, Status &status) {
  JsonReader reader(json, "", status);
  Manifest manifest;
  manifest.quernVersion = reader.text("quern");
  // The version first: what follows may have changed its meaning.
  uint64_t version = reader.count("format_version");
  if (status && (version == 0 || version > uint64_t(kFormatVersion)))
    status = Status::error(
        StatusCode::Unsupported,
        "expects format version " + std::to_string(kFormatVersion) +
            ", but got " + std::to_string(version) + ", made by quern " +
            manifest.quernVersion + ": compile the model again");
  manifest.buildId = reader.text("build_id");
  manifest.architecture = reader.text("architecture");
  manifest.model = reader.object("model").dump();
  manifest.compute = reader.text("compute");
  manifest.kvCache = reader.text("kv_cache");
  manifest.kvRotate = reader.flag("kv_rotate");
  manifest.kvBytesPerToken = reader.count("kv_bytes_per_token");
  manifest.isas = reader.texts("isas");
  manifest.weightBytes = reader.count("weight_bytes");
  manifest.bitsPerWeight = reader.number("bits_per_weight");
  readFiles(reader, manifest);
  readTokenizer(reader, manifest);
  readTensors(reader, manifest);
  return manifest;
}

} // namespace

Result<Manifest> artifact::readManifest(const std::string &path) {
  std::error_code ignored;
  std::string file = std::filesystem::is_directory(path, ignored)
                         ? path + "/" + kManifestFile
                         : path;
  Result<MappedFile> mapped = MappedFile::open(file);
  if (!mapped)
    return mapped.status();
  Span<const uint8_t> bytes = mapped->bytes();
  if (bytes.size() > kMaxManifestBytes)
    return Status::error(StatusCode::InvalidFile,
                         file + ": expects a manifest of at most " +
                             std::to_string(kMaxManifestBytes) +
                             " bytes, but got " + std::to_string(bytes.size()));
  Json json = Json::parse(bytes.begin(), bytes.end(), /*callback=*/nullptr,
                          /*allow_exceptions=*/false);
  if (!json.is_object())
    return Status::error(
        StatusCode::InvalidFile,
        file + ": expects a JSON object, but got " +
            (json.is_discarded() ? "text that is not JSON" : json.type_name()));
  Status status = Status::ok();
  Manifest manifest = readContent(json, status);
  if (!status)
    return status.withContext(file);
  return manifest;
}
