// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Cycles of the operations that kernels are made of, by instruction set.

#include "quern/Codegen/CPU/CostModel.h"

using namespace quern;
using namespace quern::codegen;

// Two vector units of 512 bits, one of which shifts and one of which shuffles.
static constexpr OperationCosts kAvx512 = {
    /*registerBits=*/512, /*simple=*/0.5,
    /*shift=*/0.75,       /*multiply=*/1.5,
    /*select=*/0.5,       /*floats=*/0.5,   /*divide=*/10,
    /*convert=*/0.75,     /*shuffle=*/1,
    /*dot=*/0.5,          /*gather=*/12,
    /*gatherVector=*/4,   /*load=*/0.5,
    /*store=*/1};

// Three vector units of 256 bits, two of them with multipliers.
static constexpr OperationCosts kAvx2 = {
    /*registerBits=*/256, /*simple=*/0.34,
    /*shift=*/0.5,        /*multiply=*/1,
    /*select=*/0.34,      /*floats=*/0.5,   /*divide=*/5,
    /*convert=*/0.75,     /*shuffle=*/0.75,
    /*dot=*/0.5,          /*gather=*/8,
    /*gatherVector=*/32,  /*load=*/0.4,
    /*store=*/0.5};

// The same core in 128 bits, without blends, widening moves or gathers.
// Products of 32 bits are mostly of bytes, for which LLVM takes 16-bit
// multipliers.
static constexpr OperationCosts kSse2 = {
    /*registerBits=*/128, /*simple=*/0.34,
    /*shift=*/0.5,        /*multiply=*/1,
    /*select=*/1,         /*floats=*/0.5,  /*divide=*/4,
    /*convert=*/0.5,      /*shuffle=*/0.5,
    /*dot=*/0.5,          /*gather=*/8,
    /*gatherVector=*/24,  /*load=*/0.4,
    /*store=*/0.5};

// Two vector units of 128 bits, as in a Neoverse N1. Not measured.
static constexpr OperationCosts kNeon = {
    /*registerBits=*/128, /*simple=*/0.5,
    /*shift=*/1,          /*multiply=*/2,
    /*select=*/0.5,       /*floats=*/0.5,  /*divide=*/5,
    /*convert=*/1,        /*shuffle=*/0.5,
    /*dot=*/0.5,          /*gather=*/8,
    /*gatherVector=*/16,  /*load=*/0.5,
    /*store=*/1};

const OperationCosts &codegen::operationCosts(const CpuTarget &target) {
  switch (target.tableLookup) {
  case TableLookup::Avx512:
    return kAvx512;
  case TableLookup::Avx2:
    return kAvx2;
  case TableLookup::Neon:
    return kNeon;
  case TableLookup::None:
    break;
  }
  return kSse2;
}
