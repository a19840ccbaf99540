// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rotary positions: base, and the scalings default, linear and llama3.
//
// The arithmetic is binary32 in the order of the transformers library, so that
// the angles agree with the ones that a model was trained with.

#include "Families.h"
#include "quern/Support/Text.h"

#include <cmath>

namespace quern::import {

/// base^(-2i / headDim) for each pair i of columns of a head.
static std::vector<float> plainFrequencies(double base, int64_t headDim) {
  std::vector<float> frequencies;
  for (int64_t i = 0; i < headDim; i += 2) {
    float exponent = static_cast<float>(i) / static_cast<float>(headDim);
    // Through binary64, so that the power is rounded once.
    float power = static_cast<float>(
        std::pow(static_cast<double>(static_cast<float>(base)), exponent));
    frequencies.push_back(1.0f / power);
  }
  return frequencies;
}

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

/// No scaling in use comes near this.
constexpr double factorLimit = 1e6;

static Llama3 readLlama3(Config &scaling) {
  double factor = scaling.real("factor", 1, factorLimit);
  double low = scaling.real("low_freq_factor", 1e-6, factorLimit);
  double high = scaling.real("high_freq_factor", 1e-6, factorLimit);
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

static void scale(Config &scaling, std::vector<float> &frequencies) {
  std::string type = readType(scaling);
  if (type == "default")
    return;
  if (type == "linear") {
    float factor = static_cast<float>(scaling.real("factor", 1, factorLimit));
    for (float &frequency : frequencies)
      frequency /= factor;
    return;
  }
  if (type == "llama3") {
    Llama3 parameters = readLlama3(scaling);
    for (float &frequency : frequencies)
      frequency = scaleLlama3(parameters, frequency);
    return;
  }
  scaling.fail(scaling.has("rope_type") ? "rope_type" : "type",
               "expects rope scaling 'default', 'linear' or 'llama3', but got "
               "unsupported " +
                   inQuotes(type),
               StatusCode::Unsupported);
}

/// Largest base whose powers are finite in binary32.
constexpr double baseLimit = 1e38;

/// The rotary positions that the members of `parameters` describe.
static Rope readParameters(Config &parameters, int64_t headDim, double base) {
  base = parameters.real("rope_theta", 1, baseLimit, base);
  Rope rope{plainFrequencies(base, headDim)};
  scale(parameters, rope.inverseFrequencies);
  return rope;
}

/// Recent files hold everything in the object rope_parameters, older ones the
/// base beside an object rope_scaling.
Rope readRope(Config &config, int64_t headDim, double base) {
  base = config.real("rope_theta", 1, baseLimit, base);
  std::optional<Config> parameters = config.object("rope_parameters");
  std::optional<Config> scaling = config.object("rope_scaling");
  if (parameters && scaling)
    config.fail("rope_scaling", "expects either rope_parameters or "
                                "rope_scaling, but got both");
  Rope rope{plainFrequencies(base, headDim)};
  if (std::optional<Config> &source = parameters ? parameters : scaling) {
    double inner = source->real("rope_theta", 1, baseLimit, base);
    if (config.has("rope_theta") && inner != base)
      source->fail("rope_theta", "expects the same as rope_theta, which is " +
                                     realText(base) + ", but got " +
                                     realText(inner));
    rope = readParameters(*source, headDim, base);
    config.adopt(*source);
  }
  return rope;
}

void readRopes(Config &config, Architecture &a) {
  constexpr double base = 1e6, windowBase = 1e4;
  std::optional<Config> parameters = config.object("rope_parameters");
  bool isNested = parameters && (parameters->has("full_attention") ||
                                 parameters->has("sliding_attention"));
  if (!isNested) {
    a.rope = readRope(config, a.headDim, base);
    a.windowRope = Rope{plainFrequencies(
        config.real("rope_local_base_freq", 1, baseLimit, windowBase),
        a.headDim)};
    return;
  }
  auto read = [&](const char *key, double fallback) {
    std::optional<Config> part = parameters->object(key);
    if (!part)
      return Rope{plainFrequencies(fallback, a.headDim)};
    Rope rope = readParameters(*part, a.headDim, fallback);
    config.adopt(*part);
    return rope;
  };
  a.rope = read("full_attention", base);
  a.windowRope = read("sliding_attention", windowBase);
  config.adopt(*parameters);
}

} // namespace quern::import
