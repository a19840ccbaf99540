// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The ways to quantize checkpoints, as share/checkpoint-methods.txt lists
// them.

#include "Methods.h"

#include <sstream>

using namespace quern;
using namespace quern::exporter;

namespace quern::exporter {
extern const char *const checkpointMethodsText; ///< the shipped file
} // namespace quern::exporter

/// `ENTRY [PARAMETER=VALUE ...] [as FORMAT]`
static Candidate readCandidate(std::istringstream &words) {
  Candidate candidate;
  words >> candidate.entry;
  for (std::string word, value; words >> word;) {
    size_t equals = word.find('=');
    if (equals != std::string::npos)
      candidate.parameters.emplace_back(word.substr(0, equals),
                                        word.substr(equals + 1));
    else if (word == "as" && words >> value)
      candidate.parameters.emplace_back("as", value);
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
      words >> methods.back().container >> std::ws;
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

const Method *exporter::findMethod(const std::string &container) {
  for (const Method &method : allMethods())
    if (container == method.container)
      return &method;
  return nullptr;
}
