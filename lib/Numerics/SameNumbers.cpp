// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether two formats give the same codes the same meaning.

#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// `format` without what only an encoder asks for.
static Format decodedPart(const Format &format) {
  Format part = format;
  part.scaleRule = ScaleRule();
  part.codeRounding = CodeRounding::Even;
  part.codesFromExactScale = false;
  if (format.scale)
    part.scale = std::make_shared<Format>(decodedPart(*format.scale));
  if (format.offset)
    part.offset = std::make_shared<Format>(decodedPart(*format.offset));
  return part;
}

bool decodesAs(const Format &format, const Format &other) {
  return decodedPart(format) == decodedPart(other);
}

} // namespace quern::numerics
