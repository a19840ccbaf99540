#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# \file Shows that the runtime needs the C library alone and has no state.
"""check_symbols.py LLVM-BIN ARCHIVE SHARED-LIBRARY

Fails if the archive of the runtime refers to a symbol that is neither its own,
nor the C library's, nor the table of generated code; if it has writable data or
static constructors; or if the shared library exports anything but
quern_get_api, or needs a library other than C's.
"""

import re
import subprocess
import sys

C_LIBRARIES = ("libc.so", "libm.so", "libpthread.so", "ld-linux")
# Writable sections. .data.rel.ro is read-only once the library is loaded.
STATE = re.compile(r"\.(data|bss|tdata|tbss|init_array|ctors)(?!\.rel\.ro)")


def output(*command: str) -> list[str]:
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout.splitlines()


def symbols(nm: str, *arguments: str) -> set[str]:
    lines = output(nm, "--format=just-symbols", *arguments)
    return {line.split("@")[0] for line in lines if line and not line.endswith(":")}


def main() -> int:
    llvm_bin, archive, library = sys.argv[1:]
    nm, objdump, readelf = (f"{llvm_bin}/llvm-{tool}" for tool in ("nm", "objdump", "readelf"))
    errors = []

    foreign = symbols(nm, "--undefined-only", archive) - symbols(nm, "--defined-only", archive)
    foreign -= {"quern_generated_model", "_GLOBAL_OFFSET_TABLE_"}
    # The C++ library's and the exception runtime's names are mangled or __cxa's.
    errors += [
        f"refers to {name}"
        for name in sorted(foreign)
        if name.startswith(("_Z", "__cxa", "__gxx", "_Unwind"))
    ]

    # Sections come as "index name size address type".
    for line in output(objdump, "-h", archive):
        fields = line.split()
        if len(fields) >= 4 and STATE.match(fields[1]) and int(fields[2], 16) > 0:
            errors.append(f"has state or constructors: {' '.join(fields)}")

    exported = symbols(nm, "--dynamic", "--defined-only", "--extern-only", library)
    if exported != {"quern_get_api"}:
        errors.append(f"expects to export quern_get_api alone, but got {sorted(exported)}")

    needed = [
        line.split("[")[1].rstrip("]")
        for line in output(readelf, "-d", library)
        if "(NEEDED)" in line
    ]
    errors += [f"needs {name}" for name in needed if not name.startswith(C_LIBRARIES)]

    for error in errors:
        print(f"{archive}: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
