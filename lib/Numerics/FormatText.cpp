// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Parsing of formats, by recursive descent.
//
//   format   := element [ block ',' 'scale' operand rule? offset? ] rounding?
//   element  := ('i' | 'u') BITS | FLOAT-TYPE
//             | 'codebook' ( '@' NAME | '[' NUMBER (',' NUMBER)* ']' )
//   block    := '[' extent ',' extent ']' | '[' extent ']'
//   extent   := INTEGER | '*'
//   operand  := element | '(' format ')'
//   rule     := 'from' ('amax' | 'max' | 'range') '/' NUMBER
//               [ 'down' | 'up' | 'up_from' NUMBER ]
//   offset   := ',' ('min' | 'add' | 'zero') operand
//   rounding := ',' 'round' ('even' | 'away' | 'up') [ 'exact' ]

#include "FormatText.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <charconv>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

// Extents and their products over the levels stay far from overflow.
static constexpr int64_t maxExtent = int64_t(1) << 31;
static constexpr int64_t maxGranule = int64_t(1) << 40;
static constexpr unsigned maxDepth = 8;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Result<std::vector<float>> numerics::parseCodebookValues(FormatLexer &lexer) {
  if (!lexer.take('['))
    return lexer.expected("'[' before the values of a codebook");
  lexer.skipSpace();
  size_t begin = lexer.position;
  std::vector<float> values;
  do {
    Result<float> value = lexer.singleNumber();
    if (!value)
      return value.status();
    values.push_back(*value);
  } while (lexer.take(','));
  if (!lexer.take(']'))
    return lexer.expected("',' or ']' in a codebook");
  size_t count = values.size();
  if (count < 2 || count > 256 || (count & (count - 1)) != 0)
    return lexer.errorAt(begin, "expects a codebook of 2, 4, 8, ... or 256 "
                                "values, but got " +
                                    std::to_string(count));
  return values;
}

static unsigned log2Of(size_t count) {
  unsigned bits = 0;
  while ((size_t(1) << bits) < count)
    ++bits;
  return bits;
}

static Result<Element> parseCodebook(FormatLexer &lexer,
                                     const FormatRegistry &registry) {
  Element element;
  element.kind = ElementKind::Codebook;
  if (lexer.take('@')) {
    size_t begin = lexer.position;
    element.codebookName = lexer.peekWord();
    const std::vector<float> *values =
        registry.lookupCodebook(element.codebookName);
    if (!values)
      return lexer.errorAt(begin, "expects the name of a codebook, but got " +
                                      lexer.found());
    lexer.position += element.codebookName.size();
    element.codebook = *values;
  } else {
    Result<std::vector<float>> values = parseCodebookValues(lexer);
    if (!values)
      return values.status();
    element.codebook = *values;
  }
  element.bits = log2Of(element.codebook.size());
  return element;
}

/// The element that `word` names, or nothing.
static std::optional<Element> elementNamed(const std::string &word) {
  Element element;
  if (const FloatType *type = lookupFloatType(word)) {
    element.kind = ElementKind::Float;
    element.bits = type->bits();
    element.floatType = type;
    return element;
  }
  if (word.size() < 2 || word.size() > 3 || (word[0] != 'i' && word[0] != 'u'))
    return std::nullopt;
  unsigned bits = 0;
  auto [stop, error] =
      std::from_chars(word.data() + 1, word.data() + word.size(), bits);
  if (error != std::errc() || stop != word.data() + word.size() || bits < 1 ||
      bits > 16)
    return std::nullopt;
  element.bits = bits;
  element.isSigned = word[0] == 'i';
  return element;
}

static Result<Element> parseElement(FormatLexer &lexer,
                                    const FormatRegistry &registry) {
  if (lexer.takeWord("codebook"))
    return parseCodebook(lexer, registry);
  std::string word = lexer.peekWord();
  std::optional<Element> element = elementNamed(word);
  if (!element) {
    std::string kinds = "an element: i1 to i16, u1 to u16, codebook";
    for (const std::string &name : floatTypeNames())
      kinds += ", " + name;
    return lexer.expected(kinds);
  }
  lexer.position += word.size();
  return *element;
}

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

static Result<int64_t> parseExtent(FormatLexer &lexer) {
  if (lexer.take('*'))
    return int64_t(0);
  std::string word = lexer.peekWord();
  int64_t value = 0;
  auto [stop, error] =
      std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || error != std::errc() ||
      stop != word.data() + word.size() || value < 1 || value > maxExtent)
    return lexer.expected("a block extent from 1 to 2^31, or '*'");
  lexer.position += word.size();
  return value;
}

static Status parseBlock(FormatLexer &lexer, BlockShape &block) {
  Result<int64_t> first = parseExtent(lexer);
  if (!first)
    return first.status();
  block = {1, *first};
  if (lexer.take(',')) {
    Result<int64_t> second = parseExtent(lexer);
    if (!second)
      return second.status();
    block = {*first, *second};
  }
  if (!lexer.take(']'))
    return lexer.expected("']' after a block");
  return Status::ok();
}

namespace {
/// What a level knows of the ones around it.
struct Context {
  FormatLexer &lexer;
  const FormatRegistry &registry;
  unsigned depth = 0;
  BlockShape granule = {1, 1};
};
} // namespace

static Result<Format> parseLevel(const Context &context);

static Result<Format> parseOperand(const Context &context) {
  if (!context.lexer.take('(')) {
    Result<Element> element = parseElement(context.lexer, context.registry);
    if (!element)
      return element.status();
    Format format;
    format.element = *element;
    return format;
  }
  Result<Format> format = parseLevel(context);
  if (!format)
    return format;
  if (!context.lexer.take(')'))
    return context.lexer.expected("')'");
  return format;
}

static Status parseScaleRounding(FormatLexer &lexer, const Element &element,
                                 ScaleRule &rule) {
  lexer.skipSpace();
  size_t begin = lexer.position;
  if (lexer.takeWord("down"))
    rule.rounding = ScaleRounding::Down;
  else if (lexer.takeWord("up"))
    rule.rounding = ScaleRounding::Up;
  else if (lexer.takeWord("up_from"))
    rule.rounding = ScaleRounding::UpFrom;
  else
    return Status::ok();
  if (element.kind == ElementKind::Codebook)
    return lexer.errorAt(
        begin, "expects no rounding rule for a scale that is "
               "a codebook, but got '" +
                   lexer.text.substr(begin, lexer.position - begin) + "'");
  if (rule.rounding != ScaleRounding::UpFrom)
    return Status::ok();
  lexer.skipSpace();
  begin = lexer.position;
  Result<double> threshold = lexer.number();
  if (!threshold)
    return threshold.status();
  if (*threshold < 1 || *threshold > 2)
    return lexer.errorAt(begin, "expects a threshold from 1 to 2, but got " +
                                    printNumber(*threshold));
  rule.threshold = *threshold;
  return Status::ok();
}

static Status parseRule(FormatLexer &lexer, const Element &scaleElement,
                        ScaleRule &rule) {
  if (lexer.takeWord("amax"))
    rule.statistic = ScaleStatistic::AbsMax;
  else if (lexer.takeWord("max"))
    rule.statistic = ScaleStatistic::SignedMax;
  else if (lexer.takeWord("range"))
    rule.statistic = ScaleStatistic::Range;
  else
    return lexer.expected("'amax', 'max' or 'range'");
  if (!lexer.take('/'))
    return lexer.expected("'/' and a divisor");
  lexer.skipSpace();
  size_t begin = lexer.position;
  Result<double> divisor = lexer.number();
  if (!divisor)
    return divisor.status();
  if (float(*divisor) == 0 || !std::isfinite(float(*divisor)))
    return lexer.errorAt(begin, "expects a divisor that is not zero in f32, "
                                "but got " +
                                    printNumber(*divisor));
  rule.divisor = *divisor;
  return parseScaleRounding(lexer, scaleElement, rule);
}

/// `, min F` and `, round R`, in this order, each at most once.
static Status parseOffset(const Context &context, Format &format,
                          const Context &inner) {
  FormatLexer &lexer = context.lexer;
  for (OffsetKind kind : {OffsetKind::Min, OffsetKind::Add, OffsetKind::Zero}) {
    if (!lexer.takeWord(offsetKeyword(kind)))
      continue;
    Result<Format> offset = parseOperand(inner);
    if (!offset)
      return offset.status();
    format.offsetKind = kind;
    format.offset = std::make_shared<const Format>(*offset);
    return Status::ok();
  }
  return lexer.expected("'min', 'add', 'zero' or 'round'");
}

static Status parseRounding(FormatLexer &lexer, Format &format) {
  lexer.skipSpace();
  size_t begin = lexer.position;
  std::string word = lexer.peekWord();
  if (lexer.takeWord("even"))
    format.codeRounding = CodeRounding::Even;
  else if (lexer.takeWord("away"))
    format.codeRounding = CodeRounding::Away;
  else if (lexer.takeWord("up"))
    format.codeRounding = CodeRounding::Up;
  else
    return lexer.expected("'even', 'away' or 'up'");
  if (format.codeRounding != CodeRounding::Even &&
      format.element.kind != ElementKind::Int)
    return lexer.errorAt(begin, "expects 'even' for an element that is not an "
                                "integer, but got '" +
                                    word + "'");
  lexer.skipSpace();
  begin = lexer.position;
  if (!lexer.takeWord("exact"))
    return Status::ok();
  if (!format.isScaled())
    return lexer.errorAt(begin, "expects a scale before 'exact', but got none");
  format.codesFromExactScale = true;
  return Status::ok();
}

/// A scale of one sign cannot hold a rule that yields both or the other.
static Status checkScaleSign(FormatLexer &lexer, size_t offset,
                             const Format &format) {
  const ScaleRule &rule = format.scaleRule;
  bool mayBeNegative =
      rule.statistic == ScaleStatistic::SignedMax || rule.divisor < 0;
  if (!mayBeNegative || lowestValue(format.scale->element) < 0)
    return Status::ok();
  return lexer.errorAt(offset, "expects a scale that can be negative for this "
                               "rule, but got " +
                                   printFormat(*format.scale));
}

/// `, scale F from … , min F`: everything after the block.
static Status parseScale(const Context &context, Format &format) {
  FormatLexer &lexer = context.lexer;
  Context inner = {lexer,
                   context.registry,
                   context.depth + 1,
                   {context.granule.rows * format.block.rows,
                    context.granule.cols * format.block.cols}};
  if (inner.granule.rows > maxGranule || inner.granule.cols > maxGranule)
    return lexer.errorAt(lexer.position, "expects at most 2^40 elements along "
                                         "a block's axis, but got more");
  if (!lexer.take(',') || !lexer.takeWord("scale"))
    return lexer.expected("', scale' after a block");
  lexer.skipSpace();
  size_t begin = lexer.position;
  Result<Format> scale = parseOperand(inner);
  if (!scale)
    return scale.status();
  format.scale = std::make_shared<const Format>(*scale);
  bool hasRule = lexer.takeWord("from");
  if (hasRule)
    if (Status s = parseRule(lexer, scale->element, format.scaleRule); !s)
      return s;
  size_t end = lexer.position;
  if (lexer.take(',')) {
    if (lexer.peekWord() == "round") {
      lexer.position = end;
    } else if (Status s = parseOffset(context, format, inner); !s) {
      return s;
    }
  }
  if (!hasRule)
    format.scaleRule = defaultScaleRule(format.element, format.offsetKind);
  return checkScaleSign(lexer, begin, format);
}

static Result<Format> parseLevel(const Context &context) {
  FormatLexer &lexer = context.lexer;
  if (context.depth > maxDepth)
    return lexer.errorAt(lexer.position, "expects at most " +
                                             std::to_string(maxDepth) +
                                             " levels of scales, but got more");
  Result<Element> element = parseElement(lexer, context.registry);
  if (!element)
    return element.status();
  Format format;
  format.element = *element;
  if (lexer.take('[')) {
    if (Status s = parseBlock(lexer, format.block); !s)
      return s;
    if (Status s = parseScale(context, format); !s)
      return s;
  }
  if (lexer.take(',')) {
    if (!lexer.takeWord("round"))
      return lexer.expected(format.isScaled() ? "'round'"
                                              : "'round' or a block");
    if (Status s = parseRounding(lexer, format); !s)
      return s;
  }
  return format;
}

Result<Format> numerics::parseFormat(const std::string &text,
                                     const FormatRegistry &registry,
                                     size_t *errorOffset) {
  FormatLexer lexer{text};
  Result<Format> format = parseLevel({lexer, registry});
  if (format) {
    lexer.skipSpace();
    if (lexer.position != text.size())
      format = lexer.expected("the end of the format");
  }
  if (!format && errorOffset)
    *errorOffset = lexer.errorOffset;
  return format;
}
