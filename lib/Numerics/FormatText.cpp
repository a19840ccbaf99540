// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Parsing of formats, by recursive descent.
//
//   format   := element [ block [ 'partial' | 'flat' ] ','
//               ( 'scale' | 'divisor' ) operand rule? offset? ] rounding?
//               columns*
//   element  := 'i' BITS | ( 'u' BITS | 'r' LEVELS ) [ '*' NUMBER ] [ ( '+' |
//   '-' ) NUMBER ]
//             | FLOAT-TYPE
//             | 'codebook' ( '@' NAME | codebook ) [ 'signs' [ 'even' ] ]
//   block    := '[' extent ',' extent ']' | '[' extent ']'
//   extent   := INTEGER | '*'
//   operand  := element | '(' format ')'
//   rule     := 'from' ('amax' | 'max' | 'range') '/' NUMBER
//               [ 'down' | 'up' | 'up_from' NUMBER ]
//   offset   := ',' ('min' | 'add' | 'zero') [ block ] operand
//             | ',' 'mean' operand
//   rounding := ',' 'round' ('even' | 'away' | 'up') [ 'exact' ]
//   columns  := FormatColumns.cpp

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

/// `* NUMBER`, `+ NUMBER` or `- NUMBER` behind an unsigned integer. Every value
/// must be exact, so that decoding rounds nowhere.
static Status parseAffine(FormatLexer &lexer, Element &element) {
  lexer.skipSpace();
  size_t begin = lexer.position, end = begin;
  if (lexer.take('*')) {
    Result<float> number = lexer.singleNumber();
    if (!number)
      return number.status();
    element.multiplier = *number;
    end = lexer.position;
  }
  bool isMinus = lexer.take('-');
  if (isMinus || lexer.take('+')) {
    Result<float> number = lexer.singleNumber();
    if (!number)
      return number.status();
    element.addend = isMinus ? -*number : *number;
    end = lexer.position;
  }
  if (element.isPlainInt())
    return Status::ok();
  if (element.isSigned)
    return lexer.errorAt(begin, "expects an unsigned integer before '*', '+' "
                                "and '-', but got i" +
                                    std::to_string(element.bits));
  bool isExact = element.multiplier != 0;
  for (int32_t code = 0; isExact && code < int32_t(1u << element.bits); ++code)
    isExact = double(element.valueOf(code)) ==
              double(code) * double(element.multiplier) + element.addend;
  if (isExact)
    return Status::ok();
  return lexer.errorAt(begin, "expects a factor that is not zero and values "
                              "that are exact in f32, but got " +
                                  lexer.text.substr(begin, end - begin));
}

static Result<Element> parseCodebookElement(FormatLexer &lexer,
                                            const FormatRegistry &registry) {
  Element element;
  element.kind = ElementKind::Codebook;
  if (lexer.take('@')) {
    size_t begin = lexer.position;
    std::string name = lexer.peekWord();
    const Codebook *known = registry.lookupCodebook(name);
    if (!known)
      return lexer.errorAt(begin, "expects the name of a codebook, but got " +
                                      lexer.found());
    lexer.position += name.size();
    element.codebook = *known;
  } else {
    Result<Codebook> codebook = parseCodebook(lexer);
    if (!codebook)
      return codebook.status();
    element.codebook = std::move(*codebook);
  }
  size_t entries = element.codebook.values.size() / element.codebook.vectorSize;
  while ((size_t(1) << element.bits) < entries)
    ++element.bits;
  if (lexer.takeWord("signs"))
    element.signs =
        lexer.takeWord("even") ? SignPolicy::Even : SignPolicy::Each;
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
  if (word.size() < 2 || word.size() > 4)
    return std::nullopt;
  unsigned number = 0;
  auto [stop, error] =
      std::from_chars(word.data() + 1, word.data() + word.size(), number);
  if (error != std::errc() || stop != word.data() + word.size())
    return std::nullopt;
  if (word[0] == 'r' && number >= 3 && number <= 255) {
    element.levels = number;
    while ((1u << element.bits) < number)
      ++element.bits;
    return element;
  }
  if ((word[0] != 'i' && word[0] != 'u') || number < 1 || number > 16)
    return std::nullopt;
  element.bits = number;
  element.isSigned = word[0] == 'i';
  return element;
}

static Result<Element> parseElement(FormatLexer &lexer,
                                    const FormatRegistry &registry) {
  if (lexer.takeWord("codebook"))
    return parseCodebookElement(lexer, registry);
  std::string word = lexer.peekWord();
  std::optional<Element> element = elementNamed(word);
  if (!element) {
    std::string kinds =
        "an element: i1 to i16, u1 to u16, r3 to r255, codebook";
    for (const std::string &name : floatTypeNames())
      kinds += ", " + name;
    return lexer.expected(kinds);
  }
  lexer.position += word.size();
  if (element->kind == ElementKind::Int)
    if (Status s = parseAffine(lexer, *element); !s)
      return s;
  return *element;
}

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

static Result<int64_t> parseExtent(FormatLexer &lexer) {
  if (lexer.take('*'))
    return int64_t(0);
  return lexer.integer(1, maxExtent, "a block extent from 1 to 2^31, or '*'");
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
  bool isFlat = false; ///< whether the root is
};
} // namespace

static Result<Format> parseLevel(const Context &context);

static Status checkNotComposite(FormatLexer &lexer, size_t offset,
                                const Element &element) {
  if (!element.isComposite())
    return Status::ok();
  return lexer.errorAt(offset, "expects a codebook of vectors or with signs "
                               "only for the weights themselves, but got one "
                               "for their scales");
}

static Result<Format> parseOperand(const Context &context) {
  FormatLexer &lexer = context.lexer;
  lexer.skipSpace();
  size_t begin = lexer.position;
  if (!lexer.take('(')) {
    Result<Element> element = parseElement(lexer, context.registry);
    if (!element)
      return element.status();
    if (Status s = checkNotComposite(lexer, begin, *element); !s)
      return s;
    Format format;
    format.element = *element;
    return format;
  }
  Result<Format> format = parseLevel(context);
  if (!format)
    return format;
  if (lexer.take(')'))
    return format;
  if (lexer.take(',') && lexer.peekWord() == "columns")
    return lexer.expected("')', since only the weights themselves have column "
                          "transforms");
  return lexer.expected("')'");
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
  if (element.kind == ElementKind::Codebook ||
      (element.kind == ElementKind::Int && !element.isPlainInt()))
    return lexer.errorAt(
        begin, "expects no rounding rule for a scale that is "
               "a codebook or has a factor, but got '" +
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

/// Whether blocks of `inner` cut blocks of `outer` into whole ones.
static bool divides(int64_t inner, int64_t outer) {
  return inner == outer || (inner != 0 && outer % inner == 0);
}

/// The block of an offset, if it has one of its own.
static Status parseOffsetBlock(FormatLexer &lexer, Format &format) {
  lexer.skipSpace();
  size_t begin = lexer.position;
  if (!lexer.take('['))
    return Status::ok();
  BlockShape &block = format.offsetBlock;
  if (Status s = parseBlock(lexer, block); !s)
    return s;
  if (!divides(block.rows, format.block.rows) ||
      !divides(block.cols, format.block.cols))
    return lexer.errorAt(begin,
                         "expects a block that divides that of the "
                         "scale, but got " +
                             lexer.text.substr(begin, lexer.position - begin));
  return Status::ok();
}

/// `, min F` and `, round R`, in this order, each at most once.
static Status parseOffset(const Context &context, Format &format,
                          const Context &inner) {
  FormatLexer &lexer = context.lexer;
  for (OffsetKind kind :
       {OffsetKind::Min, OffsetKind::Add, OffsetKind::Zero, OffsetKind::Mean}) {
    if (!lexer.takeWord(offsetKeyword(kind)))
      continue;
    format.offsetKind = kind;
    format.offsetBlock = defaultOffsetBlock(format);
    if (kind != OffsetKind::Mean)
      if (Status s = parseOffsetBlock(lexer, format); !s)
        return s;
    Context own = inner;
    own.granule = {context.granule.rows * format.offsetBlock.rows,
                   context.granule.cols * format.offsetBlock.cols};
    Result<Format> offset = parseOperand(own);
    if (!offset)
      return offset.status();
    format.offset = std::make_shared<const Format>(*offset);
    return Status::ok();
  }
  return lexer.expected("'min', 'add', 'zero', 'mean', 'round' or 'columns'");
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
                    context.granule.cols * format.block.cols},
                   context.isFlat || format.isFlat};
  if (inner.granule.rows > maxGranule || inner.granule.cols > maxGranule)
    return lexer.errorAt(lexer.position, "expects at most 2^40 elements along "
                                         "a block's axis, but got more");
  if (!lexer.take(','))
    return lexer.expected("', scale' after a block");
  format.dividesByScale = lexer.takeWord("divisor");
  if (!format.dividesByScale && !lexer.takeWord("scale"))
    return lexer.expected("'scale' or 'divisor'");
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
    if (lexer.peekWord() == "round" || lexer.peekWord() == "columns") {
      lexer.position = end;
    } else if (Status s = parseOffset(context, format, inner); !s) {
      return s;
    }
  }
  if (!hasRule)
    format.scaleRule = defaultScaleRule(format.element, format.offsetKind);
  return checkScaleSign(lexer, begin, format);
}

/// A block holds whole vectors and whole codes of signs.
static Status checkWholeVectors(FormatLexer &lexer, const Format &format) {
  unsigned period = placePeriod(format.element);
  if (format.block.cols % period == 0)
    return Status::ok();
  return lexer.errorAt(lexer.position - 1,
                       "expects a block of a multiple of " +
                           std::to_string(period) +
                           " columns, for vectors and signs of that many, but "
                           "got " +
                           std::to_string(format.block.cols));
}

/// `partial` or `flat` behind the block of the weights.
static Status parseEdges(const Context &context, Format &format) {
  FormatLexer &lexer = context.lexer;
  lexer.skipSpace();
  size_t begin = lexer.position;
  std::string word = lexer.peekWord();
  format.allowsPartialBlocks = lexer.takeWord("partial");
  format.isFlat = !format.allowsPartialBlocks && lexer.takeWord("flat");
  if (!format.allowsPartialBlocks && !format.isFlat)
    return Status::ok();
  if (context.depth > 0 || format.element.isComposite())
    return lexer.errorAt(begin, "expects '" + word +
                                    "' only behind the block of weights "
                                    "without vectors and signs, but got it "
                                    "elsewhere");
  if (format.isFlat && format.block.rows != 1)
    return lexer.errorAt(begin, "expects a block of 1 row before 'flat', but "
                                "got " +
                                    printExtent(format.block.rows));
  return Status::ok();
}

/// The scales of a flat format are one row, which is also all of the axis.
static Status checkFlatBlock(FormatLexer &lexer, const Context &context,
                             BlockShape &block) {
  if (context.isFlat && block.rows == 0)
    block.rows = 1;
  if (!context.isFlat || block.rows == 1)
    return Status::ok();
  return lexer.errorAt(lexer.position - 1,
                       "expects a block of 1 row below a flat one, but got " +
                           printExtent(block.rows));
}

static Result<Format> parseLevel(const Context &context) {
  FormatLexer &lexer = context.lexer;
  if (context.depth > maxDepth)
    return lexer.errorAt(lexer.position, "expects at most " +
                                             std::to_string(maxDepth) +
                                             " levels of scales, but got more");
  lexer.skipSpace();
  size_t begin = lexer.position;
  Result<Element> element = parseElement(lexer, context.registry);
  if (!element)
    return element.status();
  if (context.depth > 0)
    if (Status s = checkNotComposite(lexer, begin, *element); !s)
      return s;
  Format format;
  format.element = *element;
  if (lexer.take('[')) {
    if (Status s = parseBlock(lexer, format.block); !s)
      return s;
    if (Status s = checkWholeVectors(lexer, format); !s)
      return s;
    if (Status s = checkFlatBlock(lexer, context, format.block); !s)
      return s;
    if (Status s = parseEdges(context, format); !s)
      return s;
    if (Status s = parseScale(context, format); !s)
      return s;
  }
  size_t end = lexer.position;
  if (!lexer.take(','))
    return format;
  if (lexer.peekWord() == "columns") {
    lexer.position = end;
    return format;
  }
  if (!lexer.takeWord("round"))
    return lexer.expected(format.isScaled() ? "'round' or 'columns'"
                                            : "'round', 'columns' or a block");
  if (Status s = parseRounding(lexer, format); !s)
    return s;
  return format;
}

Result<Format> numerics::parseOperand(FormatLexer &lexer,
                                      const FormatRegistry &registry) {
  return ::parseOperand(Context{lexer, registry, /*depth=*/1});
}

Result<Format> numerics::parseFormat(const std::string &text,
                                     const FormatRegistry &registry,
                                     size_t *errorOffset) {
  FormatLexer lexer{text};
  Result<Format> format = parseLevel({lexer, registry});
  if (format)
    if (Status s = parseColumns(lexer, registry, *format); !s)
      format = s;
  if (format) {
    lexer.skipSpace();
    if (lexer.position != text.size())
      format = lexer.expected("the end of the format");
  }
  if (!format && errorOffset)
    *errorOffset = lexer.errorOffset;
  return format;
}
