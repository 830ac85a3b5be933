# SPDX-License-Identifier: BSD-2-Clause
"""Gets Debian's cloud kernel without installing it, and makes the initramfs of the Linux test guest."""

from __future__ import annotations

import argparse
import lzma
import os
import re
import struct
import subprocess
from pathlib import Path

import initramfs
from sdk_programs import library32

META_PACKAGE = "linux-image-cloud-amd64"
WANTED_MODULES = ["kvm-intel"]
SIGNATURE_MARKER = b"~Module signature appended~\n"
CHECK_MODULES = ["msr", "efivarfs"]
# What `bulkhead check` consists of.
CHECK_FILES = ("ci/check_machine.sh", "subprojects/caps/include/caps/vmx_control.def", "subprojects/caps/include/caps/layout.h")
DISK_MODULES = ["ata_piix", "sd_mod", "vfat", "nls_cp437", "nls_ascii", "nls_utf8"]
TESTS = ("kvm", "hidden", "check", "port", "bhctl_test", "crash_test", "crash_raw", "trace_serial", "inject_test", "inject_refused", "self", "disk_on", "reboot",
         "load_test", "load_fault", "load_twice", "load_ranges", "pal", "pal_kept", "pal_reloaded", "pal_secret", "pal_stress", "pal_swap", "pal_looked", "pal_parked",
         "kvm_matrix", "kvm_many", "campaign", "qemu_kvm")
PROGRAMS = ("cpu_check", "mem_probe", "memory_check", "pal_there", "port_call", "port_out", "ranges_there", "suspend", "tsc")
PAL_PROGRAMS = (*(f"{name}{bits}" for name in ("main", "test", "test_args", "micro_tpm", "golden", "abuse") for bits in (32, 64)),
                "secret", "keeper", "swapped")
LINUX = Path(__file__).parent / "guests/linux"
# idle=halt: an idle loop of MWAIT is slow in Bochs for the same reason as the firmware's (see guests/acpi/quiet.h).
COMMAND_LINE = "console=ttyS0,115200 nokaslr mitigations=off cryptomgr.notests panic=0 idle=halt"


def package_of(meta: str, kind: str) -> str:
    """The package of that kind that the meta package stands for."""
    text = subprocess.run(["apt-cache", "show", "--no-all-versions", meta], check=True, text=True, capture_output=True).stdout
    match = re.search(rf"^Depends: (?:.*, )?({kind}-\d\S*?)(?: |,|$)", text, re.MULTILINE)
    if not match:
        raise SystemExit(f"{meta}: what does it depend on?")
    return match.group(1)


def download(package: str, home: Path) -> Path:
    """The package's archive."""
    for old in home.glob("*.deb"):
        old.unlink()
    options = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    subprocess.run(["apt-get", *options, "-q", "download", package], check=True, cwd=home)
    return next(home.glob("*.deb"))


def fetch(build: Path) -> None:
    """Leaves build/linux/root, the unpacked package, and build/linux/vmlinuz."""
    home = build / "linux"
    home.mkdir(parents=True, exist_ok=True)
    if (home / "vmlinuz").exists():
        return
    archive = download(package_of(META_PACKAGE, "linux-image"), home)
    subprocess.run(["dpkg", "-x", str(archive), str(home / "root")], check=True)
    archive.unlink()
    image = next((home / "root/boot").glob("vmlinuz-*"))
    os.link(image, home / "vmlinuz")


def _module_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    # Checking a signature takes the emulated CPU seconds. Layout: ELF file, signature, struct module_signature
    # (12 bytes; the last four are the signature's length), this marker.
    if data.endswith(SIGNATURE_MARKER):
        end = len(data) - len(SIGNATURE_MARKER) - 12
        (length,) = struct.unpack_from(">I", data, end + 8)
        data = data[:end - length]
    return data


def modules(root: Path, wanted: list[str]) -> dict[str, bytes]:
    """The wanted modules and what they depend on, in the order of loading, from an unpacked kernel package."""
    files = {path.name.split(".ko")[0].replace("-", "_"): path for path in root.rglob("*.ko*")}
    ordered: dict[str, bytes] = {}

    def add(name: str) -> None:
        name = name.replace("-", "_")
        if f"{name}.ko" in ordered:
            return
        if name not in files:
            raise SystemExit(f"the kernel package has no module {name}")
        data = _module_bytes(files[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for dependency in depends.group(1).decode().split(",") if depends else []:
            if dependency:
                add(dependency)
        ordered[f"{name}.ko"] = data

    for name in wanted:
        add(name)
    return ordered


def busybox() -> Path:
    found = next((p for p in map(Path, ("/bin/busybox", "/usr/bin/busybox")) if p.exists()), None)
    if found is None:
        raise SystemExit("busybox-static is not installed: ./bulkhead setup")
    return found


def _shell() -> tuple[dict[str, Path | bytes], dict[str, str]]:
    """Files and links of busybox, with /init."""
    shell = busybox()
    applets = subprocess.run([str(shell), "--list"], check=True, text=True, capture_output=True).stdout.split()
    return {"init": LINUX / "init", "bin/busybox": shell}, {f"bin/{name}": "busybox" for name in applets if name != "busybox"}


def _kvm_files(build: Path) -> dict[str, Path | bytes]:
    """KVM, and the test VMM."""
    loaded = modules(build / "linux/root", WANTED_MODULES)
    files: dict[str, Path | bytes] = {"bin/vmm": build / "ci/guests/vmm/vmm", "bin/tsc": build / "ci/guests/linux/tsc",
                                      "tests/kvm": LINUX / "kvm", "modules/order": "\n".join(loaded).encode() + b"\n"}
    return files | {f"modules/{name}": data for name, data in loaded.items()}


def _pal_files(build: Path) -> dict[str, Path | bytes]:
    """Programs with PALs, and what runs them."""
    files: dict[str, Path | bytes] = {f"pal/{name}": build / "ci/guests/pal_demo" / name for name in PAL_PROGRAMS}
    return files | {f"pal/{name}": build / "trustvisor/sdk" / name for name in ("counter", "quote", "agent")} | {
        f"tests/{name}": LINUX / name for name in ("pal", "pal_stress")} | {
        "pal/program": build / "ci/guests/sdk/program", "pal/tutorial": LINUX.parents[2] / "docs/pal-tutorial.md"}


def make_dom0_initramfs(build: Path, more: dict[str, Path | bytes]) -> Path:
    """Of Xen's dom0."""
    files, links = _shell()
    files |= {"bin/tsc": build / "ci/guests/linux/tsc"} | {f"tests/{name}": LINUX / name for name in ("xen_tools", "xen_domain", "xen_linux", "xen_hvm")}
    return initramfs.make(build / "linux/dom0.img", files | more, links)


def make_domain_initramfs(build: Path) -> Path:
    """Of the Linux that is a domain of Xen."""
    files, links = _shell()
    files |= {f"bin/{name}": build / "ci/guests/linux" / name for name in ("tsc", "memory_check")} | {"tests/domain_linux": LINUX / "domain_linux"}
    return initramfs.make(build / "linux/domain.img", files, links)


def make_inner_initramfs(build: Path) -> Path:
    """Of the Linux that QEMU boots as L2."""
    files, links = _shell()
    return initramfs.make(build / "linux/inner.img", files | _kvm_files(build) | _pal_files(build), links)


def make_initramfs(build: Path) -> Path:
    files, links = _shell()
    files |= _kvm_files(build)
    for_check, for_disk = modules(build / "linux/root", CHECK_MODULES), modules(build / "linux/root", DISK_MODULES)
    files |= {
        "bin/bhctl": build / "partitions/report/bhctl/bhctl",
        "modules/check_order": "\n".join(for_check).encode() + b"\n",
        "modules/disk_order": "\n".join(for_disk).encode() + b"\n",
    }
    files |= _pal_files(build)
    files |= {f"pal/{name}": build / "ci/guests/sdk" / name for name in ("program32", "counter32")}
    files |= {"lib/ld-linux.so.2": library32("ld-linux.so.2"), "lib32/libc.so.6": library32("libc.so.6")}
    files |= {f"bulkhead/{name}": LINUX.parents[2] / name for name in CHECK_FILES}
    files |= {f"bin/{name}": build / "ci/guests/linux" / name for name in PROGRAMS}
    files |= {f"tests/{name}": LINUX / name for name in TESTS}
    files |= {f"modules/{name}": data for name, data in (for_check | for_disk).items()}
    return initramfs.make(build / "linux/initrd.img", files, links)


def command_line(run: list[str], shell: bool = False, nested: bool = False, **settings: object) -> str:
    """The kernel command line, as load options of the EFI stub, that makes /init run these tests."""
    words = [COMMAND_LINE, "initrd=\\EFI\\linux\\initrd.img", *["initrd=\\EFI\\linux\\nested.img"] * nested, f"bh.run={','.join(run)}"]
    words += [f"bh.{name}={value}" for name, value in settings.items()]
    if shell:
        words.append("bh.shell=yes")
    return " ".join(words)


def esp_files(build: Path) -> dict[str, Path | bytes]:
    return {"EFI/linux/vmlinuz.efi": build / "linux/vmlinuz", "EFI/linux/initrd.img": make_initramfs(build)}


def qemu_options(build: Path, options: str) -> list[str]:
    """What makes QEMU hand the kernel to the firmware itself."""
    return ["-kernel", str(build / "linux/vmlinuz"), "-initrd", str(make_initramfs(build)), "-append", options]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    fetch(parser.parse_args().build.resolve())


if __name__ == "__main__":
    main()
