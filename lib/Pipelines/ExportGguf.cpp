// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The part of an export that only GGUF files have.

#include "ModelExport.h"

#include "quern/Export/Gguf.h"
#include "quern/Weights/GgufMixtures.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace quern;
using namespace quern::pipelines;

/// What people call the model: the last part of its path.
static std::string modelName(const std::string &path) {
  llvm::SmallString<128> absolute(path);
  llvm::sys::fs::make_absolute(absolute);
  llvm::sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  return llvm::sys::path::stem(absolute).str();
}

Status ModelExport::openGguf() {
  if (!import::isGguf(options.outputPath))
    return Status::error(
        StatusCode::InvalidArgument,
        options.outputPath +
            ": expects a name that ends in .gguf, by which it is known "
            "as such a file");
  Result<exporter::ModelFacts> facts =
      exporter::readModelFacts(front.getModule());
  if (!facts)
    return facts.status();
  auto planned = exporter::planGguf(front.getModule(), *facts);
  if (!planned)
    return planned.status();
  tensors = std::move(*planned);
  exporter::GgufValues values;
  llvm::StringRef mixture = options.format;
  mixture.consume_front("llama:");
  if (const weights::Mixture *named = weights::findMixture(mixture.str()))
    values.u32("general.file_type", named->fileType);
  Status status =
      exporter::describeGguf(*facts, modelName(options.modelPath), tensors,
                             front.getSource().metadata(), values);
  // A file has said all of its tokenizer by now.
  if (status && !import::isGguf(options.modelPath))
    status = exporter::describeGgufTokenizer(options.modelPath, *facts, values);
  if (!status)
    return status;
  auto created = exporter::createGguf(options.outputPath, values, tensors,
                                      options.shardBytes);
  if (!created)
    return created.status();
  writer = std::move(*created);
  output =
      exporter::ggufPaths(options.outputPath, tensors, options.shardBytes)[0];
  return Status::ok();
}
