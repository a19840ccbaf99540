// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Parsing of the column transforms behind a format.
//
//   columns := ',' 'columns' ( 'ordered'
//                            | 'apart' INTEGER operand
//                            | 'scaled' FLOAT-TYPE
//                            | 'rotated' INTEGER )

#include "FormatText.h"

using namespace quern;
using namespace quern::numerics;

/// Links of a chain; more have no use and only cost time.
static constexpr size_t maxColumnTransforms = 8;

static Status parseApart(FormatLexer &lexer, const FormatRegistry &registry,
                         ColumnTransform &transform) {
  transform.kind = ColumnKind::Apart;
  Result<int64_t> count = lexer.integer(1, kMostTransformedColumns - 1,
                                        "a number of columns from 1 to 65534");
  if (!count)
    return count.status();
  transform.count = *count;
  Result<Format> data = parseOperand(lexer, registry);
  if (!data)
    return data.status();
  transform.data = std::make_shared<const Format>(*data);
  return Status::ok();
}

static Status parseScaled(FormatLexer &lexer, const FormatRegistry &registry,
                          ColumnTransform &transform) {
  transform.kind = ColumnKind::Scaled;
  lexer.skipSpace();
  size_t begin = lexer.position;
  Result<Format> data = parseOperand(lexer, registry);
  if (!data)
    return data.status();
  unsigned bits = data->element.bits;
  bool isFloat = !data->isScaled() &&
                 data->element.kind == ElementKind::Float &&
                 (bits == 8 || bits == 16 || bits == 32);
  if (!isFloat)
    return lexer.errorAt(begin, "expects a float of 8, 16 or 32 bits for "
                                "the scales of columns, but got " +
                                    printFormat(*data));
  transform.data = std::make_shared<const Format>(*data);
  return Status::ok();
}

static Status parseRotated(FormatLexer &lexer, ColumnTransform &transform) {
  transform.kind = ColumnKind::Rotated;
  lexer.skipSpace();
  size_t begin = lexer.position;
  const char *what = "a power of two from 2 to 32768";
  Result<int64_t> count = lexer.integer(2, kMostTransformedColumns - 1, what);
  if (!count)
    return count.status();
  if ((*count & (*count - 1)) != 0) {
    lexer.position = begin;
    return lexer.expected(what);
  }
  transform.count = *count;
  return Status::ok();
}

static Status parseTransform(FormatLexer &lexer, const FormatRegistry &registry,
                             ColumnTransform &transform) {
  if (lexer.takeWord("ordered"))
    return Status::ok();
  if (lexer.takeWord("apart"))
    return parseApart(lexer, registry, transform);
  if (lexer.takeWord("scaled"))
    return parseScaled(lexer, registry, transform);
  if (lexer.takeWord("rotated"))
    return parseRotated(lexer, transform);
  return lexer.expected("'ordered', 'apart', 'scaled' or 'rotated'");
}

Status numerics::parseColumns(FormatLexer &lexer,
                              const FormatRegistry &registry, Format &format) {
  while (lexer.take(',')) {
    lexer.skipSpace();
    size_t begin = lexer.position;
    if (!lexer.takeWord("columns"))
      return lexer.expected("'columns'");
    if (format.columns.size() == maxColumnTransforms)
      return lexer.errorAt(begin, "expects at most " +
                                      std::to_string(maxColumnTransforms) +
                                      " column transforms, but got more");
    ColumnTransform transform;
    if (Status s = parseTransform(lexer, registry, transform); !s)
      return s;
    format.columns.push_back(std::move(transform));
  }
  return Status::ok();
}
