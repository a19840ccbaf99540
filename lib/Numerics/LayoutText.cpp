// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Text of layouts, and the layouts that Quern ships.

#include "EmbeddedText.h"
#include "quern/Numerics/Layout.h"
#include <algorithm>
#include <cctype>

namespace quern::numerics {

namespace {

/// A recursive-descent parser; each parse function returns false after `fail`.
class LayoutParser {
public:
  explicit LayoutParser(const std::string &text) : text(text) {}

  bool parse(Layout &layout) {
    do {
      layout.segments.emplace_back();
      if (!parseSegment(layout.segments.back()))
        return false;
    } while (accept('+'));
    skipSpace();
    return position == text.size() || fail("'+' or the end of the layout");
  }

  std::string message;
  size_t errorOffset = 0;

private:
  void skipSpace() {
    while (position < text.size() &&
           std::isspace((unsigned char)text[position]))
      ++position;
  }

  bool fail(const std::string &expected) {
    skipSpace();
    size_t end = position;
    while (end < text.size() && std::isalnum((unsigned char)text[end]))
      ++end;
    if (end == position && end < text.size())
      ++end;
    std::string found = position == text.size()
                            ? "the end of the text"
                            : "'" + text.substr(position, end - position) + "'";
    message = "expects " + expected + ", but got " + found;
    errorOffset = position;
    return false;
  }

  bool accept(char c) {
    skipSpace();
    if (position == text.size() || text[position] != c)
      return false;
    ++position;
    return true;
  }

  bool expect(char c) { return accept(c) || fail(std::string("'") + c + "'"); }

  /// A keyword, not merely the beginning of a longer word.
  bool acceptWord(const std::string &word) {
    skipSpace();
    size_t end = position + word.size();
    if (text.compare(position, word.size(), word) != 0 ||
        (end < text.size() && std::isalnum((unsigned char)text[end])))
      return false;
    position = end;
    return true;
  }

  bool parseInteger(int64_t &value, int64_t least, int64_t most) {
    skipSpace();
    size_t begin = position;
    value = 0;
    while (position < text.size() &&
           std::isdigit((unsigned char)text[position]) && value <= most)
      value = value * 10 + (text[position++] - '0');
    if (position > begin && value >= least && value <= most)
      return true;
    position = begin;
    return fail("an integer from " + std::to_string(least) + " to " +
                std::to_string(most));
  }

  bool parseExtent(int64_t &extent) {
    extent = 0;
    return accept('*') || parseInteger(extent, 1, mostExtent);
  }

  bool parseFlat(Segment &segment) {
    skipSpace();
    size_t begin = position;
    segment.isFlat = acceptWord("flat");
    if (!segment.isFlat || segment.tileRows == 1)
      return true;
    position = begin;
    return fail("a tile of 1 row before 'flat'");
  }

  bool parseSegment(Segment &segment) {
    if (!acceptWord("tile"))
      return fail("'tile'");
    if (!expect('[') || !parseExtent(segment.tileRows) || !expect(',') ||
        !parseExtent(segment.tileCols) || !expect(']') || !parseFlat(segment))
      return false;
    if (acceptWord("order") && !parseDigits(segment.order))
      return false;
    if (!parseInteger(segment.tileBytes, 1, mostBytes) || !expect('B') ||
        !expect('{'))
      return false;
    do {
      segment.pieces.emplace_back();
      if (!parsePiece(segment.pieces.back()))
        return false;
    } while (accept(';'));
    return accept('}') || fail("';' or '}'");
  }

  bool parsePath(std::string &path) {
    skipSpace();
    size_t begin = position;
    while (
        position < text.size() &&
        (std::isalpha((unsigned char)text[position]) || text[position] == '.'))
      ++position;
    path = text.substr(begin, position - begin);
    return !path.empty() || fail("the name of a plane");
  }

  bool parsePiece(Piece &piece) {
    if (!parsePath(piece.plane))
      return false;
    if (accept('{')) {
      int64_t low, high;
      if (!parseInteger(low, 0, 31) || !expect(':') ||
          !parseInteger(high, low + 1, 32) || !expect('}'))
        return false;
      piece.bitLo = unsigned(low);
      piece.bitHi = unsigned(high);
    }
    if (accept('['))
      if (!parseInteger(piece.colBegin, 0, mostExtent) || !expect(':') ||
          !parseInteger(piece.colEnd, piece.colBegin + 1, mostExtent) ||
          !expect(']'))
        return false;
    if (!expect('@') || !parseInteger(piece.base, 0, mostBits))
      return false;
    if (acceptWord("row") && !parseDigits(piece.rows, /*maySink=*/true))
      return false;
    if (acceptWord("col") && !parseDigits(piece.cols, /*maySink=*/true))
      return false;
    int64_t radix = 0;
    if (acceptWord("radix") && !parseInteger(radix, 2, 255))
      return false;
    piece.radix = unsigned(radix);
    piece.flipTopBit = acceptWord("flip");
    int64_t less = 0;
    if (!piece.flipTopBit && acceptWord("less") &&
        !parseInteger(less, 0, UINT32_MAX))
      return false;
    piece.less = uint32_t(less);
    return true;
  }

  /// `maySink`: whether strides may be negative.
  bool parseDigits(std::vector<Digit> &digits, bool maySink = false) {
    if (!expect('('))
      return false;
    do {
      Digit digit;
      if (!parseInteger(digit.extent, 1, mostExtent) || !expect(':'))
        return false;
      bool sinks = maySink && accept('-');
      if (!parseInteger(digit.stride, 0, mostBits))
        return false;
      if (sinks)
        digit.stride = -digit.stride;
      digits.push_back(digit);
    } while (accept(','));
    return accept(')') || fail("',' or ')'");
  }

  static constexpr int64_t mostExtent = int64_t(1) << 40;
  static constexpr int64_t mostBytes = int64_t(1) << 50;
  static constexpr int64_t mostBits = mostBytes * 8;

  const std::string &text;
  size_t position = 0;
};

} // namespace

Result<Layout> parseLayout(const std::string &text, size_t *errorOffset) {
  LayoutParser parser(text);
  Layout layout;
  if (parser.parse(layout))
    return layout;
  if (errorOffset)
    *errorOffset = parser.errorOffset;
  return Status::error(StatusCode::InvalidArgument, parser.message);
}

static std::string extentText(int64_t extent) {
  return extent == 0 ? "*" : std::to_string(extent);
}

static std::string digitsText(const char *axis,
                              const std::vector<Digit> &digits) {
  if (digits.empty())
    return "";
  std::string out;
  for (const Digit &digit : digits)
    out += (out.empty() ? "" : ", ") + std::to_string(digit.extent) + ":" +
           std::to_string(digit.stride);
  return std::string(" ") + axis + "(" + out + ")";
}

static std::string pieceText(const Piece &piece) {
  std::string out = piece.plane;
  if (piece.bitHi != 0)
    out += "{" + std::to_string(piece.bitLo) + ":" +
           std::to_string(piece.bitHi) + "}";
  if (piece.colEnd != 0)
    out += "[" + std::to_string(piece.colBegin) + ":" +
           std::to_string(piece.colEnd) + "]";
  return out + " @" + std::to_string(piece.base) +
         digitsText("row", piece.rows) + digitsText("col", piece.cols) +
         (piece.radix == 0 ? "" : " radix " + std::to_string(piece.radix)) +
         (piece.flipTopBit ? " flip" : "") +
         (piece.less == 0 ? "" : " less " + std::to_string(piece.less));
}

std::string printLayout(const Layout &layout) {
  std::string out;
  for (const Segment &segment : layout.segments) {
    out += (out.empty() ? "" : " + ") +
           ("tile [" + extentText(segment.tileRows)) + ", " +
           extentText(segment.tileCols) + "]" +
           (segment.isFlat ? " flat" : "") + digitsText("order", segment.order);
    out += " " + std::to_string(segment.tileBytes) + "B {";
    const char *separator = " ";
    for (const Piece &piece : segment.pieces) {
      out += separator + pieceText(piece);
      separator = "; ";
    }
    out += " }";
  }
  return out;
}

using NamedLayout = std::pair<std::string, Layout>;

/// Reads lines `name = layout`. The shipped text is tested to parse, so lines
/// that do not are left out here and missed there.
static std::vector<NamedLayout> readShipped() {
  std::vector<NamedLayout> named;
  const std::string text = builtinLayoutsText;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    line = line.substr(0, line.find('#'));
    size_t equals = line.find(" = ");
    if (equals == std::string::npos)
      continue;
    if (auto layout = parseLayout(line.substr(equals + 3)))
      named.emplace_back(line.substr(0, equals), std::move(*layout));
  }
  return named;
}

static const std::vector<NamedLayout> &shippedLayouts() {
  static const std::vector<NamedLayout> named = readShipped();
  return named;
}

const Layout *lookupLayout(const std::string &name) {
  for (const NamedLayout &named : shippedLayouts())
    if (named.first == name)
      return &named.second;
  return nullptr;
}

std::vector<std::string> layoutNames() {
  std::vector<std::string> names;
  for (const NamedLayout &named : shippedLayouts())
    names.push_back(named.first);
  return names;
}

} // namespace quern::numerics
