// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime for each architecture, as the build made it: linked into every
// model.so, wherever the compiler is installed.

        .section .rodata
.macro mark name
        .hidden \name
        .globl \name
\name:
.endm

mark quern_runtime_archive_x86_64
        .incbin QUERN_RUNTIME_X86_64
mark quern_runtime_archive_x86_64_end
mark quern_runtime_archive_aarch64
#ifdef QUERN_RUNTIME_AARCH64
        .incbin QUERN_RUNTIME_AARCH64
#endif
mark quern_runtime_archive_aarch64_end
        .byte 0
        .section .note.GNU-stack,"",@progbits
