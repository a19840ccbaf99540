// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The proof that codes of one format can become codes of another, or what
// stands in its way.

#include "quern/Numerics/Transcode.h"
#include "ExactCodes.h"
#include "TranscodeParts.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

using namespace quern;
using namespace quern::numerics;

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Whether each granule of an axis lies in one of `from`.
static bool covers(int64_t from, int64_t to) {
  return from == 0 || (to != 0 && from % to == 0);
}

bool numerics::coversGranule(const Plane &from, const Plane &to) {
  BlockShape a = from.granule, b = to.granule;
  bool isSingle = b.rows == 1 && b.cols == 1;
  if (isSingle || (a.cols == 0 && (a.rows == 0 || from.isFlat)))
    return true;
  if (from.isFlat == to.isFlat)
    return from.isFlat ? covers(a.cols, b.cols)
                       : covers(a.rows, b.rows) && covers(a.cols, b.cols);
  // Runs of one row on either side: their length divides where blocks of the
  // other side begin, as long as it divides the rows of the tensor.
  if (from.isFlat)
    return b.rows == 1 && !to.isPartial && b.cols != 0 && a.cols % b.cols == 0;
  return !from.isPartial && a.cols != 0 && b.cols != 0 && a.cols % b.cols == 0;
}

namespace {
using Map = std::shared_ptr<const LevelMap>;

/// Where a level is in its tree.
struct Level {
  const Format *format;
  std::string path; ///< "" for the root

  std::string plane() const { return path.empty() ? "code" : path; }
  Level scale() const {
    return {format->scale.get(), childPath(path, "scale")};
  }
  Level offset() const {
    return {format->offset.get(),
            childPath(path, offsetKeyword(format->offsetKind))};
  }
  bool hasZero() const { return format->offsetKind == OffsetKind::Zero; }
  /// An offset in the domain of values.
  bool hasAddend() const {
    return format->offsetKind != OffsetKind::None && !hasZero();
  }
};

/// The search for a map from one tree to another. Each function returns null
/// after it has added to `losses` what is in the way.
class Matcher {
public:
  Matcher(const Format &from, const Format &to)
      : from(from), to(to), fromPlanes(planesOf(from)), toPlanes(planesOf(to)) {
  }

  Map run() { return match({&from, ""}, {&to, ""}, Ratio(), false); }
  std::vector<std::string> takeLosses() { return std::move(losses); }

private:
  Map match(const Level &a, const Level &b, Ratio factor, bool isMagnitude);
  Map matchValues(const Level &a, const Level &b, Ratio factor,
                  bool isMagnitude);
  Map matchScaled(const Level &a, const Level &b, Ratio sign);
  bool matchEqualElements(const Level &a, const Level &b, LevelMap &map);
  bool matchElements(const Level &a, const Level &b, Ratio r, LevelMap &map);
  bool matchScales(const Level &a, const Level &b, Ratio factor, LevelMap &map);
  bool matchOffsets(const Level &a, const Level &b, Ratio sign, LevelMap &map);
  bool findTables(const Level &a, const Level &b, Ratio r);
  bool checkValues(const Level &a, const Level &b, Ratio factor,
                   bool isMagnitude);
  bool checkGranules(const Level &a, const Level &b, bool wholeTree);
  bool checkZeros(const Level &a, const Level &b, bool takesSign);
  const Plane &planeOf(const std::vector<Plane> &planes,
                       const std::string &path) const {
    return *std::find_if(planes.begin(), planes.end(),
                         [&](const Plane &p) { return p.path == path; });
  }
  bool fail(std::string text) {
    if (std::find(losses.begin(), losses.end(), text) == losses.end())
      losses.push_back(std::move(text));
    return false;
  }
  Map lose(std::string text) {
    fail(std::move(text));
    return nullptr;
  }

  const Format &from, &to;
  std::vector<Plane> fromPlanes, toPlanes;
  std::vector<std::string> losses;
  bool isExhausted = false; ///< there were more numbers than can be tried
};
} // namespace

/// Codes of the level `b` are shared by no more elements than those of `a`, or
/// with `wholeTree`, than those of all levels below it.
bool Matcher::checkGranules(const Level &a, const Level &b, bool wholeTree) {
  const Plane &shared = planeOf(toPlanes, b.plane());
  for (const Plane &plane : fromPlanes) {
    bool isBelow = a.path.empty() || plane.path.rfind(a.path + ".", 0) == 0;
    if (plane.path != a.plane() && !(wholeTree && isBelow))
      continue;
    if (!coversGranule(plane, shared))
      return fail(sharingLoss(plane, shared));
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Levels without scales
//===----------------------------------------------------------------------===//

bool Matcher::checkValues(const Level &a, const Level &b, Ratio factor,
                          bool isMagnitude) {
  const Element &element = b.format->element;
  bool holdsAll = element.kind == ElementKind::Float &&
                  element.floatType == lookupFloatType("f32");
  if (holdsAll && factor.isSign())
    return true;
  std::optional<float> missing;
  bool isComplete = visitValues(*a.format, [&](float value) {
    auto wanted = exactProduct(isMagnitude ? std::fabs(value) : value, factor);
    if (wanted && exactCode(element, *wanted))
      return true;
    missing = value;
    return false;
  });
  isExhausted |= !missing && !isComplete;
  if (missing)
    lose(valueLoss(*missing, factor, isMagnitude, b.plane(), element));
  else if (!isComplete)
    lose("the " + b.plane() +
         "s are of more numbers than can be tried, and not all are known to "
         "have a code");
  return !missing && isComplete;
}

Map Matcher::matchValues(const Level &a, const Level &b, Ratio factor,
                         bool isMagnitude) {
  if (b.format->element.isComposite())
    return lose("numbers that vectors and signs would have to be found for");
  LevelMap map;
  map.kind = LevelMap::Kind::Value;
  map.factor = factor;
  map.isMagnitude = isMagnitude;
  bool fits = checkGranules(a, b, true);
  if (!checkValues(a, b, factor, isMagnitude) || !fits)
    return nullptr;
  return std::make_shared<const LevelMap>(map);
}

Map Matcher::match(const Level &a, const Level &b, Ratio factor,
                   bool isMagnitude) {
  bool isCopy = !a.format->isScaled() && !b.format->isScaled() &&
                a.format->element == b.format->element && factor.isOne() &&
                !isMagnitude;
  if (isCopy)
    return checkGranules(a, b, false) ? std::make_shared<const LevelMap>()
                                      : nullptr;
  if (!b.format->isScaled())
    return matchValues(a, b, factor, isMagnitude);
  if (isMagnitude)
    return lose("negative scales, which those of two levels do not take");
  if (!factor.isSign())
    return lose("a factor on scales that have scales of their own");
  return matchScaled(a, b, factor);
}

//===----------------------------------------------------------------------===//
// Levels with scales
//===----------------------------------------------------------------------===//

/// Whether there is a table for every zero point of `a`.
bool Matcher::findTables(const Level &a, const Level &b, Ratio r) {
  ElementValues values(a.format->element);
  const Element *zero = b.hasZero() ? &b.format->offset->element : nullptr;
  TableEnds ends = {&values, &b.format->element, zero};
  float misfit = 0;
  auto hasTable = [&](float z) {
    return findTable(ends, r, z, &misfit) && values.isComplete();
  };
  if (!a.hasZero()) {
    if (hasTable(0))
      return true;
    if (r.isOne())
      lose(elementLoss(misfit, *a.format, *b.format));
    return false;
  }
  float bad = 0;
  bool isComplete = visitValues(*a.format->offset, [&](float z) {
    bad = z;
    return hasTable(z);
  });
  if (!isComplete && r.isOne())
    lose(zeroLoss(bad, *a.format, *b.format));
  return isComplete;
}

/// What zero points depend on, they must not share more than.
bool Matcher::checkZeros(const Level &a, const Level &b, bool takesSign) {
  if (!b.hasZero())
    return true;
  bool fits = !takesSign || checkGranules(a.scale(), b.offset(), true);
  return (!a.hasZero() || checkGranules(a.offset(), b.offset(), true)) && fits;
}

/// Equal elements keep their codes, if zero points can be kept with them.
bool Matcher::matchEqualElements(const Level &a, const Level &b,
                                 LevelMap &map) {
  if (!(a.format->element == b.format->element) || a.hasZero() != b.hasZero())
    return false;
  if (a.hasZero())
    map.zero = match(a.offset(), b.offset(), Ratio(), false);
  map.copiesCodes = !a.hasZero() || map.zero;
  return map.copiesCodes;
}

/// Whether elements of `a` times r are elements of `b`.
bool Matcher::matchElements(const Level &a, const Level &b, Ratio r,
                            LevelMap &map) {
  const Format &x = *a.format, &y = *b.format;
  map.factor = r;
  map.copiesCodes = false;
  map.zero = nullptr;
  size_t before = losses.size();
  if (r.isOne() && matchEqualElements(a, b, map))
    return true;
  if (losses.size() != before && x.element.isComposite())
    return false;
  if (y.element.isComposite())
    return r.isOne() && fail(elementKindLoss(x, y));
  if (b.hasZero() && y.offset->isScaled())
    return r.isOne() && fail("zero points that have scales of their own");
  if (!findTables(a, b, r) || !checkZeros(a, b, false))
    return false;
  losses.resize(before);
  return true;
}

/// Scales of `b` are those of `a` times `factor`.
bool Matcher::matchScales(const Level &a, const Level &b, Ratio factor,
                          LevelMap &map) {
  const Format &scale = *b.format->scale;
  map.makesScales = !a.format->isScaled();
  if (map.makesScales) {
    std::optional<float> value = exactProduct(1, factor);
    map.madeScale = value.value_or(1);
    bool fits = !scale.isScaled() && value && exactCode(scale.element, *value);
    return fits || fail("a scale of 1 for numbers that had none");
  }
  if (a.format->dividesByScale != b.format->dividesByScale)
    return fail("numbers divided by a scale where the other multiplies, which "
                "rounds otherwise");
  size_t before = losses.size();
  map.scale = match(a.scale(), b.scale(), factor, false);
  if (map.scale)
    return true;
  // Magnitudes, where codes can be flipped for it.
  std::vector<std::string> direct(losses.begin() + long(before), losses.end());
  losses.resize(before);
  LevelMap flipped;
  map.scale = match(a.scale(), b.scale(), factor, true);
  map.takesSign = map.scale &&
                  matchElements(a, b, map.factor.negated(), flipped) &&
                  checkZeros(a, b, true);
  if (map.takesSign && map.copiesCodes && !flipped.copiesCodes) {
    map.copiesCodes = false; // both signs by tables
    map.zero = nullptr;
    map.takesSign = findTables(a, b, map.factor) && checkZeros(a, b, true);
  }
  if (map.takesSign)
    return true;
  losses.resize(before);
  for (std::string &loss : direct)
    lose(std::move(loss));
  return false;
}

/// Values that are added after the product.
bool Matcher::matchOffsets(const Level &a, const Level &b, Ratio sign,
                           LevelMap &map) {
  map.offset = nullptr;
  if (!a.hasAddend() && !b.hasAddend())
    return true;
  if (!b.hasAddend())
    return fail(addendLoss(*a.format));
  if (!a.hasAddend())
    return canBeZero(*b.format->offset) ||
           fail("an offset of 0 beside values that have none");
  bool aSubtracts = a.format->offsetKind == OffsetKind::Min;
  bool bSubtracts = b.format->offsetKind == OffsetKind::Min;
  map.offset = match(a.offset(), b.offset(),
                     aSubtracts == bSubtracts ? sign : sign.negated(), false);
  return map.offset != nullptr;
}

Map Matcher::matchScaled(const Level &a, const Level &b, Ratio sign) {
  LevelMap map;
  map.kind = LevelMap::Kind::Scaled;
  bool offsetsFit = matchOffsets(a, b, sign, map);
  bool granulesFit = checkGranules(a, b, false);
  ElementValues values(a.format->element);
  std::vector<Ratio> candidates =
      factorCandidates({&values, &b.format->element,
                        b.hasZero() ? &b.format->offset->element : nullptr});
  bool hasElements = false;
  for (Ratio r : candidates) {
    if (!matchElements(a, b, r, map))
      continue;
    // s' = s sign / r; a divisor is s r / sign
    Ratio scales = {r.den * sign.num, r.num * sign.den};
    if (b.format->dividesByScale)
      scales = scales.inverse();
    size_t before = losses.size();
    if (matchScales(a, b, scales, map))
      return offsetsFit && granulesFit ? std::make_shared<const LevelMap>(map)
                                       : nullptr;
    if (hasElements) // what the likeliest factor meets is told
      losses.resize(before);
    hasElements = true;
    // No factor helps where blocks are in the way, or scales have scales.
    bool mayHelp =
        a.format->isScaled() && !b.format->scale->isScaled() && !isExhausted;
    if (!mayHelp || !checkGranules(a.scale(), b.scale(), true))
      break;
  }
  if (!hasElements) // what else there is
    matchScales(a, b, sign, map);
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Answers
//===----------------------------------------------------------------------===//

const char *numerics::transcodingKindName(TranscodingKind kind) {
  switch (kind) {
  case TranscodingKind::Exact:
    return "exact";
  case TranscodingKind::Bounded:
    return "bounded";
  case TranscodingKind::Impossible:
    break;
  }
  return "impossible";
}

/// The bound for values that are decoded and coded again.
static void bound(Transcoding &result, const Format &to) {
  result.bound = encodeErrorBound(to);
  result.largest = largestEncodable(to);
  bool follows = to.isScaled() || to.element.kind == ElementKind::Float;
  result.kind = follows && result.bound.relative < 1
                    ? TranscodingKind::Bounded
                    : TranscodingKind::Impossible;
  if (result.kind == TranscodingKind::Impossible)
    result.details.push_back(boundLoss(to, result.bound));
}

static Transcoding decide(const Format &from, const Format &to) {
  Transcoding result;
  if (from.columns != to.columns) {
    result.details.push_back(columnsLoss(from, to));
    bound(result, to);
    return result;
  }
  Matcher matcher(from, to);
  if (Map map = matcher.run()) {
    result.kind = TranscodingKind::Exact;
    result.isLayoutOnly = decodesAs(from, to);
    result.map = *map;
    result.details = exactDetails(result, from, to);
    return result;
  }
  result.details = matcher.takeLosses();
  bound(result, to);
  return result;
}

Transcoding numerics::classifyTranscoding(const Format &from,
                                          const Format &to) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, std::string>, Transcoding> known;
  std::pair<std::string, std::string> key = {printFormat(from),
                                             printFormat(to)};
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = known.find(key);
    if (found != known.end())
      return found->second;
  }
  Transcoding result = decide(from, to);
  std::lock_guard<std::mutex> lock(mutex);
  known.emplace(std::move(key), result);
  return result;
}
