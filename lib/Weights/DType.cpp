// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Names and sizes of element types.

#include "quern/Weights/WeightSource.h"

namespace quern::weights {

namespace {
struct DTypeInfo {
  const char *name;
  unsigned bits;
};
} // namespace

/// In the order of the enumeration.
static constexpr DTypeInfo dtypes[] = {
    {"BOOL", 8},    {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6},
    {"U8", 8},      {"I8", 8},          {"F8_E5M2", 8},     {"F8_E4M3", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},        {"BF16", 16},       {"I32", 32},
    {"U32", 32},    {"F32", 32},        {"C64", 64},        {"F64", 64},
    {"I64", 64},    {"U64", 64},
};

static_assert(std::size(dtypes) == static_cast<size_t>(DType::U64) + 1,
              "one entry for each element type");

const char *dtypeName(DType dtype) {
  return dtypes[static_cast<size_t>(dtype)].name;
}

unsigned dtypeBits(DType dtype) {
  return dtypes[static_cast<size_t>(dtype)].bits;
}

std::optional<DType> parseDType(const std::string &name) {
  for (size_t i = 0; i < std::size(dtypes); ++i)
    if (name == dtypes[i].name)
      return static_cast<DType>(i);
  return std::nullopt;
}

} // namespace quern::weights
