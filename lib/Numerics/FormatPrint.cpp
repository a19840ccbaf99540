// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The canonical text of a format.

#include "FormatText.h"
#include <charconv>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

template <class T> static std::string printShortest(T value) {
  char buffer[64];
  char *end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

std::string numerics::printNumber(double value) { return printShortest(value); }
std::string numerics::printNumber(float value) { return printShortest(value); }

static std::string printCodebookElement(const Element &element) {
  const Codebook &codebook = element.codebook;
  std::string name = FormatRegistry::builtin().codebookNameOf(codebook);
  std::string text =
      "codebook " + (name.empty() ? printCodebook(codebook) : "@" + name);
  switch (element.signs) {
  case SignPolicy::None:
    break;
  case SignPolicy::Each:
    return text + " signs";
  case SignPolicy::Even:
    return text + " signs even";
  }
  return text;
}

static std::string printInt(const Element &element) {
  std::string text = element.levels != 0 ? "r" + std::to_string(element.levels)
                                         : (element.isSigned ? "i" : "u") +
                                               std::to_string(element.bits);
  if (element.multiplier != 1)
    text += " * " + printNumber(element.multiplier);
  if (element.addend != 0)
    text += (element.addend < 0 ? " - " : " + ") +
            printNumber(std::fabs(element.addend));
  return text;
}

static std::string printElement(const Element &element) {
  switch (element.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float:
    return element.floatType->name;
  case ElementKind::Codebook:
    return printCodebookElement(element);
  }
  return printInt(element);
}

std::string numerics::printExtent(int64_t extent) {
  return extent == 0 ? "*" : std::to_string(extent);
}

static std::string printBlock(BlockShape block) {
  return "[" + printExtent(block.rows) + ", " + printExtent(block.cols) + "]";
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

static std::string printColumns(const ColumnTransform &transform) {
  std::string text = std::string(", columns ") + columnKeyword(transform.kind);
  if (transform.count != 0)
    text += " " + std::to_string(transform.count);
  return transform.data ? text + " " + printOperand(*transform.data) : text;
}

std::string numerics::printFormat(const Format &format) {
  std::string text = printElement(format.element);
  if (format.isScaled()) {
    text += " " + printBlock(format.block) +
            (format.allowsPartialBlocks ? " partial" : "") +
            (format.isFlat ? " flat" : "") +
            (format.dividesByScale ? ", divisor " : ", scale ") +
            printOperand(*format.scale);
    if (!(format.scaleRule ==
          defaultScaleRule(format.element, format.offsetKind)))
      text += printRule(format.scaleRule);
    if (format.offset)
      text += std::string(", ") + offsetKeyword(format.offsetKind) + " " +
              (format.offsetBlock == defaultOffsetBlock(format)
                   ? ""
                   : printBlock(format.offsetBlock) + " ") +
              printOperand(*format.offset);
  }
  if (format.codeRounding != CodeRounding::Even || format.codesFromExactScale)
    text += std::string(", round ") + roundingKeyword(format.codeRounding) +
            (format.codesFromExactScale ? " exact" : "");
  for (const ColumnTransform &transform : format.columns)
    text += printColumns(transform);
  return text;
}
