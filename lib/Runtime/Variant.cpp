// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which of a model's instruction sets this processor runs.

#include "Variant.h"

#include "quern/Base/CpuFeatures.h"

#include <string.h>

using namespace quern::runtime;

namespace {

struct Feature {
  quern_feature bit;
  const char *name;
  bool quern::CpuFeatures::*detected;
};

constexpr Feature kFeatures[] = {
    {QUERN_FEATURE_X86_64_V3, "x86-64-v3", &quern::CpuFeatures::x86_64_v3},
    {QUERN_FEATURE_X86_64_V4, "x86-64-v4", &quern::CpuFeatures::x86_64_v4},
    {QUERN_FEATURE_AVX512VNNI, "avx512vnni", &quern::CpuFeatures::avx512vnni},
    {QUERN_FEATURE_AVX512VBMI, "avx512vbmi", &quern::CpuFeatures::avx512vbmi},
    {QUERN_FEATURE_AVX512BF16, "avx512bf16", &quern::CpuFeatures::avx512bf16},
    {QUERN_FEATURE_AVX512FP16, "avx512fp16", &quern::CpuFeatures::avx512fp16},
    {QUERN_FEATURE_AVXVNNI, "avxvnni", &quern::CpuFeatures::avxvnni},
    {QUERN_FEATURE_ARM_DOTPROD, "dotprod", &quern::CpuFeatures::armDotprod},
    {QUERN_FEATURE_ARM_I8MM, "i8mm", &quern::CpuFeatures::armI8mm},
    {QUERN_FEATURE_ARM_BF16, "bf16", &quern::CpuFeatures::armBf16},
    {QUERN_FEATURE_AMX_INT8, "amx-int8", &quern::CpuFeatures::amxInt8},
    {QUERN_FEATURE_AMX_BF16, "amx-bf16", &quern::CpuFeatures::amxBf16},
};

/// A list of words in a buffer of fixed size, cut when it is full.
struct WordList {
  char text[256] = "";

  void add(const char *word) {
    size_t used = strlen(text);
    snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "", word);
  }
};

WordList missingFeatures(uint64_t required, uint64_t features) {
  WordList list;
  uint64_t missing = required & ~features;
  for (const Feature &feature : kFeatures) {
    if (missing & feature.bit)
      list.add(feature.name);
    missing &= ~uint64_t(feature.bit);
  }
  if (missing)
    list.add("features of a newer version");
  return list;
}

quern_status failNoSuchName(const quern_model_table &table, const char *isa,
                            Message &message) {
  WordList names;
  for (uint64_t i = 0; i < table.variant_count; ++i)
    names.add(table.variants[i].isa);
  return message.fail(QUERN_ERR_INVALID_ARGUMENT,
                      "expects an instruction set of the model (%s), but got "
                      "'%s'",
                      names.text, isa);
}

} // namespace

uint64_t quern::runtime::detectFeatures() {
  CpuFeatures found = detectCpuFeatures();
  found.amxInt8 = found.amxInt8 && mayUseTiles();
  found.amxBf16 = found.amxBf16 && mayUseTiles();
  uint64_t bits = 0;
  for (const Feature &feature : kFeatures)
    if (found.*feature.detected)
      bits |= feature.bit;
  return bits;
}

quern_status quern::runtime::chooseVariant(const quern_model_table &table,
                                           const char *isa, uint64_t features,
                                           const quern_variant *&chosen,
                                           Message &message) {
  const quern_variant *rejected = nullptr;
  for (uint64_t i = 0; i < table.variant_count; ++i) {
    const quern_variant &variant = table.variants[i];
    if (isa && strcmp(isa, variant.isa) != 0)
      continue;
    if ((variant.required_features & ~features) == 0) {
      chosen = &variant;
      return QUERN_OK;
    }
    rejected = &variant;
  }
  if (!rejected)
    return failNoSuchName(table, isa, message);
  // The last one asks for least.
  return message.fail(
      QUERN_ERR_CPU_FEATURES,
      "the instruction set '%s' of the model needs features that this "
      "processor or operating system lacks: %s",
      rejected->isa,
      missingFeatures(rejected->required_features, features).text);
}
