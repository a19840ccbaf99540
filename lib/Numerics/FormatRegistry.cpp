// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats and codebooks by name, read from lines of text.

#include "EmbeddedText.h"
#include "FormatText.h"
#include "quern/Base/MappedFile.h"
#include "quern/Numerics/FormatDiagnostics.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace quern;
using namespace quern::numerics;

static std::string lowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : char(c);
  });
  return text;
}

const FormatRegistry &FormatRegistry::builtin() {
  static const FormatRegistry registry = [] {
    FormatRegistry result;
    // The texts are part of the build, and a unit test reads them.
    Status s = result.addText(builtinCodebooksText, "codebooks.txt");
    if (s)
      s = result.addText(builtinFormatsText, "formats.txt");
    if (!s) {
      fprintf(stderr, "%s\n", s.message().c_str());
      abort();
    }
    return result;
  }();
  return registry;
}

const Format *FormatRegistry::lookup(const std::string &name) const {
  std::string wanted = lowerCase(name);
  for (const auto &[key, format] : formats)
    if (lowerCase(key) == wanted)
      return &format;
  return nullptr;
}

const Codebook *FormatRegistry::lookupCodebook(const std::string &name) const {
  for (const auto &[key, codebook] : codebooks)
    if (key == name)
      return &codebook;
  return nullptr;
}

std::vector<std::string> FormatRegistry::names() const {
  std::vector<std::string> result;
  for (const auto &[name, format] : formats)
    result.push_back(name);
  return result;
}

std::string FormatRegistry::nameOf(const Format &format) const {
  for (const auto &[name, known] : formats)
    if (known == format)
      return name;
  return "";
}

std::string FormatRegistry::codebookNameOf(const Codebook &codebook) const {
  for (const auto &[name, known] : codebooks)
    if (known == codebook)
      return name;
  return "";
}

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

Status FormatRegistry::addCodebook(FormatLexer &lexer) {
  lexer.skipSpace();
  size_t begin = lexer.position;
  std::string name = lexer.peekWord();
  if (name.empty())
    return lexer.expected("the name of a codebook");
  if (lookupCodebook(name))
    return lexer.errorAt(begin, "expects a new name, but codebook '" + name +
                                    "' exists already");
  lexer.position += name.size();
  if (!lexer.take('='))
    return lexer.expected("'='");
  Result<Codebook> codebook = parseCodebook(lexer);
  if (!codebook)
    return codebook.status();
  lexer.skipSpace();
  if (lexer.position != lexer.text.size())
    return lexer.expected("the end of the line");
  codebooks.push_back({name, std::move(*codebook)});
  return Status::ok();
}

Status FormatRegistry::addLine(FormatLexer &lexer) {
  if (lexer.takeWord("codebook"))
    return addCodebook(lexer);
  size_t begin = lexer.position;
  std::string name = lexer.peekWord();
  if (name.empty())
    return lexer.expected("'name = format' or 'codebook name = [values]'");
  lexer.position += name.size();
  if (!lexer.take('='))
    return lexer.expected("'=' after the name of a format");
  size_t valueBegin = lexer.position;
  size_t offset = 0;
  Result<Format> format =
      parseFormat(lexer.text.substr(valueBegin), *this, &offset);
  if (!format)
    return lexer.errorAt(valueBegin + offset, format.status().message());
  if (const Format *known = lookup(name))
    return lexer.errorAt(begin, "expects a new name, but '" + name +
                                    "' is already " + printFormat(*known));
  formats.push_back({name, *format});
  return Status::ok();
}

/// "line:column: message", then the line and a caret, for an offset in an entry
/// that begins at `firstLine`.
static std::string placeIn(const std::string &entry, size_t firstLine,
                           size_t offset, const std::string &message) {
  auto at = entry.begin() + std::ptrdiff_t(offset);
  size_t line = firstLine + size_t(std::count(entry.begin(), at, '\n'));
  size_t begin = offset == 0 ? 0 : entry.rfind('\n', offset - 1) + 1;
  size_t end = std::min(entry.find('\n', offset), entry.size());
  return std::to_string(line) + ":" + std::to_string(offset - begin + 1) +
         ": " + message +
         pointAt(entry.substr(begin, end - begin), offset - begin);
}

Status FormatRegistry::addText(const std::string &text,
                               const std::string &fileName) {
  size_t lineNumber = 0, firstLine = 1;
  std::string entry;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++lineNumber;
    line.resize(std::min(line.find('#'), line.size()));
    if (entry.empty())
      firstLine = lineNumber;
    entry += (entry.empty() ? "" : "\n") + line;
    // An open brace holds the words of a codebook, which may go on.
    bool isOpen = entry.find('{') < entry.size() &&
                  entry.find('}') == std::string::npos && begin < text.size();
    if (isOpen)
      continue;
    FormatLexer lexer{entry};
    lexer.skipSpace();
    if (lexer.position != entry.size())
      if (Status s = addLine(lexer); !s)
        return Status::error(
            s.code(),
            fileName + ":" +
                placeIn(entry, firstLine, lexer.errorOffset, s.message()));
    entry.clear();
  }
  return Status::ok();
}

Status FormatRegistry::addFile(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  Span<const uint8_t> bytes = file->bytes();
  return addText(std::string(bytes.begin(), bytes.end()), path);
}

Result<Format> FormatRegistry::resolve(const std::string &text,
                                       size_t *errorOffset) const {
  if (const Format *format = lookup(text))
    return *format;
  Result<Format> format = parseFormat(text, *this, errorOffset);
  bool isWord = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return isalnum(c) || c == '_';
  });
  if (format || !isWord)
    return format;
  std::string known;
  for (const std::string &name : names())
    known += (known.empty() ? "" : ", ") + name;
  return Status::error(StatusCode::NotFound,
                       "expects the name or text of a format, but got '" +
                           text + "'; known names are " + known);
}
