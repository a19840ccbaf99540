// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The one form of the interpreter's complaints.

#ifndef QUERN_LIB_REFERENCE_MISMATCH_H
#define QUERN_LIB_REFERENCE_MISMATCH_H

#include "quern/Base/Status.h"

namespace quern::reference {

inline Status mismatch(const std::string &expected, const std::string &actual) {
  return Status::error(StatusCode::InvalidArgument,
                       "expects " + expected + ", but got " + actual);
}

} // namespace quern::reference

#endif // QUERN_LIB_REFERENCE_MISMATCH_H
