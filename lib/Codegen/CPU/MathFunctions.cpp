// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Functions of one number that kernels apply: activations, soft caps.

#include "quern/Codegen/CPU/MathFunctions.h"

#include <cmath>

using namespace mlir;
using namespace quern::codegen;

/// The polynomial of `x` whose coefficients begin with the highest power's.
static Value polynomial(KernelBuilder &b, Value x,
                        ArrayRef<float> coefficients) {
  Value sum = b.splat(coefficients.front());
  for (float c : coefficients.drop_front())
    sum = b.addF(b.mulF(sum, x), b.splat(c));
  return sum;
}

/// x / (1 + e^-y).
static Value timesSigmoid(KernelBuilder &b, Value x, Value y) {
  Value power = b.exp(b.subF(b.splat(0), y));
  return b.divF(x, b.addF(b.splat(1), power));
}

/// 1 + tanh(u) is twice the sigmoid of 2 u.
static Value geluTanh(KernelBuilder &b, Value x) {
  Value cube = b.mulF(b.mulF(x, x), x);
  Value sum = b.addF(x, b.mulF(cube, b.splat(0.044715f)));
  float factor = float(2 * std::sqrt(2 / M_PI));
  return timesSigmoid(b, x, b.mulF(sum, b.splat(factor)));
}

/// With z = |x| / sqrt(2) and t = 1 / (1 + z / 2), erfc(z) is
/// t * e^(p(t) - z^2): p is the polynomial that is next to
/// ln(erfc(z) / t) + z^2 for all z whose erfc is a normal number, at 10^-7.
static Value gelu(KernelBuilder &b, Value x) {
  VectorValues v(b);
  Value z = b.mulF(v.absF(x), b.splat(float(M_SQRT1_2)));
  Value t = b.divF(b.splat(1), b.addF(b.splat(1), b.mulF(z, b.splat(0.5f))));
  Value p = polynomial(b, t,
                       {0.13954682f, -0.65134144f, 1.0869086f, -0.60266923f,
                        -0.15827997f, 0.04306344f, 0.02025136f, 0.38967544f,
                        0.99827517f, -1.26543015f});
  Value tail = b.mulF(t, b.exp(b.subF(p, b.mulF(z, z))));
  tail = b.mulF(tail, b.splat(0.5f));
  Value isNegative = v.lessF(x, b.splat(0));
  Value share = v.selectF(isNegative, tail, b.subF(b.splat(1), tail));
  return b.mulF(x, share);
}

Value quern::codegen::applyActivation(KernelBuilder &b, StringRef name,
                                      Value x) {
  if (name == "gelu")
    return gelu(b, x);
  if (name == "gelu_tanh")
    return geluTanh(b, x);
  return timesSigmoid(b, x, x);
}

/// Near zero a polynomial (coefficients of Cephes' tanhf), else
/// 1 - 2 / (e^2|x| + 1) with the sign of x.
Value quern::codegen::tanh(KernelBuilder &b, Value x) {
  VectorValues v(b);
  Value square = b.mulF(x, x);
  Value p =
      polynomial(b, square,
                 {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                  1.33314422036e-1f, -3.33332819422e-1f});
  Value small = b.addF(b.mulF(b.mulF(p, square), x), x);
  Value size = v.absF(x);
  Value power = b.exp(b.addF(size, size));
  Value large =
      b.subF(b.splat(1), b.divF(b.splat(2), b.addF(power, b.splat(1))));
  Value sign = v.andI(v.bitcastI(x), v.constI32(INT32_MIN));
  large = v.bitcastF(v.orI(v.bitcastI(large), sign));
  return v.selectF(v.lessF(size, b.splat(0.625f)), small, large);
}

Value quern::codegen::applySoftcap(KernelBuilder &b, Value x, float cap) {
  return b.mulF(tanh(b, b.divF(x, b.splat(cap))), b.splat(cap));
}
