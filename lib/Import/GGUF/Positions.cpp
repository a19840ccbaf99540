// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Where tokens are: rotary positions and sliding windows.

#include "../Limits.h"
#include "Families.h"
#include "quern/Numerics/RotaryFrequencies.h"
#include "quern/Support/Text.h"

namespace quern::import {

/// Divides each frequency by a factor of its own, which converters compute from
/// the scaling of Llama 3, or take from that of Phi-3 for short texts.
static void applyFactors(GgufModel &model, std::vector<float> &frequencies) {
  const char *name = model.kind.ropeFactors;
  const weights::TensorInfo *tensor = name ? model.source.find(name) : nullptr;
  if (!tensor)
    return;
  std::vector<float> factors(frequencies.size());
  Status status = Status::ok();
  if (tensor->shape != std::vector<int64_t>{int64_t(factors.size())})
    status = weights::inTensor(
        *tensor,
        Status::error(StatusCode::InvalidFile,
                      "expects shape [" + std::to_string(factors.size()) +
                          "], a factor for each pair of columns that turn, "
                          "but got " +
                          shapeText(tensor->shape)));
  else
    status = weights::readRowsAsFloat(model.source, name, 0, 1, factors);
  if (!status)
    return model.facts.fail("rope", status.message());
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] >= 1e-6f && factors[i] <= float(ropeFactorLimit)))
      return model.facts.fail(
          "rope", std::string(name) +
                      ": expects factors from 1e-06 to 1e+06, but got " +
                      std::to_string(factors[i]) + " for pair " +
                      std::to_string(i));
    frequencies[i] /= factors[i];
  }
}

/// What frequencies are divided by, all of them.
static float readScaling(Facts &facts) {
  std::string type = facts.string("rope.scaling.type", "none");
  double factor = facts.real("rope.scaling.factor", 1e-6, ropeFactorLimit, 1);
  // Of longrope all is said by the tensors of factors.
  if (type != "linear" && type != "none" && type != "longrope")
    facts.fail("rope.scaling.type",
               "expects 'none', 'linear' or 'longrope', but got unsupported " +
                   inQuotes(type),
               StatusCode::Unsupported);
  // Older than scaling.type, and what it says is linear.
  if (double scale = facts.real("rope.scale_linear", 1e-6, ropeFactorLimit, 1);
      scale != 1)
    facts.fail("rope.scale_linear",
               "expects 1; rope.scaling.type and "
               "rope.scaling.factor say more",
               StatusCode::Unsupported);
  return type == "linear" ? float(factor) : 1;
}

/// Columns of a head that turn: a part only where pairs lie half of them apart.
static int64_t readTurning(GgufModel &model, const Architecture &a) {
  const char *key = "rope.dimension_count";
  int64_t columns = model.facts.count(key, 1, countLimit, a.headDim);
  bool isWhole = columns == a.headDim;
  if (model.kind.isFused ? columns % 2 == 0 && columns <= a.headDim : isWhole)
    return columns;
  model.facts.fail(
      key,
      "expects " +
          std::string(model.kind.isFused ? "an even number up to " : "") +
          "the width of a head, " + std::to_string(a.headDim) + ", but got " +
          std::to_string(columns),
      StatusCode::Unsupported);
  return a.headDim;
}

/// Beyond the context that a model was first trained for, other factors would
/// change the angles of all positions: the model ends there.
static void endWithShortFactors(GgufModel &model, Architecture &a) {
  const char *key = "rope.scaling.original_context_length";
  if (!model.source.find(weights::longRopeFactorsName))
    return;
  int64_t original = model.facts.count(key, 1, contextLimit, a.context);
  if (original < a.context) {
    a.context = original;
    a.contextSource =
        std::string(key) + ", up to which rope's short factors hold";
  }
}

static void readRope(GgufModel &model, Architecture &a) {
  Facts &facts = model.facts;
  a.ropeBase = facts.real("rope.freq_base", 1, ropeBaseLimit, 10000);
  a.rope.inverseFrequencies =
      numerics::plainFrequencies(a.ropeBase, readTurning(model, a));
  float factor = readScaling(facts);
  for (float &frequency : a.rope.inverseFrequencies)
    frequency /= factor;
  a.rope.magnitude =
      facts.real("rope.scaling.attn_factor", 1e-6, ropeFactorLimit, 1);
  applyFactors(model, a.rope.inverseFrequencies);
  endWithShortFactors(model, a);
}

/// Layers with a window, where that is not the same for all, turn at other
/// frequencies, which are not scaled.
static void readWindowRope(GgufModel &model, Architecture &a) {
  const char *key = "rope.freq_base_swa";
  double silent = model.kind.windowRopeBase;
  if (silent) {
    a.windowRopeBase = model.facts.real(key, 1, ropeBaseLimit, silent);
    a.windowRope =
        Rope{numerics::plainFrequencies(a.windowRopeBase, a.headDim)};
    return;
  }
  double base = model.facts.real(key, 1, ropeBaseLimit, a.ropeBase);
  if (base != a.ropeBase)
    model.facts.fail(key,
                     "expects the same as rope.freq_base, " +
                         std::to_string(a.ropeBase) + ", but got " +
                         std::to_string(base),
                     StatusCode::Unsupported);
}

static void readWindows(GgufModel &model, Architecture &a) {
  constexpr const char *key = "attention.sliding_window";
  constexpr const char *patternKey = "attention.sliding_window_pattern";
  Facts &facts = model.facts;
  a.windows.assign(a.layers, 0);
  bool isGemma2 = std::string(model.kind.name) == "gemma2";
  int64_t window = facts.count(key, 0, contextLimit, isGemma2 ? 4096 : 0);
  if (!window)
    return;
  if (model.kind.windows == weights::WindowSupport::Ignored) {
    a.windows.assign(a.layers, window);
    return;
  }
  std::optional<std::vector<bool>> flags = facts.flags(patternKey, a.layers);
  int64_t pattern = model.kind.windowPattern;
  if (!flags)
    pattern = facts.count(patternKey, 0, countLimit, pattern);
  for (int64_t i = 0; i < a.layers; ++i)
    if (flags ? (*flags)[i] : !pattern || (i + 1) % pattern != 0)
      a.windows[i] = window;
  readWindowRope(model, a);
}

void readGgufPositions(GgufModel &model, Architecture &a) {
  readRope(model, a);
  if (model.kind.windows != weights::WindowSupport::None)
    readWindows(model, a);
  else
    a.windows.assign(a.layers, 0);
}

} // namespace quern::import
