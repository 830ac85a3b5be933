# SPDX-License-Identifier: BSD-2-Clause
"""The firmware's boot entry for an installation: which disk and partition a folder is on, and what efibootmgr has to be told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

LABEL = "Bulkhead"
LOADER = "\\EFI\\bulkhead\\bulkhead.efi"


class BootEntryError(Exception):
    """One line: why there can be no boot entry."""


@dataclass(frozen=True)
class Mount:
    source: str
    point: Path
    kind: str


def mount_of(folder: Path, table: Path = Path("/proc/self/mounts")) -> Mount | None:
    """The file system that a folder is on."""
    found = None
    real = folder.resolve()
    for line in table.read_text(errors="replace").splitlines():
        source, point, kind = (re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), word) for word in line.split()[:3])
        path = Path(point)
        # Of several at the same place the last one is to be seen.
        if (path == real or path in real.parents) and (found is None or len(path.parts) >= len(found.point.parts)):
            found = Mount(source, path, kind)
    return found


def partition_of(mount: Mount | None, blocks: Path = Path("/sys/class/block")) -> tuple[str, int] | None:
    """Disk and number of the partition; None for what isn't one (a folder of another file system, an overlay)."""
    if mount is None or not mount.source.startswith("/dev/"):
        return None
    block = blocks / Path(os.path.realpath(mount.source)).name
    try:
        return f"/dev/{block.resolve().parent.name}", int((block / "partition").read_text())
    except (OSError, ValueError):
        return None


def command(disk: str, part: int | str) -> list[str]:
    """It makes the entry, and leaves the order of the others as it is."""
    return ["efibootmgr", "--create-only", "--disk", disk, "--part", str(part), "--label", LABEL, "--loader", LOADER]


def find_tool(firmware: Path = Path("/sys/firmware/efi")) -> str:
    """Refuses before anything is changed."""
    tool = shutil.which("efibootmgr") or shutil.which("efibootmgr", path="/usr/sbin:/sbin")
    if tool is None:
        raise BootEntryError("--boot-entry needs efibootmgr, which is not installed: apt-get install efibootmgr")
    if not firmware.is_dir():
        raise BootEntryError("--boot-entry: this system was not started by UEFI, so its boot entries cannot be reached")
    if os.geteuid() != 0:
        raise BootEntryError("--boot-entry: only root may change the firmware's boot entries")
    return tool


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    return ((result.stderr or result.stdout).strip().splitlines() or ["it failed"])[-1]


def _entries(tool: str) -> dict[str, str]:
    """Number of each entry by its label."""
    result = subprocess.run([tool], text=True, capture_output=True)
    if result.returncode:
        raise BootEntryError("efibootmgr: " + _last_line(result))
    return {m[2]: m[1] for m in re.finditer(r"^Boot([0-9A-F]{4})[* ] ([^\t\n]+)", result.stdout, re.MULTILINE)}


def add(tool: str, disk: str, part: int) -> str:
    """Makes the entry unless there is one, and returns its number."""
    if LABEL not in _entries(tool):
        result = subprocess.run([tool, *command(disk, part)[1:]], text=True, capture_output=True)
        if result.returncode:
            raise BootEntryError("efibootmgr: " + _last_line(result))
    number = _entries(tool).get(LABEL)
    if number is None:
        raise BootEntryError("efibootmgr made no boot entry")
    return number
