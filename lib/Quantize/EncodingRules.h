// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rules that give weights their formats. Internal to Quantize.

#ifndef QUERN_LIB_QUANTIZE_ENCODINGRULES_H
#define QUERN_LIB_QUANTIZE_ENCODINGRULES_H

#include "quern/Base/Status.h"
#include "quern/Numerics/Format.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace quern::quantize {

/// Which ops read a weight.
struct WeightUses {
  bool byLinear = false;
  bool byEmbedding = false;
  bool byRouter = false; ///< a linear that chooses experts
};

/// `[linear: | embedding:] PATTERN = FORMAT`
struct EncodingRule {
  std::string text;    ///< as the user wrote it
  std::string pattern; ///< a valid glob
  bool needsLinear = false;
  bool needsEmbedding = false;
  numerics::Format format;

  bool matches(llvm::StringRef name, const WeightUses &uses) const;
};

/// The message begins with the rule.
Result<EncodingRule> parseEncodingRule(const std::string &text,
                                       const numerics::FormatRegistry &formats);

/// The first of `fallback` that divides [rows, cols] and whose elements have at
/// least as many bits as `format`; `format` itself if it does. Null if none.
const numerics::Format *
fittingFormat(const numerics::Format &format,
              const std::vector<numerics::Format> &fallback, int64_t rows,
              int64_t cols);

} // namespace quern::quantize

#endif // QUERN_LIB_QUANTIZE_ENCODINGRULES_H
