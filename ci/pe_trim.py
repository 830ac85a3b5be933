# SPDX-License-Identifier: BSD-2-Clause
"""Leaves out of a PE image what its sections end in zeroes: whoever loads it fills them up (PE Format, "Section Table": VirtualSize). gnu-efi's linker script puts
.bss into .data, and a firmware reads each byte of a file at several instructions."""

from __future__ import annotations

import struct
import sys
from pathlib import Path


class Unusable(Exception):
    pass


def trimmed(image: bytes) -> bytes:
    if len(image) < 0x40 or image[:2] != b"MZ":
        raise Unusable("no PE image")
    header = struct.unpack_from("<I", image, 0x3C)[0]
    if header + 24 > len(image) or image[header:header + 4] != b"PE\0\0":
        raise Unusable("no PE image")
    count, optional = struct.unpack_from("<H", image, header + 6)[0], struct.unpack_from("<H", image, header + 20)[0]
    table = header + 24 + optional
    if optional < 40 or table + 40 * count > len(image):
        raise Unusable("its section table lies beyond its end")
    align = struct.unpack_from("<I", image, header + 24 + 36)[0]
    entries = [table + 40 * i for i in range(count)]
    sections = sorted((*reversed(struct.unpack_from("<II", image, entry + 16)), entry) for entry in entries)
    first = min((start for start, size, _ in sections if size), default=len(image))
    if not 0 < align <= 4096 or first < table + 40 * count:
        raise Unusable("its sections lie in its headers")
    found, end = bytearray(image[:first]), first
    struct.pack_into("<II", found, header + 12, 0, 0)  # the symbol table, which lay behind
    for start, size, entry in sections:
        if size == 0:
            continue
        if start < end or start + size > len(image):
            raise Unusable("its sections overlap, or lie beyond its end")
        end = start + size
        kept = len(image[start:end].rstrip(b"\0"))
        data = image[start:start + -(-max(kept, 1) // align) * align]
        struct.pack_into("<II", found, entry + 16, len(data), len(found))
        found += data
    return bytes(found)


if __name__ == "__main__":
    try:
        Path(sys.argv[2]).write_bytes(trimmed(Path(sys.argv[1]).read_bytes()))
    except (OSError, Unusable) as error:
        sys.exit(f"pe_trim: {sys.argv[1]}: {error}")
