// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file fuzz-replay TARGET PATH...: gives files, and those of folders, to a
// target, and says how many it accepted.

#include "Targets.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

using namespace quern;

namespace {
struct Target {
  const char *name;
  bool (*read)(fuzz::Input input);
};
} // namespace

static constexpr Target targets[] = {
    {"safetensors", fuzz::readSafetensors},
    {"gguf", fuzz::readGguf},
    {"folder", fuzz::readFolder},
    {"checkpoints", fuzz::readCheckpoints},
    {"format", fuzz::readFormat},
    {"ir", fuzz::readIr},
};

static std::vector<std::string> filesOf(const std::string &path) {
  if (!std::filesystem::is_directory(path))
    return {path};
  std::vector<std::string> files;
  for (const auto &entry : std::filesystem::directory_iterator(path))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

int main(int argc, char **argv) {
  const Target *target = std::find_if(
      std::begin(targets), std::end(targets), [&](const Target &candidate) {
        return argc > 1 && std::strcmp(candidate.name, argv[1]) == 0;
      });
  if (argc < 3 || target == std::end(targets)) {
    std::fprintf(stderr, "usage: fuzz-replay safetensors|gguf|folder|"
                         "checkpoints|format|ir PATH...\n");
    return 2;
  }
  size_t read = 0, accepted = 0;
  for (int i = 2; i < argc; ++i)
    for (const std::string &path : filesOf(argv[i])) {
      std::ifstream stream(path, std::ios::binary);
      if (!stream) {
        std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
        return 1;
      }
      std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
      bool taken = target->read(fuzz::Input(
          reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
      std::printf("%s %s\n", taken ? "accepted" : "refused ", path.c_str());
      accepted += taken;
      ++read;
    }
  std::printf("%s: %zu inputs, %zu accepted\n", target->name, read, accepted);
  return 0;
}
