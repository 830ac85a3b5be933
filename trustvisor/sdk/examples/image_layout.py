#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes of a linked PAL what a program embeds: image_layout.py ELF NAME BINARY HEADER. ELF is linked with image.ld."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGE = 4096


def symbols(elf: str) -> dict[str, int]:
    listed = subprocess.run(["nm", elf], check=True, text=True, capture_output=True).stdout
    return {words[2]: int(words[0], 16) for line in listed.splitlines() if len(words := line.split()) == 3}


def main() -> None:
    elf, name, binary, header = sys.argv[1:5]
    symbol = symbols(elf)
    start, data, end = symbol["image_start"], symbol["image_data"], symbol["image_end"]
    subprocess.run(["objcopy", "-O", "binary", elf, binary], check=True)
    if Path(binary).stat().st_size != end - start:
        raise SystemExit(f"{elf}: its image has {Path(binary).stat().st_size} bytes, not {end - start}")
    values = {"AT": start, "ENTRY": symbol[f"{name}_pal"], "CODE_PAGES": (data - start) // PAGE, "DATA_PAGES": (end - data) // PAGE}
    lines = [f"#define {name.upper()}_{key} {value:#x}u" if value < 1 << 32 else f"#define {name.upper()}_{key} {value:#x}ull" for key, value in values.items()]
    Path(header).write_text("// Generated: where the PAL is linked to.\n#pragma once\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
