// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What configurations of several methods say alike.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_RULES_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_RULES_H

#include "../Config.h"
#include "quern/Support/Pattern.h"

#include <optional>
#include <string>
#include <vector>

namespace quern::import {

/// A number of columns that share a scale; 0 for whole rows, which are written
/// as -1. Fails for 0.
int64_t readGroupSize(Config &config, const std::string &key,
                      std::optional<int64_t> fallback = std::nullopt);

/// Names of modules, of their classes, and patterns behind `re:`.
class ModuleRules {
public:
  /// Reads a list of strings; errors are kept in `config`.
  static ModuleRules read(Config &config, const std::string &key);

  /// How closely a rule names `module`: 3 by its name, 2 by a pattern, 1 by its
  /// class, 0 not at all.
  int rank(const std::string &module) const;
  /// The rules as they are written, for messages.
  std::string text() const;

private:
  std::vector<std::string> names;
  std::vector<Pattern> patterns;
};

/// Of a rule `text`, a part of member `key`, that names none.
Status noModule(const std::string &key, const std::string &text);

/// The class of a module of the model, by its name.
std::string classOfModule(const std::string &module);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_RULES_H
