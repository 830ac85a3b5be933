# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead install`: puts Bulkhead on a machine's EFI system partition, or makes a disk image that boots it."""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import boot_entry
import esp
import gpt
import linux_image
from boot import KERNEL, LOADER, Places
from boot_entry import BootEntryError

FOLDER = "EFI/bulkhead"
CONF = "bulkhead.conf"
LEAVE = "ci/guests/leave/leave.efi"
LEAVE_PATH = "\\EFI\\bulkhead\\leave.efi"
TEST_ONLY = ("hostile", "pauper", "narcissus")
# What the loader's parser takes (kernel/loader/conf.h, kernel/boot_info.h).
PATH_MAX, OPTIONS_MAX, PARTITIONS_MAX = 255, 1023, 8
OS_LOADERS = ("shimx64.efi", "grubx64.efi", "systemd-bootx64.efi", "Boot/bootmgfw.efi")
SIZE_MIN = 64 << 20  # FAT32 needs more than 65,524 clusters
MARK = re.compile(r"^# install=([0-9a-f]{16})$", re.MULTILINE)


class InstallError(Exception):
    """One line for the user; nothing was changed."""


@dataclass(frozen=True)
class Configuration:
    next: str
    options: str = ""
    partitions: tuple[str, ...] = ("nestvmx", "ept", "report")
    console: str = "com1"
    require: bool = False

    def text(self) -> str:
        lines = ["default = machine", f"console = {self.console}", f"require = {'yes' if self.require else 'no'}", "",
                 "[workload machine]", f"partitions = {', '.join(self.partitions)}", f"next = {self.next}"]
        if self.options:
            lines.append(f"options = {self.options}")
        body = "\n".join(lines) + "\n"
        return ("# Bulkhead's configuration; docs/boot.md explains it. Edit it as you like: `bulkhead install` replaces it only as long\n"
                f"# as this is the hash of what it wrote itself.\n# install={fingerprint(body)}\n{body}")


def fingerprint(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def is_ours(text: str) -> bool:
    """Whether nobody has edited a bulkhead.conf since install wrote it."""
    mark = MARK.search(text)
    return mark is not None and fingerprint(text[mark.end() + 1:]) == mark[1]


def partitions_named(text: str) -> list[str]:
    """By any workload of a bulkhead.conf."""
    lists = re.findall(r"^[ \t]*partitions[ \t]*=([^#\n]*)", text, re.MULTILINE)
    return list(dict.fromkeys(name.strip() for names in lists for name in names.split(",") if name.strip()))


def check_text(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise InstallError(f"{what} has {len(text)} characters, {limit} at most")
    if not text.isascii() or not text.isprintable():
        raise InstallError(f"{what} may have printable ASCII characters only")
    if text != text.strip() or text.startswith("#") or " #" in text:
        raise InstallError(f"{what}: blanks around it, or a # behind a blank, do not survive in {CONF}")


def partition_file(places: Places, name: str) -> Path:
    path = places.partition(name)
    if not re.fullmatch(r"[\w-]+", name) or name in TEST_ONLY or not path.is_file():
        raise InstallError(f"there is no partition '{name}'")
    return path


def product_files(places: Places, partitions: list[str]) -> dict[str, Path]:
    """The loader last: until it is there, nothing of it runs. It accepts only the kernel and partitions that it was built with."""
    files = {f"{name}.elf": partition_file(places, name) for name in partitions}
    return files | {"kernel.elf": places.product / KERNEL, "leave.efi": places.build / LEAVE, "bulkhead.efi": places.product / LOADER}


# --- into a folder -----------------------------------------------------------------------------------------------

def inside(folder: Path, name: str) -> Path:
    """The path as FAT would find it: an existing name that differs in case only is the same."""
    path = folder
    for part in name.split("/"):
        same = [entry for entry in path.iterdir() if entry.name.lower() == part.lower()] if path.is_dir() else []
        path = same[0] if same and not (path / part).exists() else path / part
    return path


def find_next(folder: Path) -> str:
    """The boot loader of the system that is installed there."""
    vendors = inside(folder, "EFI")
    found = []
    for vendor in sorted(vendors.iterdir() if vendors.is_dir() else []):
        if vendor.name.lower() in ("bulkhead", "boot"):
            continue
        loader = next((path for name in OS_LOADERS if (path := inside(vendor, name)).is_file()), None)
        if loader:
            found.append("\\" + str(loader.relative_to(folder)).replace("/", "\\"))
    if len(found) > 1:
        raise InstallError(f"which boot loader is to be started? Give --next one of: {' '.join(map(shlex.quote, found))}")
    if not found:
        raise InstallError(rf"{folder}: no system's boot loader found; name one with --next '\EFI\...', or say --next firmware")
    return found[0]


def chosen_next(folder: Path, wanted: str | None) -> str:
    if wanted is None:
        return find_next(folder)
    if wanted == "firmware":
        return LEAVE_PATH
    path = wanted.replace("/", "\\")
    if not path.startswith("\\"):
        raise InstallError(rf"--next {wanted}: a path on the EFI system partition begins with a backslash, like \EFI\debian\shimx64.efi")
    check_text("--next", path, PATH_MAX)
    if path.lower() == boot_entry.LOADER.lower():
        raise InstallError("--next would be Bulkhead itself")
    if not inside(folder, path.strip("\\").replace("\\", "/")).is_file():
        raise InstallError(f"--next {path}: there is no such file in {folder}")
    return path


def write_all(target: Path, files: dict[str, bytes]) -> None:
    """All files or none: first under temporary names, then renamed in this order."""
    made = not target.exists()
    temporary = {name: target / f"{name}.new" for name in files}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            with temporary[name].open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for name, path in temporary.items():
            os.replace(path, target / name)
    except OSError as error:
        why = "no space left" if error.errno == errno.ENOSPC else error.strerror
        raise InstallError(f"{error.filename or target}: {why}") from error
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
        if made and target.is_dir() and not any(target.iterdir()):
            target.rmdir()


def write_esp(places: Places, folder: Path, options: argparse.Namespace) -> list[str]:
    """Returns what to tell the user."""
    if not folder.is_dir():
        raise InstallError(f"{folder}: " + ("not a folder" if folder.exists() else "no such folder"))
    notes = []
    mount = boot_entry.mount_of(folder)
    if mount is None or mount.kind not in ("vfat", "msdos"):
        notes.append(f"warning: {folder} is on {mount.kind if mount else 'an unknown file system'}, not on FAT: is it the EFI system partition?")
    elif mount.point != folder.resolve():
        notes.append(f"warning: {folder} is not the top of its file system, {mount.point} is")
    if not inside(folder, "EFI").is_dir():
        notes.append(f"warning: there is no folder EFI in {folder} yet")
    target = inside(folder, FOLDER)
    if target.exists() and not target.is_dir():
        raise InstallError(f"{target} is a file")
    conf = inside(target, CONF)
    old = conf.read_text("latin-1") if conf.is_file() else ""
    given = [word for word, value in (("--next", options.next), ("--options", options.options), ("--partitions", options.partitions),
                                      ("--console", options.console), ("--require", options.require)) if value]
    if old and given and not is_ours(old):
        raise InstallError(f"{conf} was edited and stays as it is; {given[0]} has to go into it by hand")
    if old and not given:
        notes.append(f"{conf}: stays as it is")
        text, partitions = "", partitions_named(old)
    else:
        made = configuration(options, chosen_next(folder, options.next))
        text, partitions = made.text(), list(made.partitions)
    files = {name: path.read_bytes() for name, path in product_files(places, partitions).items()}
    if text:
        files = {CONF: text.encode()} | files
    needed = sum(len(data) for data in files.values())
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < needed:
        raise InstallError(f"{folder}: too little space: {needed >> 10:,} KiB are needed, {room.f_bavail * room.f_frsize >> 10:,} KiB are free")
    write_all(target, files)
    notes.append(f"{target}: {', '.join(files)}")
    if text:
        notes.append("after Bulkhead starts: " + next(line for line in text.splitlines() if line.startswith("next"))[len("next = "):])
    return notes


def tell_boot_entry(folder: Path, tool: str) -> list[str]:
    """Makes the boot entry if there is a tool for it, else says how."""
    place = boot_entry.partition_of(boot_entry.mount_of(folder))
    if tool and place:
        number = boot_entry.add(tool, *place)
        return [f"boot entry {number} '{boot_entry.LABEL}' is there, behind all others",
                f"to boot it once:   efibootmgr --bootnext {number}, then restart",
                "to boot it always: efibootmgr --bootorder, with it in front"]
    disk, part = place or ("DISK", "NUMBER")
    return ["to add a boot entry: " + shlex.join(boot_entry.command(disk, part)),
            "to boot it once:     efibootmgr --bootnext with the number that it prints, then restart"]


# --- a disk image ------------------------------------------------------------------------------------------------

def parse_size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise InstallError(f"--size {text}: a number with M or G is wanted")
    return int(match[1]) << (20 if match[2] == "M" else 30)


def image_files(places: Places, options: argparse.Namespace) -> dict[str, Path | bytes]:
    files: dict[str, Path | bytes] = {}
    wanted = options.next or "linux"
    if wanted == "linux":
        path = "\\EFI\\linux\\vmlinuz.efi"
        files |= linux_image.esp_files(places.build)
        # Linux takes the last console that exists: the serial port, or else the screen.
        default = "console=tty0 " + linux_image.command_line([], shell=True)
        options.options = options.options if options.options is not None else default
    elif wanted == "firmware":
        path = LEAVE_PATH
    else:
        source = Path(wanted)
        if not source.is_file():
            raise InstallError(f"--next {wanted}: no such file; linux and firmware are the other choices")
        path = f"\\EFI\\next\\{source.name}"
        check_text("--next", path, PATH_MAX)
        files[f"EFI/next/{source.name}"] = source
    made = configuration(options, path)
    product = product_files(places, list(made.partitions))
    files |= {f"{FOLDER}/{name}": source for name, source in product.items()}
    return files | {f"{FOLDER}/{CONF}": made.text().encode(), "EFI/BOOT/BOOTX64.EFI": product["bulkhead.efi"]}


def write_image(places: Places, image: Path, options: argparse.Namespace) -> list[str]:
    if image.exists() or image.is_symlink():
        raise InstallError(f"{image} exists; an image is never overwritten")
    if not image.parent.is_dir():
        raise InstallError(f"{image.parent}: no such folder")
    size = parse_size(options.size) if options.size else 0
    files = image_files(places, options)
    needed = max(SIZE_MIN, esp.bytes_needed(files) + gpt.FIRST * gpt.SECTOR * 2)
    if size and size < needed:
        raise InstallError(f"--size {options.size} is too little: {-(-needed >> 20)} MiB are needed")
    # Whole cylinders, as emulators count them.
    cylinders = -(-(size or needed) // esp.CYLINDER_BYTES)
    sectors = cylinders * esp.CYLINDER_BYTES // gpt.SECTOR - gpt.FIRST - gpt.AFTER
    partition, whole = image.with_name(image.name + ".esp.new"), image.with_name(image.name + ".new")
    try:
        esp.make(partition, files, sectors, gpt.FIRST)
        gpt.wrap(whole, partition)
        os.replace(whole, image)
    except OSError as error:
        raise InstallError(f"{image}: {'no space left' if error.errno == errno.ENOSPC else error.strerror}") from error
    finally:
        for path in (partition, partition.with_suffix(".staging"), whole):
            path.unlink(missing_ok=True)
    return [f"{image}: {image.stat().st_size >> 20} MiB, boots by UEFI; write it to a whole disk or USB stick, or attach it to a virtual machine"]


# --- command line ------------------------------------------------------------------------------------------------

def configuration(options: argparse.Namespace, path: str) -> Configuration:
    partitions = ("nestvmx", "ept", "report") if options.partitions is None else tuple(n.strip() for n in options.partitions.split(",") if n.strip())
    if len(partitions) > PARTITIONS_MAX or len(set(partitions)) < len(partitions):
        raise InstallError(f"--partitions: {PARTITIONS_MAX} at most, each once")
    check_text("--options", options.options or "", OPTIONS_MAX)
    return Configuration(path, options.options or "", partitions, options.console or "com1", options.require)


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bulkhead install", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--product", type=Path, help="take Bulkhead itself from another build folder")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--esp", type=Path, metavar="DIR", help="where the EFI system partition is mounted, like /boot/efi")
    where.add_argument("--image", type=Path, metavar="FILE", help="make a disk image")
    parser.add_argument("--next", metavar="WHAT", help="what is started on Bulkhead. With --esp: a path there, as a rule found by itself. "
                        "With --image: linux (the test system, default) or a .efi file. With both: firmware, which goes on with its boot order")
    parser.add_argument("--options", metavar="TEXT", help="load options for it")
    parser.add_argument("--partitions", metavar="A,B", help="default nestvmx,ept,report")
    parser.add_argument("--console", choices=["com1", "e9", "none"], help="where Bulkhead's log goes; default com1")
    parser.add_argument("--require", action="store_true", help="halt the machine where Bulkhead cannot run, instead of booting on")
    parser.add_argument("--boot-entry", action="store_true", help="with --esp: add it to the firmware's boot entries, behind all others")
    parser.add_argument("--size", metavar="N", help="with --image: of the disk, like 256M")
    options = parser.parse_args(words)
    if options.esp and options.size:
        parser.error("--size goes with --image")
    if options.image and options.boot_entry:
        parser.error("--boot-entry goes with --esp")
    return options


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    build = options.build.resolve()
    places = Places(build, (options.product or build).resolve())
    try:
        if options.image:
            notes = write_image(places, options.image, options)
        else:
            tool = boot_entry.find_tool() if options.boot_entry else ""
            if tool and not boot_entry.partition_of(boot_entry.mount_of(options.esp)):
                raise InstallError(f"--boot-entry: {options.esp} is not on a disk's partition")
            notes = write_esp(places, options.esp, options) + tell_boot_entry(options.esp, tool)
    except (InstallError, BootEntryError) as error:
        print(f"bulkhead: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"bulkhead: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print("\n".join(notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
