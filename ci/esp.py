# SPDX-License-Identifier: BSD-2-Clause
"""Makes the image of an EFI system partition: one FAT file system over the whole disk, written with mtools."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path, PurePosixPath

CYLINDER_BYTES = 16 * 63 * 512
SPARE_BYTES = 4 << 20
# Fixed times make the same contents the same image, which keeps runs repeatable.
ENVIRONMENT = {"SOURCE_DATE_EPOCH": "1000000000", "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}


def run_tool(*command: str) -> None:
    """One of the mtools; OSError with its last line where it fails."""
    result = subprocess.run(command, env=os.environ | ENVIRONMENT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if result.returncode:
        raise OSError(errno.EIO, f"{command[0]}: " + (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1])


def bytes_needed(files: dict[str, Path | bytes]) -> int:
    """Room for the files, their folders and some more."""
    sizes = (len(data) if isinstance(data, bytes) else data.stat().st_size for data in files.values())
    return sum(size + 8192 for size in sizes) + SPARE_BYTES


def make(image: Path, files: dict[str, Path | bytes], sectors: int = 0, before: int = 0) -> Path:
    """`files` maps a path on the ESP (forward slashes) to a file, or to the bytes themselves. With `sectors` it is a FAT32 file
    system of exactly that size, for a partition with so many sectors `before` it; else the smallest whole disk that will do."""
    image.parent.mkdir(parents=True, exist_ok=True)
    contents = {PurePosixPath(name): data if isinstance(data, bytes) else data.read_bytes()
                for name, data in files.items()}
    cylinders = max(64, -(-bytes_needed(files) // CYLINDER_BYTES))
    with image.open("wb") as file:
        file.truncate(sectors * 512 or cylinders * CYLINDER_BYTES)
    size = ["-T", str(sectors), "-H", str(before), "-F"] if sectors else ["-t", str(cylinders)]
    run_tool("mformat", "-i", str(image), *size, "-h", "16", "-s", "63", "-N", "b01cead0", "-v", "BULKHEAD", "::")
    folders = sorted({folder for name in contents for folder in name.parents if folder != PurePosixPath(".")},
                     key=lambda folder: (len(folder.parts), folder))
    if folders:
        run_tool("mmd", "-i", str(image), *(f"::/{folder}" for folder in folders))
    staging = image.with_suffix(".staging")
    for name, data in contents.items():
        staging.write_bytes(data)
        os.utime(staging, (1_000_000_000, 1_000_000_000))
        run_tool("mcopy", "-m", "-i", str(image), str(staging), f"::/{name}")
    staging.unlink(missing_ok=True)
    return image
