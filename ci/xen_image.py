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
import whole

HYPERVISOR, KERNEL, TOOLS = ("xen-system-amd64", "xen-hypervisor"), ("linux-image-amd64", "linux-image"), ("xen-system-amd64", "xen-utils")
# All that domains print appears in Xen's log.
XEN_OPTIONS = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all noreboot"
# Of dom0, in MiB. Half of it is room for files; QEMU is 40 MiB of them.
MEMORY, MEMORY_WITH_QEMU = 192, 320
# The device model of HVM domains. It wants a keymap though it has no display; that and the BIOS are installed with QEMU.
DEVICE_MODEL = "qemu-system-xen"
INSTALLED = tuple(map(Path, ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/keymaps/en-us")))
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
    """Leaves build/xen/xen.efi, build/xen/vmlinuz with its modules of Xen in build/xen/modules, build/xen/tools, and build/xen/device_model."""
    home = build / "xen"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "xen.efi").exists():
        _unpacked(linux_image.package_of(*HYPERVISOR), home, home, "./boot/xen-*.efi")
        whole.write(home / "xen.efi", next((home / "boot").glob("xen-*.efi")).read_bytes())
    if not (home / "modules").exists() or not (home / "vmlinuz").exists():
        # Of the kernel's modules only these: all would take long.
        _unpacked(linux_image.package_of(*KERNEL), home, home / "modules.partial", "./boot/vmlinuz-*", "*/kernel/drivers/xen/*")
        whole.write(home / "vmlinuz", unpacked(next((home / "modules.partial/boot").glob("vmlinuz-*")).read_bytes()))
        (home / "modules.partial").rename(home / "modules")
    if not (home / "tools").exists():
        _fetch_tools(home)
    if not (home / "device_model").exists():
        _unpacked(DEVICE_MODEL, home, home / "device_model.partial", "./usr/libexec")
        (home / "device_model.partial").rename(home / "device_model")


def _with_libraries(program: Path, at: str, home: Path) -> dict[str, Path | bytes]:
    """A program with what the dynamic linker loads for it. Libraries of Xen lie where that looks by itself."""
    place = next((home / "tools/usr/lib").glob("*-linux-gnu"))
    return {at: program} | {f"lib/{path.name}" if path.is_relative_to(home) else str(path).lstrip("/"): path
                            for path in nested_image.libraries(program, str(place))}


def _hvm_files(build: Path) -> dict[str, Path | bytes]:
    """What an HVM domain needs: what loads its BIOS, that, the device model, and a disk. Each lies where Xen's tools expect it."""
    home = build / "xen"
    loader = next((home / "tools/usr/lib").glob("xen-*/boot/hvmloader"))
    model = next((home / "device_model/usr/libexec").glob("xen-qemu-system-*"))
    return _with_libraries(model, f"usr/libexec/{model.name}", home) | {
        str(loader.relative_to(home / "tools")): loader, "xen/hvm.img": build / "ci/guests/pvh/hvm.img"} | {str(path).lstrip("/"): path for path in INSTALLED}


def _domain_files(build: Path, tests: tuple[str, ...]) -> dict[str, Path | bytes]:
    """For dom0: Xen's tools with their libraries, the modules that they need, and what a domain runs: a kernel of ours, or Linux', or a disk."""
    home = build / "xen"
    loaded = linux_image.modules(home / "modules", MODULES)
    files: dict[str, Path | bytes] = {f"modules/{name}": data for name, data in loaded.items()}
    files["modules/xen_order"] = "\n".join(loaded).encode() + b"\n"
    if "xen_linux" in tests:
        files |= {"xen/vmlinuz": build / "linux/vmlinuz", "xen/initrd.img": linux_image.make_domain_initramfs(build)}
    elif "xen_hvm" in tests:
        files |= _hvm_files(build)
    else:
        files["xen/pvh.elf"] = build / "ci/guests/pvh/pvh.elf"
    programs = next((home / "tools/usr/lib").glob("xen-*/bin"))
    for name in PROGRAMS:
        files |= _with_libraries(programs / name, f"bin/{name}", home)
    libc = next(path for path in files.values() if isinstance(path, Path) and path.name == "libc.so.6")
    files[f"lib/{LIBGCC}"] = libc.parent / LIBGCC
    return files


def esp_files(build: Path, run: tuple[str, ...], vcpus: int) -> dict[str, Path | bytes]:
    """What lies beside xen.efi. `run`: the tests that dom0's /init runs; `vcpus`: of a domain that these start."""
    words = f"bh.run={','.join(run)} bh.vcpus={vcpus}"
    memory = MEMORY_WITH_QEMU if "xen_hvm" in run else MEMORY
    configuration = f"[global]\ndefault=dom0\n[dom0]\noptions={XEN_OPTIONS} dom0_mem={memory}M,max:{memory}M\nkernel=vmlinuz {DOM0_OPTIONS} {words}\nramdisk=initrd.img\n"
    return {"EFI/xen/xen.cfg": configuration.encode(), "EFI/xen/vmlinuz": build / "xen/vmlinuz",
            "EFI/xen/initrd.img": linux_image.make_dom0_initramfs(build, _domain_files(build, run))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    fetch(parser.parse_args().build.resolve())


if __name__ == "__main__":
    main()
