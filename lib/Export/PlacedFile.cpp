// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A file whose tensors have their places from the start.

#include "PlacedFile.h"

#include "quern/Artifact/TemporaryFile.h"
#include "quern/Support/Text.h"

using namespace quern;
using namespace quern::exporter;

ContainerWriter::~ContainerWriter() = default;

static Status invalid(const std::string &name, const std::string &message) {
  return Status::error(StatusCode::InvalidArgument,
                       "tensor " + inQuotes(name) + ": " + message);
}

namespace {
class PlacedFile : public ContainerWriter {
public:
  PlacedFile(artifact::TemporaryFile file, uint64_t begin,
             std::vector<TensorPlace> places)
      : file(std::move(file)), begin(begin), places(std::move(places)),
        isWritten(this->places.size()) {}

  Status write(size_t index, Span<const uint8_t> bytes) override {
    const TensorPlace &place = places[index];
    if (bytes.size() != place.bytes)
      return invalid(place.name, "expects " + std::to_string(place.bytes) +
                                     " bytes, but got " +
                                     std::to_string(bytes.size()));
    isWritten[index] = true;
    return file.writeAt(begin + place.offset, bytes);
  }

  Status finish() override {
    for (size_t i = 0; i < places.size(); ++i)
      if (!isWritten[i])
        return invalid(places[i].name, "was not written");
    return file.commit();
  }

private:
  artifact::TemporaryFile file;
  uint64_t begin;
  std::vector<TensorPlace> places;
  std::vector<bool> isWritten;
};
} // namespace

Result<std::unique_ptr<ContainerWriter>>
exporter::createPlacedFile(const std::string &path, const std::string &header,
                           std::vector<TensorPlace> places,
                           uint64_t dataBytes) {
  Result<artifact::TemporaryFile> file = artifact::TemporaryFile::create(path);
  if (!file)
    return file.status();
  if (Status status = file->reserve(header.size() + dataBytes); !status)
    return status;
  Span<const uint8_t> bytes(reinterpret_cast<const uint8_t *>(header.data()),
                            header.size());
  if (Status status = file->writeAt(0, bytes); !status)
    return status;
  return std::unique_ptr<ContainerWriter>(std::make_unique<PlacedFile>(
      std::move(*file), header.size(), std::move(places)));
}
