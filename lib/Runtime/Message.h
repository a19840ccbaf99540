// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A status with its text, in a buffer of fixed size.

#ifndef QUERN_LIB_RUNTIME_MESSAGE_H
#define QUERN_LIB_RUNTIME_MESSAGE_H

#include "quern/Runtime/quern_rt.h"

#include <stdarg.h>
#include <stdio.h>

namespace quern::runtime {

/// The text of an object's last error. Cut, never overflowing.
struct Message {
  char text[512];

  /// Formats the text and returns `status`, so that a check is one line.
  __attribute__((format(printf, 3, 4))) quern_status fail(quern_status status,
                                                          const char *format,
                                                          ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return status;
  }
};

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_MESSAGE_H
