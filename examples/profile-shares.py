#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads what `quern bench --profile --json` printed: where each phase spends its time."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    profile = json.load(file)
for phase in profile["phases"]:
    seconds = {"linear": 0.0, "attention": 0.0, "other kernels": 0.0}
    for kernel in phase["kernels"]:
        kind = kernel["kind"]
        seconds[kind if kind in seconds else "other kernels"] += kernel["seconds"]
    seconds["barriers"] = phase["wait_seconds"]
    shares = (
        f"{name} {100 * spent / sum(seconds.values()):.1f} %" for name, spent in seconds.items()
    )
    print(f"{phase['name']}: {', '.join(shares)}")
