// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The ways to quantize checkpoints, as share/checkpoint-methods.txt lists
// them.

#include "Methods.h"
#include "quern/Export/Checkpoint.h"
#include "quern/Support/Text.h"

#include <sstream>

using namespace quern;
using namespace quern::exporter;

namespace quern::exporter {
extern const char *const checkpointMethodsText; ///< the shipped file
} // namespace quern::exporter

/// `ENTRY [PARAMETER=VALUE ...] [as VARIANT]`
static Candidate readCandidate(std::istringstream &words) {
  Candidate candidate;
  words >> candidate.entry;
  for (std::string word; words >> word;) {
    size_t equals = word.find('=');
    if (equals != std::string::npos)
      candidate.parameters.emplace_back(word.substr(0, equals),
                                        word.substr(equals + 1));
    else if (word == "as")
      words >> candidate.variant;
  }
  return candidate;
}

/// The shipped text is tested by what is written with it; lines that do not
/// parse are missed there.
static std::vector<Method> readShipped() {
  std::vector<Method> methods;
  std::istringstream lines(checkpointMethodsText);
  for (std::string line, kind; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    if (!(words >> kind))
      continue;
    if (kind == "container") {
      methods.emplace_back();
      words >> methods.back().container;
    } else if (kind == "holds") {
      std::getline(words >> std::ws, methods.back().holds);
    } else if (kind == "try") {
      methods.back().candidates.push_back(readCandidate(words));
    }
  }
  return methods;
}

const std::vector<Method> &exporter::allMethods() {
  static const std::vector<Method> methods = readShipped();
  return methods;
}

std::vector<std::string> exporter::checkpointContainers() {
  std::vector<std::string> names;
  for (const Method &method : allMethods())
    names.push_back(method.container);
  return names;
}

/// The variants of a method, for people.
static std::string variantsOf(const Method &method) {
  std::string names;
  for (const Candidate &candidate : method.candidates)
    if ((", " + names + ",").find(", " + candidate.variant + ",") ==
        std::string::npos)
      names += (names.empty() ? "" : ", ") + candidate.variant;
  return names;
}

Result<Method> exporter::findMethod(const std::string &container) {
  size_t slash = container.find('/');
  std::string known;
  for (const Method &method : allMethods()) {
    known += (known.empty() ? "" : ", ") + method.container;
    if (container.substr(0, slash) != method.container)
      continue;
    if (slash == std::string::npos)
      return method;
    std::string variant = container.substr(slash + 1);
    Method narrowed = method;
    narrowed.candidates.clear();
    for (const Candidate &candidate : method.candidates)
      if (!variant.empty() && candidate.variant == variant)
        narrowed.candidates.push_back(candidate);
    if (!narrowed.candidates.empty())
      return narrowed;
    std::string variants = variantsOf(method);
    return Status::error(
        StatusCode::Unsupported,
        "expects " +
            (variants.empty() ? "no variant" : "a variant, " + variants + ",") +
            " behind " + inQuotes(method.container + "/") + ", but got " +
            inQuotes(variant));
  }
  return Status::error(StatusCode::Unsupported,
                       "expects a container of checkpoints, " + known +
                           ", but got " + inQuotes(container));
}
