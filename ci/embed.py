# SPDX-License-Identifier: BSD-2-Clause
"""Turns a file into a C header with one constant array: embed.py INPUT OUTPUT NAME."""

import sys
from pathlib import Path


def main() -> None:
    source, target, name = sys.argv[1:4]
    data = Path(source).read_bytes()
    rows = [", ".join(f"0x{b:02x}" for b in data[i:i + 16]) for i in range(0, len(data), 16)]
    body = ",\n    ".join(rows)
    Path(target).write_text(
        f"/* Generated from {Path(source).name}. */\n#pragma once\n\n"
        f"static const unsigned char {name}[{len(data)}] __attribute__((aligned(16))) = {{\n    {body},\n}};\n")


main()
