# SPDX-License-Identifier: BSD-2-Clause
"""A partition without RIGHT_VECTORS uses no vector registers, which are the guest's, though BearSSL's library is linked to it: vectors.py OBJDUMP ELF..."""

from __future__ import annotations

import re
import subprocess
import sys

FUNCTION = re.compile(r"[0-9a-f]+ <(\w+)>:")
VECTOR = re.compile(r"%[xyz]mm\d|%mm\d|\bf(?:ld|st|add|mul)\w*\b")
TARGET = re.compile(r"\b(?:call|j\w+)\s+[0-9a-f]+ <(\w+)")
# They begin and end a hash (partitions/verify/file_hash.c), in one section with what is used.
UNUSED = {"br_sha224_init", "br_sha256_init", "sha2small_out", "br_sha224_out", "br_sha256_out"}


def problems(name: str, text: str) -> list[str]:
    found, function = [], ""
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            function = match[1]
            continue
        if function in UNUSED:
            continue
        if VECTOR.search(line):
            found.append(f"{name}: {function} uses a vector register: {line.split(chr(9))[-1]}")
        if (match := TARGET.search(line)) and match[1] in UNUSED:
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
