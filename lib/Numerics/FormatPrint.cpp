// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The canonical text of a format.

#include "FormatText.h"
#include <charconv>

using namespace quern;
using namespace quern::numerics;

template <class T> static std::string printShortest(T value) {
  char buffer[64];
  char *end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

std::string numerics::printNumber(double value) { return printShortest(value); }

static std::string printCodebook(const Element &element) {
  std::string name = FormatRegistry::builtin().codebookNameOf(element.codebook);
  if (!name.empty())
    return "codebook @" + name;
  std::string text = "codebook [";
  const char *separator = "";
  for (float value : element.codebook) {
    text += separator + printShortest(value);
    separator = ", ";
  }
  return text + "]";
}

static std::string printElement(const Element &element) {
  switch (element.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float:
    return element.floatType->name;
  case ElementKind::Codebook:
    return printCodebook(element);
  }
  return (element.isSigned ? "i" : "u") + std::to_string(element.bits);
}

static std::string printExtent(int64_t extent) {
  return extent == 0 ? "*" : std::to_string(extent);
}

/// The format as an operand of `scale` or an offset.
static std::string printOperand(const Format &format) {
  std::string text = printFormat(format);
  // Only a bare element can stand without parentheses.
  bool isBare = !format.isScaled() && format.codeRounding == CodeRounding::Even;
  return isBare ? text : "(" + text + ")";
}

static std::string printRule(const ScaleRule &rule) {
  std::string text = " from ";
  switch (rule.statistic) {
  case ScaleStatistic::AbsMax:
    text += "amax";
    break;
  case ScaleStatistic::SignedMax:
    text += "max";
    break;
  case ScaleStatistic::Range:
    text += "range";
    break;
  }
  text += " / " + printNumber(rule.divisor);
  switch (rule.rounding) {
  case ScaleRounding::Nearest:
    break;
  case ScaleRounding::Down:
    return text + " down";
  case ScaleRounding::Up:
    return text + " up";
  case ScaleRounding::UpFrom:
    return text + " up_from " + printNumber(rule.threshold);
  }
  return text;
}

static const char *roundingKeyword(CodeRounding rounding) {
  switch (rounding) {
  case CodeRounding::Even:
    break;
  case CodeRounding::Away:
    return "away";
  case CodeRounding::Up:
    return "up";
  }
  return "even";
}

std::string numerics::printFormat(const Format &format) {
  std::string text = printElement(format.element);
  if (format.isScaled()) {
    text += " [" + printExtent(format.block.rows) + ", " +
            printExtent(format.block.cols) + "], scale " +
            printOperand(*format.scale);
    if (!(format.scaleRule ==
          defaultScaleRule(format.element, format.offsetKind)))
      text += printRule(format.scaleRule);
    if (format.offset)
      text += std::string(", ") + offsetKeyword(format.offsetKind) + " " +
              printOperand(*format.offset);
  }
  if (format.codeRounding != CodeRounding::Even || format.codesFromExactScale)
    text += std::string(", round ") + roundingKeyword(format.codeRounding) +
            (format.codesFromExactScale ? " exact" : "");
  return text;
}
