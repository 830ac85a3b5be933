# SPDX-License-Identifier: BSD-2-Clause
"""A partition without RIGHT_VECTORS uses no vector registers, which are the guest's, though BearSSL's library is linked to it: vectors.py OBJDUMP ELF..."""

from __future__ import annotations

import re
import subprocess
import sys

# Of a function that gcc has split or copied the name has more parts: .part.0, .constprop.0, .isra.0, .cold.
FUNCTION = re.compile(r"[0-9a-f]+ <([^>]+)>:")
TARGET = re.compile(r"\b(?:call|j\w+)\s+[0-9a-f]+ <([^>+]+)")
INSTRUCTION = re.compile(r"\s*[0-9a-f]+:\t(?:(?:rep\w*|lock|bnd|notrack|data16|addr32|cs|ds|es|fs|gs|ss|rex\S*)\s+)*(\S+)")
# By its operands: vector, mask and tile registers, MMX', x87's. By its name: all of x87's begin with F, but for WAIT; what is about their state as a whole; those of
# VEX without operands.
OPERAND = re.compile(r"%(?:[xyzt]?mm\d|k[0-7]\b|st\b)")
MNEMONIC = re.compile(r"f\w+|wait|emms|vzero\w+|v?(?:ld|st)mxcsr|x(?:save|rstor)\w*")
# They begin and end a hash (partitions/verify/file_hash.c), in one section with what is used.
UNUSED = {"br_sha224_init", "br_sha256_init", "sha2small_out", "br_sha224_out", "br_sha256_out"}


def touches(line: str) -> bool:
    """Whether the instruction of that line has to do with registers that are the guest's throughout."""
    match = INSTRUCTION.match(line)
    return bool(match and (MNEMONIC.fullmatch(match[1]) or OPERAND.search(line)))


def unused(function: str) -> bool:
    return function.split(".")[0] in UNUSED


def problems(name: str, text: str) -> list[str]:
    found, function = [], ""
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            function = match[1]
            continue
        if unused(function):
            continue
        if touches(line):
            found.append(f"{name}: {function} uses a vector register: {line.split(chr(9))[-1]}")
        if (match := TARGET.search(line)) and unused(match[1]):
            found.append(f"{name}: {function} calls {match[1]}, which may use vector registers")
    return found


def main() -> int:
    found: list[str] = []
    for name in sys.argv[2:]:
        found += problems(name, subprocess.run([sys.argv[1], "-d", "--no-show-raw-insn", name], check=True, text=True, capture_output=True).stdout)
    print("\n".join(found) if found else f"{len(sys.argv) - 2} images")
    return 1 if found or len(sys.argv) < 3 else 0


if __name__ == "__main__":
    sys.exit(main())
