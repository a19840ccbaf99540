// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the targets share.

#include "Targets.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

using namespace quern;

std::string fuzz::textOf(Input input) {
  return std::string(reinterpret_cast<const char *>(input.data()),
                     input.size());
}

void fuzz::fail(const std::string &what, const std::string &input) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), input.c_str());
  std::abort();
}

fuzz::Folder::Folder()
    : path((std::filesystem::temp_directory_path() /
            ("quern-fuzz-" + std::to_string(getpid())))
               .string()) {
  std::filesystem::create_directories(path);
}

fuzz::Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string fuzz::Folder::write(const std::string &name, Input content) const {
  std::string file = path + "/" + name;
  // A new file each time: the one before may still be mapped.
  std::remove(file.c_str());
  FILE *stream = std::fopen(file.c_str(), "wb");
  if (!stream ||
      std::fwrite(content.data(), 1, content.size(), stream) != content.size())
    fail("cannot write " + file, "");
  std::fclose(stream);
  return file;
}
