// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of mapped files, of any container.

#include "MappedSource.h"

#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::weights {

Status MappedSource::addFile(const std::string &file, const Reader &read) {
  Result<MappedFile> map = MappedFile::open(file);
  if (!map)
    return map.status();
  Result<std::vector<TensorInfo>> tensors = read(map->bytes());
  if (!tensors)
    return tensors.status().withContext(file);
  files.push_back(std::move(*map));
  for (TensorInfo &tensor : *tensors) {
    tensor.file = &files.back().path();
    all.push_back(std::move(tensor));
  }
  return Status::ok();
}

Status MappedSource::finish() {
  std::sort(
      all.begin(), all.end(),
      [](const TensorInfo &a, const TensorInfo &b) { return a.name < b.name; });
  auto twin = std::adjacent_find(all.begin(), all.end(),
                                 [](const TensorInfo &a, const TensorInfo &b) {
                                   return a.name == b.name;
                                 });
  if (twin == all.end())
    return Status::ok();
  return Status::error(StatusCode::InvalidFile,
                       sourcePath + ": tensor " + inQuotes(twin->name) +
                           " is in two shards: " + *twin->file + " and " +
                           *(twin + 1)->file);
}

void MappedSource::release(const TensorInfo &tensor) const {
  for (const MappedFile &file : files)
    if (tensor.file == &file.path())
      file.release(tensor.bytes.data() - file.bytes().data(),
                   tensor.bytes.size());
}

} // namespace quern::weights
