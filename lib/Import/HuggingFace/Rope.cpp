// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rotary positions: base, and the scalings default, linear and llama3.
//
// The arithmetic is binary32 in the order of the transformers library, so that
// the angles agree with the ones that a model was trained with.

#include "Families.h"
#include "quern/Numerics/RotaryFrequencies.h"
#include "quern/Support/Text.h"

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

static void scale(Config &scaling, std::vector<float> &frequencies) {
  std::string type = readType(scaling);
  if (type == "default")
    return;
  if (type == "linear") {
    float factor =
        static_cast<float>(scaling.real("factor", 1, ropeFactorLimit));
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

void readRope(Config &config, Architecture &architecture) {
  double base = config.real("rope_theta", 1, ropeBaseLimit, 10000);
  std::optional<Config> parameters = config.object("rope_parameters");
  std::optional<Config> scaling = config.object("rope_scaling");
  if (parameters) {
    // The one object of recent files holds the base, too.
    double inner = parameters->real("rope_theta", 1, ropeBaseLimit, base);
    if (config.has("rope_theta") && inner != base)
      parameters->fail("rope_theta",
                       "expects the same as rope_theta, which is " +
                           realText(base) + ", but got " + realText(inner));
    if (scaling)
      config.fail(
          "rope_scaling",
          "expects either rope_parameters or rope_scaling, but got both");
    base = inner;
  }
  std::vector<float> frequencies =
      numerics::plainFrequencies(base, architecture.headDim);
  if (std::optional<Config> &source = parameters ? parameters : scaling) {
    scale(*source, frequencies);
    config.adopt(*source);
  }
  architecture.ropeBase = base;
  architecture.inverseFrequencies = std::move(frequencies);
}

} // namespace quern::import
