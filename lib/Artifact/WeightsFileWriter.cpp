// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes weights.safetensors tensor by tensor.

#include "JsonText.h"
#include "WeightsHeader.h"
#include "quern/Artifact/TemporaryFile.h"

#include "quern/Artifact/Writer.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <atomic>

using namespace quern;
using namespace quern::artifact;

struct WeightsFileWriter::State {
  TemporaryFile file;
  WeightsFileRecord record;
  std::string header;
  size_t contentsOffset = 0; ///< in `header`
  /// One for each tensor: whether somebody writes it or has written it, and
  /// whether all went well.
  std::vector<std::atomic<bool>> claimed, written;

  explicit State(size_t tensors) : claimed(tensors), written(tensors) {}
};

WeightsFileWriter::WeightsFileWriter(std::unique_ptr<State> state)
    : state(std::move(state)) {}
WeightsFileWriter::WeightsFileWriter(WeightsFileWriter &&) = default;
WeightsFileWriter &WeightsFileWriter::operator=(WeightsFileWriter &&) = default;
WeightsFileWriter::~WeightsFileWriter() = default;

static Span<const uint8_t> bytesOf(const std::string &text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

Result<WeightsFileWriter>
WeightsFileWriter::create(const std::string &path,
                          const std::vector<TensorSpec> &tensors) {
  Result<WeightsPlan> plan = planWeightsFile(tensors);
  if (!plan)
    return plan.status().withContext(path);
  Result<TemporaryFile> file = TemporaryFile::create(path);
  if (!file)
    return file.status();

  auto state = std::make_unique<State>(tensors.size());
  WeightsFileRecord &record = state->record;
  record.dataOffset = plan->header.size();
  record.fileBytes = plan->header.size() + plan->dataBytes;
  for (size_t i = 0; i < tensors.size(); ++i)
    record.tensors.push_back(
        {tensors[i].name, plan->offsets[i], tensors[i].bytes, 0});

  if (Status status = file->reserve(record.fileBytes); !status)
    return status;
  state->header = std::move(plan->header);
  state->contentsOffset = plan->contentsOffset;
  state->file = std::move(*file);
  return WeightsFileWriter(std::move(state));
}

Status WeightsFileWriter::write(size_t index, Span<const uint8_t> bytes) {
  std::vector<TensorRecord> &tensors = state->record.tensors;
  if (index >= tensors.size())
    return Status::error(StatusCode::InvalidArgument,
                         "expects a tensor below " +
                             std::to_string(tensors.size()) + ", but got " +
                             std::to_string(index));
  TensorRecord &tensor = tensors[index];
  if (bytes.size() != tensor.bytes)
    return Status::error(StatusCode::InvalidArgument,
                         "tensor '" + tensor.name + "': expects " +
                             std::to_string(tensor.bytes) + " bytes, but got " +
                             std::to_string(bytes.size()));
  if (state->claimed[index].exchange(true))
    return Status::error(StatusCode::InvalidArgument,
                         "tensor '" + tensor.name + "': is written twice");
  tensor.hash = XXH3_64bits(bytes.data(), bytes.size());
  Status status =
      state->file.writeAt(state->record.dataOffset + tensor.offset, bytes);
  state->written[index] = status.isOk();
  return status;
}

/// 16 digits: the hash of the hashes of all tensors, in order. It makes the
/// header that of these contents and of no others of the same shapes.
static std::string hashContents(const std::vector<TensorRecord> &tensors) {
  std::string hashes;
  for (const TensorRecord &tensor : tensors)
    for (int i = 0; i < 8; ++i)
      hashes.push_back(char(tensor.hash >> (8 * i)));
  return hashText(XXH3_64bits(hashes.data(), hashes.size()));
}

Result<WeightsFileRecord> WeightsFileWriter::finish() {
  for (size_t i = 0; i < state->record.tensors.size(); ++i)
    if (!state->written[i])
      return Status::error(StatusCode::InvalidArgument,
                           "tensor '" + state->record.tensors[i].name +
                               "': was not written");
  WeightsFileRecord &record = state->record;
  std::string digits = hashContents(record.tensors);
  state->header.replace(state->contentsOffset, digits.size(), digits);
  record.headerHash = XXH3_64bits(state->header.data(), state->header.size());
  if (Status status = state->file.writeAt(0, bytesOf(state->header)); !status)
    return status;
  if (Status status = state->file.commit(); !status)
    return status;
  return record;
}
