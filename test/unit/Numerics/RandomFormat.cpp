// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats and shapes that nobody named.

#include "RandomFormat.h"

using namespace quern::numerics;

/// A multiple of 1/8 from -limit to limit, which every text keeps exactly.
std::string FormatGenerator::number(double limit) {
  int64_t eighths = int64_t(limit * 8);
  int64_t value = pick(2 * eighths + 1) - eighths;
  std::string text = std::to_string(double(value) / 8);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.')
    text.pop_back();
  return text;
}

std::string FormatGenerator::vectorCodebook() {
  int64_t size = int64_t(1) << (1 + pick(3)), entries = int64_t(4) << pick(5);
  bool hasSigns = oneIn(2), isEven = hasSigns && oneIn(2);
  std::string text = "codebook [";
  for (int64_t i = 0; i < entries; ++i) {
    text += i ? ", [" : "[";
    for (int64_t j = 0; j < size; ++j) {
      std::string value = number(4);
      if (hasSigns && value[0] == '-')
        value.erase(0, 1);
      text += (j ? ", " : "") + value;
    }
    text += "]";
  }
  period = isEven ? 8 : size;
  isComposite = true;
  return text + "]" + (isEven ? " signs even" : hasSigns ? " signs" : "");
}

std::string FormatGenerator::rootElement() {
  std::string bits = std::to_string(2 + pick(7));
  switch (pick(8)) {
  case 0:
    return "i" + bits;
  case 1:
    return "u" + bits;
  case 2:
    return oneOf({"u4 - 8", "u3 * 2 - 7", "u2 * 0.5 - 0.75", "u1 * 2 - 1"});
  case 3:
    return oneOf({"r3 - 1", "r5 - 2", "r7 * 2 - 6", "r3"});
  case 4:
    return oneOf({"f8E4M3FN", "f8E5M2", "f6E2M3FN", "f6E3M2FN", "f4E2M1FN",
                  "f8E4M3FNUZ", "f16"});
  case 5:
    return oneOf({"codebook @nf4", "codebook @iq4nl",
                  "codebook [-2, -0.5, 0.5, 2]",
                  "codebook [-1, -0.7, -0.4, -0.1, 0, 0.2, 0.6, 1]"});
  case 6:
    isComposite = true;
    return "codebook [0.5, 1, 2, 3.5] signs";
  default:
    return vectorCodebook();
  }
}

std::string FormatGenerator::scaleElement() {
  return (oneIn(2) ? "u" : "i") + std::to_string(5 + pick(4));
}

/// A divisor of `extent` that is a multiple of `multiple`, which divides it.
int64_t FormatGenerator::divisor(int64_t extent, int64_t multiple) {
  int64_t chosen;
  do
    chosen = multiple * (1 + pick(extent / multiple));
  while (extent % chosen != 0);
  return chosen;
}

int64_t FormatGenerator::blockRows(int64_t rows) {
  if (reach == Reach::Everything)
    return oneIn(2) ? 1 : divisor(rows, 1);
  // A scale is of one row, or of whole panels of 16.
  return rows % 16 == 0 && oneIn(4) ? divisor(rows, 16) : 1;
}

std::string FormatGenerator::extent(int64_t chosen, int64_t whole) {
  return chosen == whole && !isPartial && oneIn(2) ? "*"
                                                   : std::to_string(chosen);
}

/// The scales or offsets of a matrix: a bare type, or a level of its own.
std::string FormatGenerator::operand(int64_t rows, int64_t cols, int depth) {
  if (depth < 3 && !isPartial && oneIn(2))
    return "(" + level(rows, cols, depth) + ")";
  return oneOf({"f32", "f16", "bf16", "f8E5M2"});
}

std::string FormatGenerator::rule(const std::string &scale) {
  bool canBeNegative = scale[0] != 'u' && scale.rfind("(u", 0) != 0;
  std::string divisor = std::to_string(1 + pick(9));
  if (canBeNegative && oneIn(3))
    return " from max / " + std::string(oneIn(2) ? "-" : "") + divisor;
  std::string direction = oneOf({"", "", " up", " down", " up_from 1.5"});
  return " from amax / " + divisor + direction;
}

std::string FormatGenerator::offset(int64_t rows, int64_t cols,
                                    int64_t blockRows, int64_t blockCols) {
  std::string text = oneOf({", min ", ", add ", ", zero "});
  int64_t height = blockRows, width = blockCols;
  if (oneIn(3)) {
    width = divisor(blockCols, reach == Reach::Kernels ? 4 : 1);
    text += "[" + std::to_string(height) + ", " + std::to_string(width) + "] ";
  }
  return text + operand(rows / height, cols / width, 1);
}

std::string FormatGenerator::rounding(const std::string &code) {
  bool isInteger = code[0] == 'i' || code[0] == 'u' || code[0] == 'r';
  if (!isInteger || !oneIn(3))
    return "";
  return oneOf({", round away", ", round up", ", round even exact"});
}

std::string FormatGenerator::level(int64_t rows, int64_t cols, int depth) {
  bool isRoot = depth == 0;
  std::string code = isRoot ? rootElement() : scaleElement();
  int64_t multiple = isRoot ? period : 1;
  if (isRoot && reach == Reach::Kernels)
    multiple = multiple < 4 ? 4 : multiple;
  isPartial = isRoot && !isComposite && oneIn(5);
  int64_t height = isRoot ? blockRows(rows) : divisor(rows, 1);
  if (!isRoot && reach == Reach::Kernels)
    height = 1;
  int64_t width = divisor(cols, multiple);
  std::string text = code + " [" + extent(height, rows) + ", " +
                     extent(width, cols) + "]" + (isPartial ? " partial" : "");
  bool divides = !isPartial && oneIn(6);
  std::string scale = divides ? oneOf({"f32", "bf16"})
                              : operand(rows / height, cols / width, depth + 1);
  text += (divides ? ", divisor " : ", scale ") + scale;
  // What is left without its mean has both signs.
  bool isSigned = code[0] == 'i' || code[0] == 'f';
  bool hasMean = isSigned && !isPartial && oneIn(6);
  bool hasOffset = isRoot && !isPartial && !hasMean && oneIn(2);
  if (!hasOffset && oneIn(3))
    text += rule(scale);
  if (hasMean)
    text += ", mean f32";
  if (hasOffset)
    text += offset(rows, cols, height, width);
  return text + rounding(code);
}

RandomFormat FormatGenerator::draw() {
  RandomFormat result;
  const int64_t rows[] = {1, 6, 16, 35, 48, 80};
  const int64_t cols[] = {8, 40, 96, 120, 192, 256, 320};
  result.rows = rows[pick(6)];
  result.cols = cols[pick(7)];
  result.text = level(result.rows, result.cols, 0);
  if (!isPartial)
    return result;
  result.rows += pick(5);
  result.cols += reach == Reach::Kernels ? 4 * pick(5) : pick(5);
  return result;
}
