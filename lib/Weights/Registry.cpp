// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Opens a model's weights by path.

#include "quern/Weights/Registry.h"

#include "GGUF/Gguf.h"
#include "Safetensors/Source.h"

#include <filesystem>

namespace quern::weights {

namespace {
/// A kind of weight file, told by how its name ends.
struct Opener {
  const char *suffix;
  Result<std::unique_ptr<WeightSource>> (*open)(const std::string &path);
};
} // namespace

static constexpr Opener openers[] = {
    {".safetensors", openSafetensors},
    {".safetensors.index.json", openShardIndex},
    {".gguf", openGguf},
};

/// The files that make a folder a model, in the order of preference.
static constexpr const char *folderFiles[] = {"model.safetensors",
                                              "model.safetensors.index.json"};

static bool endsWith(const std::string &text, const std::string &end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

static Result<std::unique_ptr<WeightSource>>
openFolder(const std::string &path) {
  std::error_code ignored;
  std::string folder = endsWith(path, "/") ? path : path + "/";
  for (const char *name : folderFiles)
    if (std::filesystem::exists(folder + name, ignored))
      return openWeights(folder + name);
  std::string message = path + ": expects model.safetensors or "
                               "model.safetensors.index.json, but the folder "
                               "has neither";
  if (std::filesystem::exists(folder + "pytorch_model.bin", ignored))
    message += "; pytorch_model.bin is refused because reading a pickle "
               "executes code from it: convert it to safetensors";
  return Status::error(StatusCode::NotFound, message);
}

Result<std::unique_ptr<WeightSource>> openWeights(const std::string &path) {
  std::error_code failed;
  std::filesystem::file_status status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status))
    return Status::error(StatusCode::NotFound,
                         path + ": expects a file or folder of weights, but "
                                "there is none");
  if (std::filesystem::is_directory(status))
    return openFolder(path);
  for (const Opener &opener : openers)
    if (endsWith(path, opener.suffix))
      return opener.open(path);
  return Status::error(StatusCode::Unsupported,
                       path + ": expects a name that ends in .safetensors, "
                              ".safetensors.index.json or .gguf");
}

} // namespace quern::weights
