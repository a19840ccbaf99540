// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Error messages of this phase. Internal to Pack.

#ifndef QUERN_LIB_PACK_MESSAGE_H
#define QUERN_LIB_PACK_MESSAGE_H

#include "quern/Base/Status.h"
#include "llvm/Support/raw_ostream.h"

namespace quern::pack {

inline Status mismatch(const std::string &expected, const std::string &found) {
  return Status::error(StatusCode::InvalidArgument,
                       "expects " + expected + ", but got " + found);
}

/// How IR prints a type or an attribute.
template <typename T> std::string textOf(T typeOrAttribute) {
  std::string text;
  llvm::raw_string_ostream(text) << typeOrAttribute;
  return text;
}

} // namespace quern::pack

#endif // QUERN_LIB_PACK_MESSAGE_H
