// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Places tensors in a weights file and writes its header.

#include "WeightsHeader.h"
#include "JsonText.h"

#include "quern/Artifact/ArtifactFormat.h"

#include <set>

using namespace quern;
using namespace quern::artifact;
using nlohmann::ordered_json;

namespace {

// No file system holds more, and sums of two stay far from overflow.
constexpr uint64_t kMaxFileBytes = uint64_t(1) << 62;
// Of a hash of 64 bits.
constexpr size_t kHashDigits = 16;

Status checkNames(const std::vector<TensorSpec> &tensors) {
  std::set<std::string> names;
  for (const TensorSpec &tensor : tensors) {
    std::string context = "tensor '" + tensor.name + "'";
    if (tensor.name.empty() || tensor.name.rfind("__", 0) == 0)
      return Status::error(StatusCode::InvalidArgument,
                           context + ": expects a name that is not empty and "
                                     "does not begin with '__'");
    if (!names.insert(tensor.name).second)
      return Status::error(StatusCode::InvalidArgument,
                           context + ": is given twice");
  }
  return Status::ok();
}

ordered_json makeEntry(uint64_t begin, uint64_t bytes) {
  return {{"dtype", "U8"},
          {"shape", {bytes}},
          {"data_offsets", {begin, begin + bytes}}};
}

/// Appends the entries of the tensors and of the gaps between them.
Status placeTensors(const std::vector<TensorSpec> &tensors, WeightsPlan &plan,
                    ordered_json &header) {
  uint64_t end = 0;
  size_t pads = 0;
  for (const TensorSpec &tensor : tensors) {
    uint64_t alignment = tensor.bytes > kLargeTensorBytes
                             ? kLargeTensorAlignment
                             : kTensorAlignment;
    uint64_t begin = (end + alignment - 1) / alignment * alignment;
    if (tensor.bytes > kMaxFileBytes - begin)
      return Status::error(StatusCode::InvalidArgument,
                           "tensor '" + tensor.name + "': its " +
                               std::to_string(tensor.bytes) +
                               " bytes do not fit in a file");
    if (begin != end)
      header[kPadPrefix + std::to_string(pads++)] = makeEntry(end, begin - end);
    header[tensor.name] = makeEntry(begin, tensor.bytes);
    plan.offsets.push_back(begin);
    end = begin + tensor.bytes;
  }
  plan.dataBytes = end;
  return Status::ok();
}

Result<ordered_json> makeMetadata(const std::vector<TensorSpec> &tensors) {
  ordered_json descriptors = ordered_json::object();
  for (const TensorSpec &tensor : tensors) {
    if (tensor.descriptor.empty())
      continue;
    std::optional<ordered_json> descriptor = parseObject(tensor.descriptor);
    if (!descriptor)
      return Status::error(StatusCode::InvalidArgument,
                           "tensor '" + tensor.name +
                               "': expects a JSON object as its descriptor, "
                               "but got '" +
                               tensor.descriptor + "'");
    descriptors[tensor.name] = std::move(*descriptor);
  }
  Result<std::string> text = toText(descriptors, kCompact);
  if (!text)
    return text.status();
  return ordered_json{{"format", "quern"},
                      {"format_version", std::to_string(kFormatVersion)},
                      {"contents", std::string(kHashDigits, '0')},
                      {"descriptors", *text}};
}

/// The length of the padded JSON, 8 bytes little endian, and the padded JSON.
std::string frame(std::string json) {
  size_t framed =
      (json.size() + 8 + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  uint64_t length = framed - 8;
  json.resize(length, ' ');
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes.push_back(char(length >> (8 * i)));
  return bytes + json;
}

} // namespace

Result<WeightsPlan>
artifact::planWeightsFile(const std::vector<TensorSpec> &tensors) {
  if (Status status = checkNames(tensors); !status)
    return status;
  Result<ordered_json> metadata = makeMetadata(tensors);
  if (!metadata)
    return metadata.status();
  WeightsPlan plan;
  ordered_json header = {{"__metadata__", std::move(*metadata)}};
  if (Status status = placeTensors(tensors, plan, header); !status)
    return status;
  Result<std::string> text = toText(header, kCompact);
  if (!text)
    return text.status();
  plan.header = frame(std::move(*text));
  // The metadata come first, and in them only constants before this key.
  const std::string key = "\"contents\":\"";
  plan.contentsOffset = plan.header.find(key) + key.size();
  if (plan.header.size() - 8 > kMaxHeaderBytes)
    return Status::error(
        StatusCode::InvalidArgument,
        "expects a header of at most " + std::to_string(kMaxHeaderBytes) +
            " bytes, but got " + std::to_string(plan.header.size() - 8));
  return plan;
}
