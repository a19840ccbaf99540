// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime, as the build made it: linked into every model.so, wherever the
// compiler is installed.
        .section .rodata
        .balign 16
        .hidden quern_runtime_archive
        .hidden quern_runtime_archive_end
        .globl quern_runtime_archive
        .globl quern_runtime_archive_end
quern_runtime_archive:
        .incbin QUERN_RUNTIME_ARCHIVE
quern_runtime_archive_end:
        .byte 0
        .section .note.GNU-stack,"",@progbits
