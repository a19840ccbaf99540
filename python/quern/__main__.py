# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`python -m quern` is the command `quern`."""

import sys

from .cli import main

sys.exit(main())
