// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The element types of GGUF files.

#include "quern/Weights/GgmlTypes.h"

#include <cctype>
#include <sstream>

namespace quern::weights {

extern const char *const ggmlTypesText; ///< share/ggml-types.txt

namespace {
/// A line of the list: a type, or why there is none.
struct Entry {
  GgmlType type;
  std::string refusal; ///< "internal", "removed"; empty: a type of weights
};
} // namespace

static std::string lowerCase(std::string text) {
  for (char &c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// The shipped text is tested to list what it should; lines that do not parse
/// are missed there.
static std::vector<Entry> readShipped() {
  std::vector<Entry> entries;
  std::istringstream lines(ggmlTypesText);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    Entry entry;
    std::string kind;
    if (!(words >> entry.type.id >> entry.type.name >> kind))
      continue;
    if (std::optional<DType> dtype = parseDType(kind)) {
      entry.type.dtype = *dtype;
      entry.type.blockBytes = dtypeBits(*dtype) / 8;
    } else if (std::isdigit(static_cast<unsigned char>(kind[0]))) {
      entry.type.encoding = lowerCase(entry.type.name);
      entry.type.blockColumns = std::stoll(kind);
      words >> entry.type.blockBytes;
    } else {
      entry.refusal = kind;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

static const std::vector<Entry> &shipped() {
  static const std::vector<Entry> entries = readShipped();
  return entries;
}

static Status refuse(const Entry &entry) {
  std::string what =
      "type " + std::to_string(entry.type.id) + " (" + entry.type.name + ")";
  return Status::error(
      StatusCode::InvalidFile,
      entry.refusal == "internal"
          ? "internal-only " + what +
                ": expects a type of weights, but got one that activations "
                "have in memory"
          : "removed " + what +
                ": expects a type that is still in use; convert the file with "
                "a newer version of its writer");
}

Result<const GgmlType *> ggmlTypeOf(uint32_t id) {
  const std::vector<Entry> &entries = shipped();
  uint32_t last = 0;
  for (const Entry &entry : entries) {
    last = std::max(last, entry.type.id);
    if (entry.type.id != id)
      continue;
    if (!entry.refusal.empty())
      return refuse(entry);
    return &entry.type;
  }
  return Status::error(StatusCode::InvalidFile,
                       "unknown type " + std::to_string(id) +
                           ": expects one of ggml's types of tensors, from 0 "
                           "to " +
                           std::to_string(last));
}

static std::vector<GgmlType> usable() {
  std::vector<GgmlType> types;
  for (const Entry &entry : shipped())
    if (entry.refusal.empty())
      types.push_back(entry.type);
  return types;
}

Span<const GgmlType> ggmlTypes() {
  static const std::vector<GgmlType> types = usable();
  return types;
}

const GgmlType *findGgmlType(const std::string &name) {
  for (const GgmlType &type : ggmlTypes())
    if (type.name == name)
      return &type;
  return nullptr;
}

} // namespace quern::weights
