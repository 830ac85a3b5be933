# SPDX-License-Identifier: BSD-2-Clause
"""Gets Debian's Xen with its tools, and a kernel that can be its dom0 (the cloud kernel can't), without installing them."""

from __future__ import annotations

import argparse
import lzma
import re
import struct
import subprocess
from pathlib import Path

import linux_image
import nested_image

HYPERVISOR, KERNEL, TOOLS = ("xen-system-amd64", "xen-hypervisor"), ("linux-image-amd64", "linux-image"), ("xen-system-amd64", "xen-utils")
# All that domains print appears in Xen's log.
XEN_OPTIONS = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all noreboot dom0_mem=192M,max:192M"
# What starts a domain, and what that talks to.
PROGRAMS = ("xl", "xenstored", "xenconsoled", "xen-init-dom0")
LIBGCC = "libgcc_s.so.1"  # what libc loads to end a thread
MODULES = ["xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs"]
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


def _unpacked(package: str, home: Path, to: Path, *only: str) -> None:
    """Some folders of a package."""
    archive = linux_image.download(package, home)
    to.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["dpkg", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as tar:
        subprocess.run(["tar", "-x", "-C", str(to), "--wildcards", *only], check=True, stdin=tar.stdout)
    archive.unlink()


def _written(path: Path, contents: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(contents)
    partial.rename(path)


def _fetch_tools(home: Path) -> None:
    """xen-utils, and of the libraries that it depends on those of Xen."""
    tools = linux_image.package_of(*TOOLS)
    options = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    listed = subprocess.run(["apt-cache", "depends", "--recurse", *options, tools], check=True, text=True, capture_output=True).stdout
    wanted = {name for name in listed.splitlines() if re.match(r"libxen|libyajl", name)}
    for package in (tools, *sorted(wanted)):
        _unpacked(package, home, home / "tools.partial", "./usr/lib")
    (home / "tools.partial").rename(home / "tools")


def fetch(build: Path) -> None:
    """Leaves build/xen/xen.efi, build/xen/vmlinuz with its modules of Xen in build/xen/modules, and build/xen/tools."""
    home = build / "xen"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "xen.efi").exists():
        _unpacked(linux_image.package_of(*HYPERVISOR), home, home, "./boot/xen-*.efi")
        _written(home / "xen.efi", next((home / "boot").glob("xen-*.efi")).read_bytes())
    if not (home / "modules").exists() or not (home / "vmlinuz").exists():
        # Of the kernel's modules only these: all would take long.
        _unpacked(linux_image.package_of(*KERNEL), home, home / "modules.partial", "./boot/vmlinuz-*", "*/kernel/drivers/xen/*")
        _written(home / "vmlinuz", unpacked(next((home / "modules.partial/boot").glob("vmlinuz-*")).read_bytes()))
        (home / "modules.partial").rename(home / "modules")
    if not (home / "tools").exists():
        _fetch_tools(home)


def _domain_files(build: Path, linux: bool) -> dict[str, Path | bytes]:
    """For dom0: Xen's tools with their libraries, the modules that they need, and the kernel of a domain: ours, or Linux'."""
    home = build / "xen"
    loaded = linux_image.modules(home / "modules", MODULES)
    files: dict[str, Path | bytes] = {f"modules/{name}": data for name, data in loaded.items()}
    files["modules/xen_order"] = "\n".join(loaded).encode() + b"\n"
    if linux:
        files |= {"xen/vmlinuz": build / "linux/vmlinuz", "xen/initrd.img": linux_image.make_domain_initramfs(build)}
    else:
        files["xen/pvh.elf"] = build / "ci/guests/pvh/pvh.elf"
    place = next((home / "tools/usr/lib").glob("*-linux-gnu"))
    programs = next((home / "tools/usr/lib").glob("xen-*/bin"))
    for name in PROGRAMS:
        files[f"bin/{name}"] = programs / name
        # Those of Xen lie where the dynamic linker looks.
        files |= {f"lib/{path.name}" if path.is_relative_to(home) else str(path).lstrip("/"): path
                  for path in nested_image.libraries(programs / name, str(place))}
    libc = next(path for path in files.values() if isinstance(path, Path) and path.name == "libc.so.6")
    files[f"lib/{LIBGCC}"] = libc.parent / LIBGCC
    return files


def esp_files(build: Path, run: tuple[str, ...], vcpus: int) -> dict[str, Path | bytes]:
    """What lies beside xen.efi. `run`: the tests that dom0's /init runs; `vcpus`: of a domain that these start."""
    words = f"bh.run={','.join(run)} bh.vcpus={vcpus}"
    configuration = f"[global]\ndefault=dom0\n[dom0]\noptions={XEN_OPTIONS}\nkernel=vmlinuz {DOM0_OPTIONS} {words}\nramdisk=initrd.img\n"
    return {"EFI/xen/xen.cfg": configuration.encode(), "EFI/xen/vmlinuz": build / "xen/vmlinuz",
            "EFI/xen/initrd.img": linux_image.make_dom0_initramfs(build, _domain_files(build, "xen_linux" in run))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    fetch(parser.parse_args().build.resolve())


if __name__ == "__main__":
    main()
