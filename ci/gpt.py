# SPDX-License-Identifier: BSD-2-Clause
"""Makes a disk image with a GUID partition table whose one partition is an EFI system partition (UEFI 2.10, 5.3 "GPT Disk Layout")."""

from __future__ import annotations

import shutil
import struct
import uuid
import zlib
from pathlib import Path

SECTOR = 512
FIRST = 2048                      # where the partition starts: aligned to 1 MiB
ENTRIES, ENTRY_BYTES = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
AFTER = TABLE_SECTORS + 1         # the second table and header, at the end
EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
# Fixed, so that the same contents make the same image; two of them in one machine are still told apart by their disks.
DISK = uuid.UUID("b01cead0-0000-4000-8000-000000000001")
PARTITION = uuid.UUID("b01cead0-0000-4000-8000-000000000002")


def _protective_mbr(sectors: int) -> bytes:
    """One entry of type 0xEE over the whole disk, for those who know no GPT."""
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff\xff\xff", 1, min(sectors - 1, 0xffffffff))
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def _header(sectors: int, here: int, other: int, table: int, table_crc: int) -> bytes:
    def pack(crc: int) -> bytes:
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, here, other, FIRST, sectors - AFTER - 1,
                           DISK.bytes_le, table, ENTRIES, ENTRY_BYTES, table_crc)
    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def wrap(image: Path, partition: Path, name: str = "EFI system partition") -> None:
    """Writes the disk: the partition's contents come from a file whose size is a multiple of a sector."""
    inside = partition.stat().st_size // SECTOR
    sectors = FIRST + inside + AFTER
    table = struct.pack("<16s16sQQQ72s", EFI_SYSTEM.bytes_le, PARTITION.bytes_le, FIRST, FIRST + inside - 1, 0,
                        name.encode("utf-16-le")).ljust(ENTRIES * ENTRY_BYTES, b"\0")
    crc = zlib.crc32(table)
    with image.open("wb") as disk, partition.open("rb") as contents:
        disk.truncate(sectors * SECTOR)
        disk.write(_protective_mbr(sectors) + _header(sectors, 1, sectors - 1, 2, crc) + table)
        disk.seek(FIRST * SECTOR)
        shutil.copyfileobj(contents, disk, 1 << 20)
        disk.seek((sectors - AFTER) * SECTOR)
        disk.write(table + _header(sectors, sectors - 1, 1, sectors - AFTER, crc))
