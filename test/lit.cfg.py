# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The lit suites: `ninja check-quern`, and `check-quern-slow` for those that
build something or read whole models."""

import os

import lit.formats

# Features that a test may name in `REQUIRES:`, and who has them.
#   slow      check-quern-slow
#   data      the folder `shared/data` lies beside the repository
#   avx2, avx512-vnni    this machine can run code for that instruction set


def cpu_flags():
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            lines = [line for line in cpuinfo if line.startswith("flags")]
    except OSError:
        return set()
    return set(lines[0].split()) if lines else set()


config.name = "quern"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Python", "lib", "unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.quern_obj_root, "test")

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.quern_obj_root, "bin"), config.llvm_tools_dir, os.environ["PATH"]]
)
# FileCheck variables do not leak over a CHECK-LABEL.
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input=fail"

data = os.path.join(os.path.dirname(config.quern_src_root), "shared", "data")
config.substitutions += [
    ("%shared", data),
    ("%{quern_src_root}", config.quern_src_root),
    ("%{quern_obj_root}", config.quern_obj_root),
    ("%{llvm_prefix}", config.llvm_prefix),
    ("%{cc}", config.c_compiler),
    ("%{cxx}", config.cxx_compiler),
    ("%python", config.python),
]
# QUERN_CHECK_ROUNDTRIP=1 makes every test also a test of print and parse.
if os.environ.get("QUERN_CHECK_ROUNDTRIP"):
    config.substitutions.append((r"\bquant-opt\b", "quant-opt --verify-roundtrip"))

if lit_config.params.get("slow"):
    config.available_features.add("slow")
if os.path.isdir(data):
    config.available_features.add("data")
flags = cpu_flags()
if {"avx2", "fma", "f16c"} <= flags:
    config.available_features.add("avx2")
if {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"} <= flags:
    config.available_features.add("avx512-vnni")
