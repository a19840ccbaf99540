// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Text of names and shapes from outside, safe to put into messages.

#ifndef QUERN_SUPPORT_TEXT_H
#define QUERN_SUPPORT_TEXT_H

#include "quern/Base/Span.h"

#include <cstdint>
#include <string>

namespace quern {

/// `text` in single quotes, as UTF-8. Control characters, and bytes that are no
/// UTF-8, are written as `\xNN`, so that a hostile name can neither drive the
/// user's terminal nor break what reads the message. A text of more than 200
/// bytes is cut and ends in `...`.
std::string inQuotes(const std::string &text);

/// A shape as `[2, 3]`. Of more than 16 extents the rest is only counted.
std::string shapeText(Span<const int64_t> shape);

} // namespace quern

#endif // QUERN_SUPPORT_TEXT_H
