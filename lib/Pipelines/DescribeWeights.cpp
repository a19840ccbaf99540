// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a file of weights holds, as JSON.

#include "quern/Pipelines/Compile.h"
#include "quern/Weights/Registry.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;
using weights::MetadataType;
using weights::MetadataValue;

/// Bytes that are no UTF-8 are replaced.
static std::string textOf(std::string_view text) {
  llvm::StringRef bytes(text.data(), text.size());
  return llvm::json::isUTF8(bytes) ? bytes.str() : llvm::json::fixUTF8(bytes);
}

static llvm::json::Value valueOf(const MetadataValue &value, size_t i) {
  if (auto text = value.string(i))
    return textOf(*text);
  if (auto flag = value.boolean(i))
    return *flag;
  if (auto number = value.integer(i))
    return *number;
  return *value.real(i);
}

static llvm::json::Value valueOf(const MetadataValue &value) {
  constexpr size_t most = 16;
  if (!value.isArray)
    return valueOf(value, 0);
  if (value.size() > most)
    return std::to_string(value.size()) + " values of " +
           weights::metadataTypeName(value.type);
  llvm::json::Array list;
  for (size_t i = 0; i < value.size(); ++i)
    list.push_back(valueOf(value, i));
  return list;
}

Result<std::string> pipelines::describeWeights(const std::string &path) {
  Result<std::unique_ptr<weights::WeightSource>> source =
      weights::openWeights(path);
  if (!source)
    return source.status();
  llvm::json::Object facts;
  for (const weights::Metadata::Entry &entry : (*source)->metadata().entries())
    facts[entry.key] = valueOf(entry.value);
  llvm::json::Array tensors;
  for (const weights::TensorInfo &tensor : (*source)->tensors())
    tensors.push_back(llvm::json::Object{
        {"name", textOf(tensor.name)},
        {"shape", llvm::json::Array(tensor.shape)},
        {"type", tensor.typeText()},
        {"bytes", int64_t(tensor.bytes.size())},
    });
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(llvm::json::Object{
      {"facts", std::move(facts)}, {"tensors", std::move(tensors)}});
  return text;
}
