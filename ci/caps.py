# SPDX-License-Identifier: BSD-2-Clause
"""Constants of the shared headers: numbers that `#define NAME NUMBER` lines and enumerations give."""

from __future__ import annotations

import re
from pathlib import Path

HEADERS = Path(__file__).parent.parent / "subprojects/caps/include/caps"
DEFINE = re.compile(r"^#define\s+(\w+)\s+\(?(0x[0-9a-fA-F]+|\d+)(?:u|ul|ull|U|ULL)?(?:\s*<<\s*(\d+))?\)?\s*(?://.*)?$", re.MULTILINE)

Constants = dict[str, int]


def constants(*names: str) -> Constants:
    """Of the headers of these names, without `.h`. What isn't a plain number is left out."""
    found: Constants = {}
    for name in names:
        for define in DEFINE.finditer((HEADERS / f"{name}.h").read_text()):
            found[define[1]] = int(define[2], 0) << int(define[3] or 0)
    return found
