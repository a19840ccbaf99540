// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The table of binary floating-point types.

#include "quern/Numerics/Format.h"

using namespace quern::numerics;

using Special = FloatType::Special;

// Names and meanings are MLIR's builtin float types; OCP MX 1.0 defines the
// f8E8M0FNU, f6 and f4 types, OCP OFP8 1.0 the f8E4M3FN and f8E5M2 ones.
static const FloatType floatTypes[] = {
    // name, exponent bits, mantissa bits, bias, has sign, special
    {"f32", 8, 23, 127, true, Special::Ieee},
    {"bf16", 8, 7, 127, true, Special::Ieee},
    {"f16", 5, 10, 15, true, Special::Ieee},
    {"f8E5M2", 5, 2, 15, true, Special::Ieee},
    {"f8E4M3", 4, 3, 7, true, Special::Ieee},
    {"f8E3M4", 3, 4, 3, true, Special::Ieee},
    {"f8E4M3FN", 4, 3, 7, true, Special::NanOnly},
    {"f8E5M2FNUZ", 5, 2, 16, true, Special::NegZeroIsNan},
    {"f8E4M3FNUZ", 4, 3, 8, true, Special::NegZeroIsNan},
    {"f8E4M3B11FNUZ", 4, 3, 11, true, Special::NegZeroIsNan},
    {"f8E8M0FNU", 8, 0, 127, false, Special::NanOnly},
    {"f6E3M2FN", 3, 2, 3, true, Special::FiniteOnly},
    {"f6E2M3FN", 2, 3, 1, true, Special::FiniteOnly},
    {"f4E2M1FN", 2, 1, 1, true, Special::FiniteOnly},
};

const FloatType *quern::numerics::lookupFloatType(const std::string &name) {
  for (const FloatType &type : floatTypes)
    if (type.name == name)
      return &type;
  return nullptr;
}

std::vector<std::string> quern::numerics::floatTypeNames() {
  std::vector<std::string> names;
  for (const FloatType &type : floatTypes)
    names.push_back(type.name);
  return names;
}
