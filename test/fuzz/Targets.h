// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What reads bytes from outside, as functions that any bytes can be given
// to (docs/Fuzzing.md).
//
// Each returns whether the bytes were accepted, and ends the program where
// something is wrong that no sanitizer sees: a text that is not read as it was
// printed.

#ifndef QUERN_TEST_FUZZ_TARGETS_H
#define QUERN_TEST_FUZZ_TARGETS_H

#include "quern/Base/Span.h"

#include <cstdint>
#include <string>

namespace quern::fuzz {

using Input = Span<const uint8_t>;

/// A safetensors file: its header, and the numbers of every tensor.
bool readSafetensors(Input input);
/// A GGUF file: its values and tensors, and the model and the tokenizer that
/// they describe.
bool readGguf(Input input);
/// A model folder: config.json, a NUL, model.safetensors.
bool readFolder(Input input);
/// Text as share/checkpoints.txt has it, filled in for some weights.
bool readCheckpoints(Input input);
/// The text of a format, and that of a layout.
bool readFormat(Input input);
/// IR of all dialects.
bool readIr(Input input);

/// `input` as text.
std::string textOf(Input input);
/// Ends the program, as a sanitizer does.
[[noreturn]] void fail(const std::string &what, const std::string &input);

/// A folder in that for temporary files, which goes with the program.
class Folder {
public:
  Folder();
  ~Folder();
  /// Writes a file of the folder; returns its path.
  std::string write(const std::string &name, Input content) const;
  const std::string &getPath() const { return path; }

private:
  std::string path;
};

} // namespace quern::fuzz

#endif // QUERN_TEST_FUZZ_TARGETS_H
