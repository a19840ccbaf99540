// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes models as GGUF files, version 3.

#ifndef QUERN_EXPORT_GGUF_H
#define QUERN_EXPORT_GGUF_H

#include "quern/Export/Container.h"
#include "quern/Export/ModelFacts.h"
#include "quern/Weights/Metadata.h"

#include <memory>
#include <set>
#include <string_view>

namespace quern::exporter {

/// Keys and typed values in the order in which they are added. A key that is
/// there already is not added again, so that what comes first decides.
class GgufValues {
public:
  void u16(const std::string &key, int64_t value);
  void u32(const std::string &key, int64_t value);
  void i32(const std::string &key, int64_t value);
  void f32(const std::string &key, float value);
  void boolean(const std::string &key, bool value);
  void string(const std::string &key, std::string_view value);
  void strings(const std::string &key,
               const std::vector<std::string_view> &values);
  void booleans(const std::string &key, const std::vector<bool> &values);
  void i32s(const std::string &key, const std::vector<int32_t> &values);
  void f32s(const std::string &key, const std::vector<float> &values);
  /// A value of another file.
  void copy(const std::string &key, const weights::MetadataValue &value);

  uint64_t count() const { return keys.size(); }
  const std::string &bytes() const { return text; }

private:
  bool begin(const std::string &key);
  bool beginArray(const std::string &key, weights::MetadataType type,
                  uint64_t size);
  template <typename T>
  void putOne(const std::string &key, weights::MetadataType type, T value);
  template <typename T> void put(T value);
  void putString(std::string_view value);

  std::string text;
  std::set<std::string> keys;
};

/// Creates a temporary file beside `path` and writes everything but the
/// tensors. The disk space is reserved at once, so that a full disk is reported
/// before the work.
///
/// If the tensors have more than `shardBytes` bytes, there are several files
/// instead, `stem-00001-of-0000N.gguf`, of which the first says everything and
/// the others only which part they are. 0: one file in any case. They get their
/// names together at the end, the first one last. Errors: names that the format
/// has no room for, more shards than it can count, Io.
Result<std::unique_ptr<ContainerWriter>>
createGguf(const std::string &path, const GgufValues &values,
           const std::vector<ContainerTensor> &tensors,
           uint64_t shardBytes = 0);

/// The files that createGguf makes of the same arguments, in their order.
std::vector<std::string> ggufPaths(const std::string &path,
                                   const std::vector<ContainerTensor> &tensors,
                                   uint64_t shardBytes);

/// The tensors of a GGUF file of `module`, whose weights get their layouts in
/// it; vectors become f32, and norms that multiply by one more than their
/// weight get that one added. Errors name the weight, its format, and what can
/// be done: a format that no type of ggml holds, or another than that of the
/// weights in the same tensor, rows that its blocks do not divide, an
/// architecture or a weight that GGUF has no name for.
Result<std::vector<ContainerTensor>> planGguf(mlir::ModuleOp module,
                                              const ModelFacts &facts);

/// Adds what llama.cpp has to know of a model: `general.*` and the keys of its
/// architecture. `name` is for people. A GGUF file of the model, if that is
/// where it comes from, has the first word in all but `general.file_type`; of
/// others `source` is empty.
Status describeGguf(const ModelFacts &facts, const std::string &name,
                    const std::vector<ContainerTensor> &tensors,
                    const weights::Metadata &source, GgufValues &values);

/// Adds the tokenizer of the Hugging Face folder `path`: tokenizer.json with
/// tokenizer_config.json and chat_template.jinja; of a folder without them,
/// that there is none. Errors begin with the file: a tokenizer that llama.cpp
/// has no kind for.
Status describeGgufTokenizer(const std::string &path, const ModelFacts &facts,
                             GgufValues &values);

} // namespace quern::exporter

#endif // QUERN_EXPORT_GGUF_H
