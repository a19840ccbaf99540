// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The bytes of an ONNX model, in one file or with data beside it.

#include "quern/Export/Onnx.h"

#include "onnx.pb.h"
#include "quern/Artifact/TemporaryFile.h"
#include "quern/Support/Text.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

using namespace quern;
using namespace quern::exporter;
using artifact::TemporaryFile;

/// Of tensors in a file beside the model, so that readers can map them.
static constexpr uint64_t alignment = 4096;
static constexpr const char *kModelEnd = ".onnx";
static constexpr const char *kDataEnd = ".onnx.data";
static constexpr size_t kHashDigits = 16;

static std::string hashText(uint64_t hash) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = kHashDigits; i > 0; --i)
    text += digits[hash >> (4 * (i - 1)) & 15];
  return text;
}

namespace {
/// Where the tensor of an index goes.
struct Place {
  onnx::Tensor *tensor = nullptr;
  uint64_t bytes = 0;
  uint64_t offset = 0; ///< in the data file, if there is one
  uint64_t hash = 0;
  bool isWritten = false;
};

class OnnxFiles : public ContainerWriter {
public:
  explicit OnnxFiles(const std::string &path) : path(path) {}

  Status open(const OnnxPlan &plan, uint64_t bytesInside);
  Status write(size_t index, Span<const uint8_t> bytes) override;
  Status finish() override;

private:
  void placeTensors(const OnnxPlan &plan);
  void nameData(uint64_t hash);
  Status commit();
  void removeOldData() const;
  std::string folder() const { return path.substr(0, path.rfind('/') + 1); }
  /// Without folder and ending.
  std::string name() const {
    std::string file = path.substr(folder().size());
    return file.substr(0, file.size() - strlen(kModelEnd));
  }

  const std::string path;
  onnx::Model model;
  std::vector<Place> places;
  bool hasData = false;
  uint64_t dataBytes = 0;
  std::string dataName; ///< in the folder of the model
  TemporaryFile file, data;
};
} // namespace

void OnnxFiles::placeTensors(const OnnxPlan &plan) {
  std::map<std::string, onnx::Tensor *> byName;
  for (onnx::Tensor &tensor : *model.mutable_graph()->mutable_initializer())
    byName[tensor.name()] = &tensor;
  for (const ContainerTensor &tensor : plan.tensors) {
    Place place;
    place.tensor = byName.at(tensor.name);
    place.bytes = tensor.bytes;
    if (hasData) {
      place.offset = (dataBytes + alignment - 1) / alignment * alignment;
      dataBytes = place.offset + place.bytes;
      place.tensor->set_data_location(onnx::Tensor::EXTERNAL);
      auto add = [&](const char *key, const std::string &value) {
        onnx::Entry &entry = *place.tensor->add_external_data();
        entry.set_key(key);
        entry.set_value(value);
      };
      add("location", "");
      add("offset", std::to_string(place.offset));
      add("length", std::to_string(place.bytes));
    } else {
      place.tensor->set_raw_data(std::string(place.bytes, '\0'));
    }
    places.push_back(place);
  }
}

void OnnxFiles::nameData(uint64_t hash) {
  dataName = name() + "." + hashText(hash) + kDataEnd;
  for (Place &place : places)
    place.tensor->mutable_external_data(0)->set_value(dataName);
}

/// Space is reserved at once, so that a full disk is reported before the work.
Status OnnxFiles::open(const OnnxPlan &plan, uint64_t bytesInside) {
  uint64_t bytes = 0;
  for (const ContainerTensor &tensor : plan.tensors)
    bytes += tensor.bytes;
  hasData = bytes > bytesInside;
  if (!model.ParseFromString(plan.model))
    return Status::error(StatusCode::InvalidArgument,
                         path + ": expects a model, but got other bytes");
  placeTensors(plan);
  Result<TemporaryFile> created = TemporaryFile::create(path);
  if (!created)
    return created.status();
  file = std::move(*created);
  if (hasData) {
    nameData(0);
    created = TemporaryFile::create(path + ".data");
    if (!created)
      return created.status();
    data = std::move(*created);
    if (Status status = data.reserve(dataBytes); !status)
      return status;
  }
  return file.reserve(model.ByteSizeLong());
}

Status OnnxFiles::write(size_t index, Span<const uint8_t> bytes) {
  Place &place = places[index];
  if (bytes.size() != place.bytes)
    return Status::error(StatusCode::InvalidArgument,
                         "tensor " + inQuotes(place.tensor->name()) +
                             ": expects " + std::to_string(place.bytes) +
                             " bytes, but got " + std::to_string(bytes.size()));
  place.isWritten = true;
  if (hasData) {
    place.hash = XXH3_64bits(bytes.data(), bytes.size());
    return data.writeAt(place.offset, bytes);
  }
  std::copy(bytes.begin(), bytes.end(),
            place.tensor->mutable_raw_data()->begin());
  return Status::ok();
}

Status OnnxFiles::finish() {
  std::vector<uint64_t> hashes;
  for (const Place &place : places) {
    if (!place.isWritten)
      return Status::error(StatusCode::InvalidArgument,
                           "tensor " + inQuotes(place.tensor->name()) +
                               ": was not written");
    hashes.push_back(place.hash);
  }
  if (hasData)
    nameData(XXH3_64bits(hashes.data(), hashes.size() * sizeof(uint64_t)));
  std::string text = model.SerializeAsString();
  Status status = file.writeAt(
      0, Span<const uint8_t>(reinterpret_cast<const uint8_t *>(text.data()),
                             text.size()));
  if (status)
    status = commit();
  if (status)
    removeOldData();
  return status;
}

/// Data first: a model that has its name has all of its data.
Status OnnxFiles::commit() {
  if (!hasData)
    return file.commit();
  std::error_code ignored;
  std::string dataPath = folder() + dataName;
  // Data of this name is of the same content, and maybe of a model in use.
  bool wasThere = std::filesystem::exists(dataPath, ignored);
  if (Status status = data.commitAs(dataPath); !status)
    return status;
  Status status = file.commit();
  if (!status && !wasThere)
    std::filesystem::remove(dataPath, ignored);
  return status;
}

/// Nothing refers to the data of the model that was here before. That it
/// cannot be removed is no error: the new model is whole.
void OnnxFiles::removeOldData() const {
  std::string begin = name() + ".";
  std::error_code error;
  std::filesystem::directory_iterator files(folder().empty() ? "." : folder(),
                                            error);
  for (; !error && files != std::filesystem::directory_iterator();
       files.increment(error)) {
    std::string found = files->path().filename().string();
    bool isData =
        found.size() == begin.size() + kHashDigits + strlen(kDataEnd) &&
        found.compare(0, begin.size(), begin) == 0 &&
        found.compare(begin.size() + kHashDigits, std::string::npos,
                      kDataEnd) == 0 &&
        found.find_first_not_of("0123456789abcdef", begin.size()) ==
            begin.size() + kHashDigits;
    std::error_code ignored;
    if (isData && found != dataName)
      std::filesystem::remove(files->path(), ignored);
  }
}

Result<std::unique_ptr<ContainerWriter>>
exporter::createOnnx(const std::string &path, const OnnxPlan &plan,
                     uint64_t bytesInside) {
  std::string end = kModelEnd;
  if (path.size() <= end.size() ||
      path.compare(path.size() - end.size(), end.size(), end) != 0 ||
      path[path.size() - end.size() - 1] == '/')
    return Status::error(StatusCode::InvalidArgument,
                         path + ": expects a name that ends in .onnx, by which "
                                "it is known as such a file");
  auto files = std::make_unique<OnnxFiles>(path);
  if (Status status = files->open(plan, bytesInside); !status)
    return status;
  return std::unique_ptr<ContainerWriter>(std::move(files));
}
