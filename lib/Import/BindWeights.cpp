// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether a container holds the weights of an architecture, and where.

#include "BindWeights.h"

#include "quern/Support/Text.h"

namespace quern::import {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

namespace {
/// The first few of many names.
class NameList {
public:
  void add(const std::string &name) {
    if (++count <= shown)
      text += (count > 1 ? ", " : "") + inQuotes(name);
  }
  bool empty() const { return count == 0; }
  std::string str() const {
    return count <= shown
               ? text
               : text + " and " + std::to_string(count - shown) + " more";
  }

private:
  static constexpr size_t shown = 8;
  size_t count = 0;
  std::string text;
};
} // namespace

/// Fails if a tensor is neither used nor harmless.
static Status checkUnused(const Architecture &architecture,
                          const Container &container,
                          const std::set<std::string> &used) {
  NameList unknown;
  for (const weights::TensorInfo &tensor : container.getSource().tensors()) {
    if (used.count(tensor.name))
      continue;
    Result<bool> ignored = container.mayIgnore(tensor);
    if (!ignored)
      return ignored.status();
    if (!*ignored)
      unknown.add(tensor.name);
  }
  if (unknown.empty())
    return Status::ok();
  return invalid(container.getSource().path() + ": expects only tensors of a " +
                 architecture.family + " model with " +
                 std::to_string(architecture.layers) +
                 " layers, but got unknown tensors: " + unknown.str());
}

Result<BoundWeights> bindWeights(const Architecture &architecture,
                                 const Container &container) {
  BoundWeights bound;
  std::set<std::string> used, absent;
  NameList missing;
  Status status;
  forEachWeight(architecture, [&](const Weight &weight) {
    Result<std::optional<BoundWeight>> found = container.bind(weight, used);
    status = found.status();
    if (!found)
      return false;
    std::string name = container.tensorNameOf(weight);
    if (*found)
      bound.emplace(weight.name, **found);
    else if (absent.insert(name).second) // one tensor may hold many weights
      missing.add(name);
    return true;
  });
  if (!status)
    return status;
  if (!missing.empty())
    return invalid(container.getSource().path() +
                   ": missing tensors: " + missing.str());
  if (Status unused = checkUnused(architecture, container, used); !unused)
    return unused;
  return bound;
}

} // namespace quern::import
