// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Messages that point at a character of a format's text.
//
// Where a text has no source file that an editor or MLIR could show, as on a
// command line, the message of an error is one paragraph followed by two lines,
// each indented by two spaces: the text, and a caret under the character.

#ifndef QUERN_NUMERICS_FORMATDIAGNOSTICS_H
#define QUERN_NUMERICS_FORMATDIAGNOSTICS_H

#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// "\n  TEXT\n  ^" with the caret under byte `offset` of `text`, which is
/// UTF-8. Of a long text only the surroundings are shown, and a control
/// character is shown as a space.
std::string pointAt(const std::string &text, size_t offset);

/// FormatRegistry::resolve for the text of an option: an error points at the
/// character. One about a name does not, for the whole name is wrong.
Result<Format> resolveOption(const FormatRegistry &registry,
                             const std::string &text);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_FORMATDIAGNOSTICS_H
