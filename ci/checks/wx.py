# SPDX-License-Identifier: BSD-2-Clause
"""Nothing in an image is both writable and executable: wx.py ELF..."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK = 1, 2, 3, 0x6474E551
PF_X, PF_W = 1, 2
PAGE = 4096


def segments(image: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Type, flags, address and size in memory of each program header of a 64-bit ELF file."""
    if image[:5] != b"\x7fELF\x02":
        raise ValueError("not a 64-bit ELF file")
    offset, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for number in range(count):
        kind, flags, _, address, _, _, memory = struct.unpack_from("<IIQQQQQ", image, offset + number * size)
        yield kind, flags, address, memory


def check(name: str, image: bytes) -> Iterator[str]:
    loads = []
    for kind, flags, address, size in segments(image):
        if kind in (PT_DYNAMIC, PT_INTERP):
            yield f"{name}: is linked dynamically"
        if kind in (PT_LOAD, PT_GNU_STACK) and flags & PF_W and flags & PF_X:
            yield f"{name}: segment at {address:#x} is writable and executable"
        if kind == PT_LOAD and size:
            loads.append((address // PAGE, -(-(address + size) // PAGE), flags))
    if not any(flags & PF_X for _, _, flags in loads):
        yield f"{name}: no code"
    loads.sort()
    for (_, end, before), (first, _, after) in zip(loads, loads[1:]):
        if first < end and before != after:
            yield f"{name}: segments with different rights share the page {first * PAGE:#x}"


def main() -> int:
    problems = []
    for name in sys.argv[1:]:
        problems += check(name, Path(name).read_bytes())
    print("\n".join(problems) if problems else f"{len(sys.argv) - 1} images")
    return 1 if problems or len(sys.argv) == 1 else 0


if __name__ == "__main__":
    sys.exit(main())
