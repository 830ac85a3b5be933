# SPDX-License-Identifier: BSD-2-Clause
"""Makes the second initramfs of the Linux test guest: QEMU, and the Linux that it boots as L2."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import initramfs
import linux_image

# A build of QEMU with KVM alone: it wants eight libraries, and starts sooner than the whole of it.
QEMU = Path("/usr/bin/qemu-system-x86_64-microvm")
FIRMWARE = Path("/usr/share/qemu/qboot.rom")


def libraries(program: Path, place: str = "") -> list[Path]:
    """What the dynamic linker would load, `place` searched first, and the linker itself."""
    environment = os.environ | ({"LD_LIBRARY_PATH": place} if place else {})
    listed = subprocess.run(["ldd", str(program)], check=True, text=True, capture_output=True, env=environment).stdout
    if "not found" in listed:
        raise SystemExit(f"{program.name} needs libraries that aren't there:\n{listed}")
    return [Path(word) for line in listed.splitlines() for word in line.split() if word.startswith("/")]


def make(build: Path) -> Path:
    files: dict[str, Path | bytes] = {f"bin/{QEMU.name}": QEMU, "qemu/bios-microvm.bin": FIRMWARE,
             "qemu/vmlinuz": build / "linux/vmlinuz", "qemu/initrd.img": linux_image.make_inner_initramfs(build)}
    files |= {str(path).lstrip("/"): path for path in libraries(QEMU)}
    return initramfs.make(build / "linux/nested.img", files, {})
