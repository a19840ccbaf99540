// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Texts: formats, layouts, descriptions of checkpoints.

#include "Targets.h"

#include "quern/Numerics/Format.h"
#include "quern/Numerics/Layout.h"
#include "quern/Weights/Checkpoints.h"

using namespace quern;
using numerics::Format;
using numerics::FormatRegistry;

/// What can be asked of a format of which nothing is known.
static void useFormat(const Format &format) {
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{4, 256}, {1, 1}}) {
    if (!numerics::checkShape(format, rows, cols))
      continue;
    (void)numerics::bitsPerElement(format, rows, cols);
    (void)numerics::codingGrain(format, rows, cols);
    // The parts of column transforms have layouts of their own.
    Format plain = numerics::withoutColumns(format);
    numerics::Layout dense = numerics::makeDenseLayout(plain, rows, cols);
    if (Status status = numerics::checkLayout(dense, plain, rows, cols);
        !status)
      fuzz::fail("a dense layout that does not fit: " + status.message(),
                 numerics::printFormat(plain));
  }
}

bool fuzz::readFormat(Input input) {
  std::string text = textOf(input);
  auto format = numerics::parseFormat(text, FormatRegistry::builtin());
  if (format) {
    std::string printed = numerics::printFormat(*format);
    auto again = numerics::parseFormat(printed, FormatRegistry::builtin());
    if (!again || *again != *format)
      fail("a format that is not read as it is printed: " + printed, text);
    useFormat(*format);
  }
  auto layout = numerics::parseLayout(text);
  if (layout) {
    std::string printed = numerics::printLayout(*layout);
    auto again = numerics::parseLayout(printed);
    if (!again || *again != *layout)
      fail("a layout that is not read as it is printed: " + printed, text);
    (void)numerics::checkLayout(
        *layout, *FormatRegistry::builtin().lookup("q4_0"), 4, 256);
  }
  FormatRegistry registry;
  bool isFile = bool(registry.addText(text, "input"));
  return format || layout || isFile;
}

bool fuzz::readCheckpoints(Input input) {
  auto entries = weights::parseCheckpoints(textOf(input), "input");
  if (!entries)
    return false;
  weights::CheckpointParameters parameters;
  parameters.setShape(64, 128, 1, 32);
  parameters.setType("scale", weights::DType::F16);
  for (const char *name : {"bits", "less", "symmetric", "padded", "nested",
                           "block_size", "nested_size", "experts", "words"})
    parameters.set(name, int64_t(4));
  for (const weights::CheckpointEntry &entry : *entries) {
    (void)entry.holdsFor(parameters);
    if (auto format = entry.formatText(parameters))
      (void)numerics::parseFormat(*format, FormatRegistry::builtin());
    if (auto layout = entry.layoutText(parameters))
      (void)numerics::parseLayout(*layout);
    for (const weights::CheckpointTensor &tensor : entry.tensors)
      if (tensor.shape)
        (void)entry.shapeOf(tensor, parameters);
  }
  return true;
}
