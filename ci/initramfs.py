# SPDX-License-Identifier: BSD-2-Clause
"""Writes an initramfs: a cpio archive in the "newc" form that Linux unpacks, uncompressed because the CPU is emulated."""

from __future__ import annotations

import stat
from pathlib import Path

import whole


def _entry(number: int, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    fields = (number, mode, 0, 0, 2 if stat.S_ISDIR(mode) else 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def make(target: Path, files: dict[str, Path | bytes], links: dict[str, str]) -> Path:
    """`files` are made executable; `links` maps a name to what it points at. Folders are made as needed. Cases that run side by side make the same one."""
    folders = {"dev", "proc", "sys", "tmp"}
    for name in list(files) + list(links):
        parts = name.split("/")[:-1]
        folders |= {"/".join(parts[:i + 1]) for i in range(len(parts))}
    entries = [(name, stat.S_IFDIR | 0o755, b"", (0, 0)) for name in sorted(folders)]
    # The console must exist before /init has mounted anything, or its output is lost.
    entries.append(("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)))
    for name, data in sorted(files.items()):
        entries.append((name, stat.S_IFREG | 0o755, data if isinstance(data, bytes) else data.read_bytes(), (0, 0)))
    for name, to in sorted(links.items()):
        entries.append((name, stat.S_IFLNK | 0o777, to.encode(), (0, 0)))
    entries.append(("TRAILER!!!", 0, b"", (0, 0)))
    archive = b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))
    return whole.write(target, archive + b"\0" * (-len(archive) % 512))
