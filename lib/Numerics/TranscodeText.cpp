// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Transcodings in words.

#include "TranscodeParts.h"
#include "quern/Numerics/EncodeTensor.h"
#include <cmath>
#include <cstdio>

using namespace quern;
using namespace quern::numerics;

/// The element of a format alone.
static std::string elementText(const Element &element) {
  Format plain;
  plain.element = element;
  return printFormat(plain);
}

static std::string extentText(int64_t extent) {
  return extent == 0 ? "*" : std::to_string(extent);
}

static std::string granuleText(const Plane &plane) {
  return "[" + extentText(plane.granule.rows) + ", " +
         extentText(plane.granule.cols) + "]" + (plane.isFlat ? " flat" : "");
}

/// In the lowest terms, where both numbers are integers times a power of two.
static std::string ratioText(Ratio ratio) {
  double num = ratio.num, den = std::fabs(ratio.den);
  if (ratio.den < 0)
    num = -num;
  while (num != std::floor(num) || den != std::floor(den)) {
    num *= 2;
    den *= 2;
  }
  double a = std::fabs(num), b = den;
  while (b != 0) {
    double rest = std::fmod(a, b);
    a = b;
    b = rest;
  }
  std::string text = numberText(float(num / a));
  return den == a ? text : text + "/" + numberText(float(den / a));
}

//===----------------------------------------------------------------------===//
// What is lost
//===----------------------------------------------------------------------===//

std::string numerics::sharingLoss(const Plane &from, const Plane &to) {
  return "one " + to.path + " for " + granuleText(to) + " in place of one " +
         from.path + " for " + granuleText(from);
}

std::string numerics::valueLoss(float value, Ratio factor, bool isMagnitude,
                                const std::string &plane,
                                const Element &element) {
  std::string text =
      "the " + (plane == "code" ? "value" : plane) + " " + numberText(value);
  if (isMagnitude)
    text += ", its sign apart,";
  if (!factor.isOne())
    text += " times " + ratioText(factor);
  return text + " has no code in " + elementText(element);
}

std::string numerics::elementLoss(float misfit, const Format &from,
                                  const Format &to) {
  return "no factor takes the values of " + elementText(from.element) +
         " to values of " + elementText(to.element) + ", which has no " +
         numberText(misfit);
}

std::string numerics::elementKindLoss(const Format &from, const Format &to) {
  return "numbers of " + elementText(from.element) +
         " for which vectors or signs of " + elementText(to.element) +
         " would have to be found";
}

std::string numerics::zeroLoss(float zero, const Format &from,
                               const Format &to) {
  std::string text =
      elementText(from.element) + " less a zero point of " + numberText(zero);
  return text +
         (to.offsetKind == OffsetKind::Zero
              ? " is not " + elementText(to.element) +
                    " less any zero point of " + elementText(to.offset->element)
              : " has values that " + elementText(to.element) +
                    " has no codes for");
}

std::string numerics::addendLoss(const Format &from) {
  return std::string("an offset (") + offsetKeyword(from.offsetKind) +
         ") after scaling, which has no place";
}

std::string numerics::columnsLoss(const Format &from, const Format &to) {
  auto names = [](const Format &format) {
    std::string text;
    for (const ColumnTransform &link : format.columns)
      text +=
          (text.empty() ? "" : ", ") + std::string(columnKeyword(link.kind));
    return text.empty() ? std::string("as they are") : text;
  };
  return "columns " + names(to) + " in place of columns " + names(from);
}

std::string numerics::boundLoss(const Format &to, const ErrorBound &bound) {
  std::string what =
      "a value that is coded again in " + elementText(to.element);
  if (!to.isScaled())
    return what + " has no scale that follows it";
  return what + " may be wrong by " + numberText(float(bound.relative)) +
         " of the largest of its block, no better than 0 is";
}

//===----------------------------------------------------------------------===//
// What is done
//===----------------------------------------------------------------------===//

/// "codes + 8", "15 - codes" or a table.
static std::string tableText(const std::vector<CodeChange> &table) {
  if (table.empty())
    return "values by their codes";
  int32_t less = table.front().to - table.front().from;
  int32_t sum = table.front().to + table.front().from;
  bool isShift = true, isFlip = true;
  for (CodeChange change : table) {
    isShift &= change.to - change.from == less;
    isFlip &= change.to + change.from == sum;
  }
  if (isShift && less == 0)
    return "equal codes";
  if (isShift)
    return std::string("codes ") + (less < 0 ? "- " : "+ ") +
           std::to_string(std::abs(less));
  if (isFlip)
    return std::to_string(sum) + " - codes";
  return std::to_string(table.size()) + " codes by a table";
}

static std::string codesText(const Transcoding &transcoding, const Format &from,
                             const Format &to) {
  const LevelMap &map = transcoding.map;
  if (map.kind == LevelMap::Kind::Copy || map.copiesCodes)
    return "codes as they are";
  if (map.kind == LevelMap::Kind::Value)
    return "decoded values in " + elementText(to.element);
  int32_t zero = 0;
  bool hasZeros = from.offsetKind == OffsetKind::Zero;
  std::string text =
      hasZeros ? "codes and zero points by a table"
               : tableText(codeTable(transcoding, from, to, false, 0, &zero));
  if (from.element.isComposite())
    text = "a code for each value of a vector";
  if (!map.factor.isOne())
    text += ", values times " + ratioText(map.factor);
  if (!hasZeros && to.offsetKind == OffsetKind::Zero) {
    Format point = *to.offset;
    CodedTensor one{1, 1, {{"code", {1, 1, {zero}}}}};
    text += ", zero point " + numberText(decodeRows(point, one)[0]);
  }
  if (map.takesSign)
    text += ", flipped where the scale is negative";
  return text;
}

/// Of scales or offsets.
static std::string mapText(const std::string &what, const LevelMap &map,
                           const Format &to) {
  if (map.kind == LevelMap::Kind::Copy)
    return what + "s as they are";
  if (map.kind == LevelMap::Kind::Value) {
    std::string text = what + "s in " + elementText(to.element);
    if (map.isMagnitude)
      text = "magnitudes of " + text;
    return map.factor.isOne() ? text
                              : text + ", times " + ratioText(map.factor);
  }
  bool isCopy = map.copiesCodes && map.factor.isOne() && !map.makesScales &&
                map.scale->kind == LevelMap::Kind::Copy;
  return what + (isCopy ? "s as they are" : "s, level by level");
}

/// Planes of `to` that have more codes than those of `from`.
static std::string repetitionText(const Format &from, const Format &to) {
  std::string text;
  std::vector<Plane> planes = planesOf(from);
  for (const Plane &plane : planesOf(to))
    for (const Plane &before : planes)
      if (plane.path == before.path && plane.path != "code" &&
          granuleText(plane) != granuleText(before))
        text += (text.empty() ? "" : ", ") + plane.path + " repeated from " +
                granuleText(before) + " to " + granuleText(plane);
  return text;
}

std::vector<std::string> numerics::exactDetails(const Transcoding &transcoding,
                                                const Format &from,
                                                const Format &to) {
  if (transcoding.isLayoutOnly)
    return {"all codes as they are"};
  const LevelMap &map = transcoding.map;
  std::vector<std::string> details = {codesText(transcoding, from, to)};
  if (map.makesScales)
    details.push_back("scales of " + numberText(map.madeScale));
  if (map.scale)
    details.push_back(mapText("scale", *map.scale, *to.scale));
  if (map.offset)
    details.push_back(mapText("offset", *map.offset, *to.offset));
  else if (map.kind == LevelMap::Kind::Scaled && to.offset &&
           to.offsetKind != OffsetKind::Zero)
    details.push_back("offsets of 0");
  if (map.zero)
    details.push_back(mapText("zero point", *map.zero, *to.offset));
  if (std::string text = repetitionText(from, to); !text.empty())
    details.push_back(text);
  return details;
}

static std::string boundText(const Transcoding &transcoding) {
  char text[160];
  std::snprintf(
      text, sizeof text,
      "error at most %.3g of the largest value of a block + %.2g, for "
      "values up to %.3g",
      transcoding.bound.relative, transcoding.bound.absolute,
      transcoding.largest);
  return text;
}

std::string Transcoding::text() const {
  std::string text = transcodingKindName(kind);
  if (kind == TranscodingKind::Exact && isLayoutOnly)
    text += ", by layout only";
  std::string list;
  for (const std::string &detail : details)
    list += (list.empty() ? "" : "; ") + detail;
  text += ": " + list;
  if (kind == TranscodingKind::Bounded)
    text += "; " + boundText(*this);
  return text;
}
