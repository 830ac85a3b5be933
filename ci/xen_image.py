# SPDX-License-Identifier: BSD-2-Clause
"""Gets Debian's Xen, and a kernel that can be its dom0 (the cloud kernel can't), without installing them."""

from __future__ import annotations

import argparse
import lzma
import struct
import subprocess
from pathlib import Path

import linux_image

PACKAGES = {"xen.efi": ("xen-system-amd64", "xen-hypervisor", "xen-*.efi"), "vmlinuz": ("linux-image-amd64", "linux-image", "vmlinuz-*")}
XEN_OPTIONS = "console=com1 com1=115200,8n1 loglvl=all noreboot dom0_mem=192M,max:192M"
XZ_MAGIC = b"\xfd7zXZ\0"
# All that Linux says costs Xen's serial port and the emulator's time.
DOM0_OPTIONS = "console=hvc0 quiet nokaslr mitigations=off cryptomgr.notests panic=0"


def unpacked(image: bytes) -> bytes:
    """The ELF file in a kernel image (Linux' boot protocol 2.08: payload_offset, payload_length) that is packed by xz, else the image. Xen would
    need half a minute of the emulator's time for it."""
    setup = ((image[0x1f1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup + offset:setup + offset + length]
    return lzma.LZMADecompressor().decompress(payload) if payload.startswith(XZ_MAGIC) else image


def fetch(build: Path) -> None:
    """Leaves build/xen/xen.efi and build/xen/vmlinuz."""
    home = build / "xen"
    home.mkdir(parents=True, exist_ok=True)
    for name, (meta, kind, pattern) in PACKAGES.items():
        if (home / name).exists():
            continue
        archive = linux_image.download(linux_image.package_of(meta, kind), home)
        # Only the folder boot: a kernel's modules would take long, and aren't wanted.
        with subprocess.Popen(["dpkg", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as tar:
            subprocess.run(["tar", "-x", "-C", str(home), "./boot"], check=True, stdin=tar.stdout)
        archive.unlink()
        contents = next((home / "boot").glob(pattern)).read_bytes()
        partial = home / f"{name}.partial"
        partial.write_bytes(unpacked(contents) if name == "vmlinuz" else contents)
        partial.rename(home / name)


def esp_files(build: Path, run: tuple[str, ...]) -> dict[str, Path | bytes]:
    """What lies beside xen.efi. `run`: the tests that dom0's /init runs."""
    configuration = f"[global]\ndefault=dom0\n[dom0]\noptions={XEN_OPTIONS}\nkernel=vmlinuz {DOM0_OPTIONS} bh.run={','.join(run)}\nramdisk=initrd.img\n"
    return {"EFI/xen/xen.cfg": configuration.encode(), "EFI/xen/vmlinuz": build / "xen/vmlinuz",
            "EFI/xen/initrd.img": linux_image.make_inner_initramfs(build)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    fetch(parser.parse_args().build.resolve())


if __name__ == "__main__":
    main()
