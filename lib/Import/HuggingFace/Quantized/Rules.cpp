// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What configurations of several methods say alike.

#include "Rules.h"

#include "../../Limits.h"
#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::import {

int64_t readGroupSize(Config &config, const std::string &key,
                      std::optional<int64_t> fallback) {
  int64_t size = config.integer(key, -1, widthLimit, fallback);
  if (size == 0)
    config.fail(key, "expects a number of columns, or -1 for whole rows, but "
                     "got 0");
  return std::max<int64_t>(size, 0);
}

ModuleRules ModuleRules::read(Config &config, const std::string &key) {
  ModuleRules rules;
  for (const std::string &text : config.strings(key)) {
    if (text.rfind("re:", 0) != 0) {
      rules.names.push_back(text);
      continue;
    }
    Result<Pattern> pattern = Pattern::parse(text.substr(3));
    if (pattern)
      rules.patterns.push_back(std::move(*pattern));
    else
      config.fail(key, pattern.status().message(), StatusCode::Unsupported);
  }
  return rules;
}

Status noModule(const std::string &key, const std::string &text) {
  return Status::error(StatusCode::InvalidFile,
                       "'quantization_config." + key +
                           "': expects to name modules of the model, but none "
                           "is named by " +
                           text);
}

std::string ModuleRules::text() const {
  std::string text;
  auto add = [&](const std::string &rule) {
    text += (text.empty() ? "" : ", ") + inQuotes(rule);
  };
  for (const std::string &name : names)
    add(name);
  for (const Pattern &pattern : patterns)
    add("re:" + pattern.text());
  return text.empty() ? "an empty list" : text;
}

std::string classOfModule(const std::string &module) {
  return module == "model.embed_tokens" ? "Embedding" : "Linear";
}

int ModuleRules::rank(const std::string &module) const {
  auto hasName = [&](const std::string &name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (hasName(module))
    return 3;
  if (std::any_of(patterns.begin(), patterns.end(),
                  [&](const Pattern &p) { return p.matches(module); }))
    return 2;
  return hasName(classOfModule(module)) ? 1 : 0;
}

} // namespace quern::import
