// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rules that give weights their formats.

#include "EncodingRules.h"
#include "quern/Numerics/FormatDiagnostics.h"
#include "quern/Support/Text.h"
#include "llvm/Support/GlobPattern.h"

using namespace quern;
using namespace quern::quantize;

bool EncodingRule::matches(llvm::StringRef name, const WeightUses &uses) const {
  if ((needsLinear && !uses.byLinear) || (needsEmbedding && !uses.byEmbedding))
    return false;
  // GlobPattern refers to the text it was made of, so that it is not kept.
  return llvm::cantFail(llvm::GlobPattern::create(pattern)).match(name);
}

Result<EncodingRule>
quantize::parseEncodingRule(const std::string &text,
                            const numerics::FormatRegistry &formats) {
  auto fail = [&](const std::string &message) {
    return Status::error(StatusCode::InvalidArgument,
                         "rule " + inQuotes(text) + ": " + message);
  };
  auto [left, right] = llvm::StringRef(text).split('=');
  llvm::StringRef pattern = left.trim(), format = right.trim();
  if (pattern.empty() || format.empty())
    return fail("expects PATTERN=FORMAT, but got " + inQuotes(text));
  EncodingRule rule;
  rule.text = text;
  rule.needsLinear = pattern.consume_front("linear:");
  rule.needsEmbedding =
      !rule.needsLinear && pattern.consume_front("embedding:");
  llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(pattern);
  if (!glob)
    return fail("expects a glob pattern, but got " + inQuotes(pattern.str()) +
                " (" + llvm::toString(glob.takeError()) + ")");
  rule.pattern = pattern.str();
  Result<numerics::Format> parsed =
      numerics::resolveOption(formats, format.str());
  if (!parsed)
    return fail(parsed.status().message());
  rule.format = *parsed;
  return rule;
}

const numerics::Format *
quantize::fittingFormat(const numerics::Format &format,
                        const std::vector<numerics::Format> &fallback,
                        int64_t rows, int64_t cols) {
  if (numerics::checkShape(format, rows, cols))
    return &format;
  for (const numerics::Format &other : fallback)
    if (other.element.bits >= format.element.bits &&
        numerics::checkShape(other, rows, cols))
      return &other;
  return nullptr;
}
