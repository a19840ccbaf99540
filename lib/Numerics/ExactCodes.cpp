// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Exact codes, and tables of them.

#include "ExactCodes.h"
#include "quern/Numerics/Decode.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

using namespace quern;
using namespace quern::numerics;

std::optional<float> numerics::exactProduct(double value, Ratio factor) {
  if (factor.isOne())
    return float(value);
  // The quotient of doubles is exact where it is a binary32, and the products
  // of numbers of 24 bits that decide it are so, too.
  double product = value * factor.num;
  float rounded = float(product / factor.den);
  if (!std::isfinite(rounded) || double(rounded) * factor.den != product)
    return std::nullopt;
  return rounded;
}

static std::optional<int32_t> exactInt(const Element &e, float value) {
  double code = (double(value) - double(e.addend)) / double(e.multiplier);
  if (!(code >= lowestCodeOf(e) && code <= highestCodeOf(e)))
    return std::nullopt;
  auto whole = int32_t(code);
  if (e.valueOf(whole) != value)
    return std::nullopt;
  return whole;
}

static std::optional<int32_t> exactFloat(const FloatType &type, float value) {
  if (!std::isfinite(value) || (value < 0 && !type.hasSign))
    return std::nullopt;
  ScalarValues v;
  int32_t code = encodeFloat(v, type, value == 0 ? 0.0f : value);
  if (decodeFloat(v, type, code) != value)
    return std::nullopt;
  return code;
}

std::optional<int32_t> numerics::exactCode(const Element &element,
                                           float value) {
  if (element.isComposite())
    return std::nullopt;
  switch (element.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float:
    return exactFloat(*element.floatType, value);
  case ElementKind::Codebook: {
    const std::vector<float> &table = element.codebook.values;
    auto found = std::find(table.begin(), table.end(), value);
    if (found == table.end())
      return std::nullopt;
    return int32_t(found - table.begin());
  }
  }
  return exactInt(element, value);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Of binary32: what the types of fewer bits lack.
static std::vector<float> samplesOfF32() {
  const float largest = std::numeric_limits<float>::max();
  const float least = std::numeric_limits<float>::denorm_min();
  const float fine = 1 + std::numeric_limits<float>::epsilon();
  std::vector<float> samples = {1, fine, 0.1f, largest, least, 0};
  for (size_t i = 0, count = samples.size(); i < count; ++i)
    samples.push_back(-samples[i]);
  return samples;
}

static int64_t codeCount(const Element &e) {
  if (e.kind == ElementKind::Codebook)
    return int64_t(e.codebook.values.size());
  return int64_t(highestCodeOf(e)) - lowestCodeOf(e) + 1;
}

static std::vector<float> valuesOfCodes(const Element &element, int32_t lowest,
                                        int64_t count) {
  ScalarValues v;
  std::vector<float> values;
  values.reserve(size_t(count));
  for (int64_t i = 0; i < count; ++i)
    values.push_back(decodeElement(v, element, lowest + int32_t(i)));
  return values;
}

static std::vector<float> distinctValues(const Element &element) {
  std::set<float> distinct;
  for (float value : element.codebook.values) {
    distinct.insert(value == 0 ? 0.0f : value);
    if (element.signs != SignPolicy::None && value != 0)
      distinct.insert(-value);
  }
  return {distinct.begin(), distinct.end()};
}

using Values = std::shared_ptr<const std::vector<float>>;

/// Those of a float type are asked for again and again.
static Values valuesOfFloat(const Element &element) {
  static std::mutex mutex;
  static std::map<const FloatType *, Values> known;
  std::lock_guard<std::mutex> lock(mutex);
  Values &values = known[element.floatType];
  if (!values)
    values = std::make_shared<const std::vector<float>>(
        valuesOfCodes(element, 0, int64_t(1) << element.bits));
  return values;
}

ElementValues::ElementValues(const Element &element) {
  complete = element.bits <= 16;
  if (element.isComposite()) {
    complete = true;
    all = std::make_shared<const std::vector<float>>(distinctValues(element));
  } else if (!complete) {
    all = std::make_shared<const std::vector<float>>(samplesOfF32());
  } else if (element.kind == ElementKind::Float) {
    all = valuesOfFloat(element);
  } else {
    lowestCode = element.kind == ElementKind::Int ? lowestCodeOf(element) : 0;
    all = std::make_shared<const std::vector<float>>(
        valuesOfCodes(element, lowestCode, codeCount(element)));
  }
}

size_t ElementValues::indexOf(float value) const {
  return size_t(std::lower_bound(all->begin(), all->end(), value) -
                all->begin());
}

namespace {
/// Numbers that a tree can stand for.
struct Numbers {
  std::vector<float> values;
  bool isComplete = true;

  void add(float value) {
    if (std::isfinite(value))
      values.push_back(value);
  }
};
} // namespace

/// Most numbers of a level that are kept, and most that are tried.
static constexpr size_t mostKept = size_t(1) << 20;
static constexpr int64_t mostTried = int64_t(1) << 22;

static Numbers numbersOf(const Format &format) {
  Numbers numbers;
  numbers.isComplete = visitValues(format, [&](float value) {
    numbers.add(value);
    return numbers.values.size() < mostKept;
  });
  return numbers;
}

static bool visitUnscaled(const Format &format,
                          const std::function<bool(float)> &visit) {
  ElementValues element(format.element);
  for (float value : element.values())
    if (std::isfinite(value) && !visit(value))
      return false;
  return element.isComplete();
}

bool numerics::visitValues(const Format &format,
                           const std::function<bool(float)> &visit) {
  if (!format.isScaled())
    return visitUnscaled(format, visit);
  ElementValues elements(format.element);
  Numbers scales = numbersOf(*format.scale), offsets;
  if (format.offset)
    offsets = numbersOf(*format.offset);
  else
    offsets.add(0);
  ScalarValues v;
  int64_t tried = 0;
  for (float scale : scales.values)
    for (float offset : offsets.values)
      for (float element : elements.values()) {
        float value = applyScale(v, format, element, scale, offset);
        if (std::isfinite(value) && !visit(value))
          return false;
        if (++tried == mostTried)
          return false;
      }
  return elements.isComplete() && scales.isComplete && offsets.isComplete;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// The code e' with e' - zero = factor * difference.
static std::optional<int32_t> codeOfDifference(const TableEnds &ends,
                                               float difference, Ratio factor,
                                               float zero) {
  std::optional<float> wanted = exactProduct(difference, factor);
  if (!wanted)
    return std::nullopt;
  float value = *wanted + zero;
  std::optional<int32_t> code = exactCode(*ends.element, value);
  if (!code || value - zero != *wanted)
    return std::nullopt;
  return code;
}

static std::optional<BlockTable> tryZero(const TableEnds &ends, Ratio factor,
                                         float zero, float newZero,
                                         float *misfit) {
  BlockTable table;
  table.codes.reserve(ends.values->values().size());
  for (float value : ends.values->values()) {
    if (!std::isfinite(value)) {
      table.codes.push_back(kNoCode);
      continue;
    }
    auto code = codeOfDifference(ends, value - zero, factor, newZero);
    if (!code) {
      if (misfit)
        *misfit = value;
      return std::nullopt;
    }
    table.codes.push_back(*code);
  }
  return table;
}

std::optional<BlockTable> numerics::findTable(const TableEnds &ends,
                                              Ratio factor, float zero,
                                              float *misfit) {
  if (ends.element->isComposite())
    return std::nullopt;
  if (!ends.zero)
    return tryZero(ends, factor, zero, 0, misfit);
  auto attempt = [&](float newZero) -> std::optional<BlockTable> {
    std::optional<int32_t> code = exactCode(*ends.zero, newZero);
    auto table =
        code ? tryZero(ends, factor, zero, newZero, misfit) : std::nullopt;
    if (table)
      table->zeroCode = *code;
    return table;
  };
  if (std::optional<float> same = exactProduct(zero, factor))
    if (auto table = attempt(*same))
      return table;
  // Otherwise the first value has one of the codes, and that says the zero.
  float first = ends.values->values().front() - zero;
  std::optional<float> wanted = exactProduct(first, factor);
  if (!wanted || ends.element->bits > 8)
    return std::nullopt;
  ElementValues values(*ends.element);
  for (float value : values.values())
    if (std::isfinite(value))
      if (auto table = attempt(value - *wanted))
        return table;
  return std::nullopt;
}

std::vector<Ratio> numerics::factorCandidates(const TableEnds &ends) {
  std::vector<Ratio> candidates = {{1, 1}, {-1, 1}};
  const std::vector<float> &from = ends.values->values();
  if (ends.element->isComposite() || ends.element->bits > 8 ||
      !ends.values->isComplete() || from.size() > 256)
    return candidates;
  // Differences do not depend on zero points: the widest one must fit.
  float low = HUGE_VALF, high = -HUGE_VALF, largest = 0;
  for (float value : from) {
    if (!std::isfinite(value))
      continue;
    low = std::min(low, value);
    high = std::max(high, value);
    largest = std::max(largest, std::fabs(value));
  }
  double den = ends.zero ? double(high) - double(low) : double(largest);
  ElementValues to(*ends.element);
  float least = 0;
  if (ends.zero)
    for (float value : to.values())
      least = std::min(least, value);
  // Kept as fractions, so that products stay exact.
  std::vector<double> widths;
  for (float value : to.values()) {
    double width = std::fabs(double(value) - double(least));
    if (std::isfinite(value) && width != 0 && width != den &&
        double(float(width)) == width)
      widths.push_back(width);
  }
  if (double(float(den)) != den || den == 0)
    return candidates;
  std::sort(widths.begin(), widths.end(), [&](double a, double b) {
    double farA = std::fabs(std::log2(a / den));
    double farB = std::fabs(std::log2(b / den));
    return farA != farB ? farA < farB : a < b;
  });
  widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  for (double width : widths)
    candidates.insert(candidates.end(), {{width, den}, {-width, den}});
  return candidates;
}

std::string numerics::numberText(float value) {
  char text[32];
  for (int digits = 1; digits <= 9; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, double(value));
    if (std::strtof(text, nullptr) == value)
      break;
  }
  return text;
}
