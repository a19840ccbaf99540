// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The text files of share/ that are compiled into the library.

#ifndef QUERN_LIB_NUMERICS_EMBEDDEDTEXT_H
#define QUERN_LIB_NUMERICS_EMBEDDEDTEXT_H

namespace quern::numerics {

extern const char *const builtinCodebooksText; ///< share/codebooks.txt
extern const char *const builtinFormatsText;   ///< share/formats.txt
extern const char *const builtinLayoutsText;   ///< share/layouts.txt

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_EMBEDDEDTEXT_H
