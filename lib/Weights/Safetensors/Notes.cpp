// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The texts of `__metadata__`, read again from the files of a source.

#include "Header.h"
#include "quern/Base/MappedFile.h"
#include "quern/Weights/SafetensorsNotes.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace quern::weights {

Result<std::vector<SafetensorsNote>>
readSafetensorsNotes(const WeightSource &source) {
  std::vector<SafetensorsNote> notes;
  std::set<const std::string *> files;
  for (const TensorInfo &tensor : source.tensors()) {
    if (!files.insert(tensor.file).second)
      continue;
    Result<MappedFile> map = MappedFile::open(*tensor.file);
    if (!map)
      return map.status();
    HeaderTexts texts;
    Result<std::vector<TensorInfo>> tensors =
        readSafetensors(map->bytes(), &texts);
    if (!tensors)
      return tensors.status().withContext(*tensor.file);
    for (auto &[key, text] : texts)
      notes.push_back({key, std::move(text), tensor.file});
  }
  std::sort(notes.begin(), notes.end(),
            [](const SafetensorsNote &a, const SafetensorsNote &b) {
              return std::tie(a.key, *a.file) < std::tie(b.key, *b.file);
            });
  return notes;
}

} // namespace quern::weights
