// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rotary positions: base, share of a head, and the scalings default,
// linear, llama3 and longrope.
//
// The arithmetic is binary32 in the order of the transformers library, so that
// the angles agree with the ones that a model was trained with.

#include "Families.h"
#include "quern/Numerics/RotaryFrequencies.h"
#include "quern/Support/Text.h"

#include <algorithm>
#include <cmath>

namespace quern::import {

namespace {
/// Parameters of the llama3 scaling.
struct Llama3 {
  float factor;
  float low;
  float high;
  float context; ///< positions that the model was first trained for
};
} // namespace

/// Keeps short wavelengths, stretches long ones by `factor`, and blends between
/// the two in the middle.
static float scaleLlama3(const Llama3 &scaling, float frequency) {
  float wavelength = static_cast<float>(2 * M_PI) / frequency;
  if (wavelength < scaling.context / scaling.high)
    return frequency;
  if (wavelength > scaling.context / scaling.low)
    return frequency / scaling.factor;
  float smooth = (scaling.context / wavelength - scaling.low) /
                 (scaling.high - scaling.low);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

static Llama3 readLlama3(Config &scaling) {
  double factor = scaling.real("factor", 1, ropeFactorLimit);
  double low = scaling.real("low_freq_factor", 1e-6, ropeFactorLimit);
  double high = scaling.real("high_freq_factor", 1e-6, ropeFactorLimit);
  int64_t context =
      scaling.positive("original_max_position_embeddings", contextLimit);
  if (high <= low)
    scaling.fail("high_freq_factor",
                 "expects more than low_freq_factor, which is " +
                     realText(low) + ", but got " + realText(high));
  return {static_cast<float>(factor), static_cast<float>(low),
          static_cast<float>(high), static_cast<float>(context)};
}

/// The name of the scaling, under its new key `rope_type` or its old `type`.
static std::string readType(Config &scaling) {
  std::string older = scaling.string("type", "default");
  std::string type = scaling.string("rope_type", older);
  if (scaling.has("type") && type != older)
    scaling.fail("rope_type", "expects the same as type, which is " +
                                  inQuotes(older) + ", but got " +
                                  inQuotes(type));
  return type;
}

/// Divides each frequency by a factor of its own, those for contexts up to the
/// one that the model was first trained for. Beyond it a second list of factors
/// would change the angles of all positions: the model ends there.
static void scaleLong(Config &config, Config &scaling, Architecture &a,
                      Rope &rope) {
  const char *key = "original_max_position_embeddings";
  Config &holder = config.has(key) ? config : scaling;
  int64_t original = holder.positive(key, contextLimit);
  double ratio = static_cast<double>(a.context) / original;
  double factor =
      scaling.real("factor", 1, ropeFactorLimit, std::max(1.0, ratio));
  double magnitude =
      factor > 1 ? std::sqrt(1 + std::log(factor) / std::log(original)) : 1;
  rope.magnitude =
      scaling.real("attention_factor", 1e-6, ropeFactorLimit, magnitude);
  std::vector<double> factors =
      scaling.reals("short_factor", 1e-6, ropeFactorLimit);
  std::vector<float> &frequencies = rope.inverseFrequencies;
  if (factors.size() != frequencies.size()) {
    scaling.fail("short_factor", "expects a number for each of the " +
                                     std::to_string(frequencies.size()) +
                                     " pairs of columns, but got " +
                                     std::to_string(factors.size()));
    return;
  }
  for (size_t i = 0; i < factors.size(); ++i)
    frequencies[i] = 1.0f / (static_cast<float>(factors[i]) / frequencies[i]);
  if (original < a.context) {
    a.context = original;
    a.contextSource = "original_max_position_embeddings, up to which rope's "
                      "short factors hold";
  }
}

static void scale(Config &config, Config &scaling, Architecture &a,
                  Rope &rope) {
  std::string type = readType(scaling);
  if (type == "default")
    return;
  if (type == "linear") {
    float factor =
        static_cast<float>(scaling.real("factor", 1, ropeFactorLimit));
    for (float &frequency : rope.inverseFrequencies)
      frequency /= factor;
    return;
  }
  if (type == "llama3") {
    Llama3 parameters = readLlama3(scaling);
    for (float &frequency : rope.inverseFrequencies)
      frequency = scaleLlama3(parameters, frequency);
    return;
  }
  if (type == "longrope" || type == "su") // its name at first
    return scaleLong(config, scaling, a, rope);
  scaling.fail(scaling.has("rope_type") ? "rope_type" : "type",
               "expects rope scaling 'default', 'linear', 'llama3' or "
               "'longrope', but got unsupported " +
                   inQuotes(type),
               StatusCode::Unsupported);
}

/// How many columns of a head turn, the share `share` of it.
static int64_t rotatedColumns(Config &config, const char *key, double share,
                              int64_t headDim) {
  int64_t columns = static_cast<int64_t>(headDim * share);
  if (columns % 2 == 0 && columns > 0)
    return columns;
  config.fail(key, "expects a share of heads of " + std::to_string(headDim) +
                       " columns that is a positive even number of them, but "
                       "got " +
                       realText(share));
  return headDim;
}

/// Recent files hold everything in the object rope_parameters, older ones the
/// base and the share beside an object rope_scaling.
void readRope(Config &config, Architecture &a, const RopeDefaults &defaults) {
  double base = config.real(defaults.baseKey, 1, ropeBaseLimit, defaults.base);
  double share = config.real(defaults.shareKey, 0, 1, defaults.share);
  std::optional<Config> parameters = config.object("rope_parameters");
  std::optional<Config> scaling = config.object("rope_scaling");
  if (parameters && scaling)
    config.fail("rope_scaling", "expects either rope_parameters or "
                                "rope_scaling, but got both");
  std::optional<Config> &source = parameters ? parameters : scaling;
  if (source) {
    double inner = source->real("rope_theta", 1, ropeBaseLimit, base);
    if (config.has(defaults.baseKey) && inner != base)
      source->fail("rope_theta", std::string("expects the same as ") +
                                     defaults.baseKey + ", which is " +
                                     realText(base) + ", but got " +
                                     realText(inner));
    base = inner;
    share = source->real("partial_rotary_factor", 0, 1, share);
  }
  int64_t columns = rotatedColumns(config, defaults.shareKey, share, a.headDim);
  a.ropeBase = base;
  a.rope.inverseFrequencies = numerics::plainFrequencies(base, columns);
  if (source) {
    scale(config, *source, a, a.rope);
    config.adopt(*source);
  }
}

/// The object `key` of rope_parameters: those of one kind of layers. `base` is
/// what it says of it, if it does.
static Rope readNested(Config &config, Config &parameters, const char *key,
                       double &base, Architecture &a) {
  std::optional<Config> part = parameters.object(key);
  if (!part)
    return {numerics::plainFrequencies(base, a.headDim)};
  base = part->real("rope_theta", 1, ropeBaseLimit, base);
  Rope rope{numerics::plainFrequencies(base, a.headDim)};
  scale(config, *part, a, rope);
  config.adopt(*part);
  return rope;
}

void readRopes(Config &config, Architecture &a) {
  a.ropeBase = 1e6;
  a.windowRopeBase = 1e4;
  std::optional<Config> parameters = config.object("rope_parameters");
  bool isNested = parameters && (parameters->has("full_attention") ||
                                 parameters->has("sliding_attention"));
  if (!isNested) {
    readRope(config, a, {a.ropeBase});
    a.windowRopeBase =
        config.real("rope_local_base_freq", 1, ropeBaseLimit, a.windowRopeBase);
    a.windowRope =
        Rope{numerics::plainFrequencies(a.windowRopeBase, a.headDim)};
    return;
  }
  a.rope = readNested(config, *parameters, "full_attention", a.ropeBase, a);
  a.windowRope =
      readNested(config, *parameters, "sliding_attention", a.windowRopeBase, a);
  config.adopt(*parameters);
}

} // namespace quern::import
