# SPDX-License-Identifier: BSD-2-Clause
"""Tests of `bulkhead install` on folders: what it writes, what it refuses, and that a refusal leaves nothing behind."""

import contextlib
import io
import os
import resource
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path
from unittest import mock

import boot_entry
import gpt
import install
from boot_entry import Mount

PARTS = (*(f"kernel/loader/{name}" for name in ("nestvmx.elf", "ept.elf", "hello.elf", "hostile.elf", "report.elf", "kernel.elf", "bulkhead.efi")),
         "ci/guests/leave/leave.efi")
ROOM_BYTES = 1 << 20


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        self.build, self.esp = self.home / "build", self.home / "esp"
        for name in PARTS:
            (self.build / name).parent.mkdir(parents=True, exist_ok=True)
            (self.build / name).write_bytes(name.encode() * 1000)
        self.loader("EFI/debian/shimx64.efi")
        self.loader("EFI/debian/grubx64.efi")
        self.conf = self.esp / "EFI/bulkhead/bulkhead.conf"

    def loader(self, name: str) -> None:
        (self.esp / name).parent.mkdir(parents=True, exist_ok=True)
        (self.esp / name).write_bytes(b"MZ")

    def run_it(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = install.main(["--build", str(self.build), *words])
        return status, out.getvalue(), err.getvalue()

    def install(self, *words: str) -> str:
        status, out, err = self.run_it("--esp", str(self.esp), *words)
        self.assertEqual((status, err), (0, ""))
        return out

    def contents(self) -> dict[str, bytes | None]:
        return {str(path): path.read_bytes() if path.is_file() else None for path in self.home.rglob("*")}

    def refuse(self, *words: str) -> str:
        """One line, status 1, nothing changed."""
        before = self.contents()
        status, out, err = self.run_it(*words)
        self.assertEqual((status, out, err.count("\n")), (1, "", 1), err)
        self.assertTrue(err.startswith("bulkhead: "))
        self.assertEqual(self.contents(), before)
        return err

    def refuse_esp(self, *words: str) -> str:
        return self.refuse("--esp", str(self.esp), *words)


class Install(Folder):
    def test_files_and_configuration(self) -> None:
        self.install()
        found = {path.name for path in self.conf.parent.iterdir()}
        self.assertEqual(found, {"bulkhead.efi", "kernel.elf", "nestvmx.elf", "ept.elf", "report.elf", "leave.efi", "bulkhead.conf"})
        text = self.conf.read_text()
        self.assertIn("next = \\EFI\\debian\\shimx64.efi\n", text)
        self.assertIn("partitions = nestvmx, ept, report\n", text)
        self.assertTrue(install.is_ours(text))

    def test_other_files_stay(self) -> None:
        before = {path: path.read_bytes() for path in self.esp.rglob("*") if path.is_file()}
        self.install()
        for path, data in before.items():
            self.assertEqual(path.read_bytes(), data)

    def test_options_reach_the_configuration(self) -> None:
        self.install("--next", "/EFI/debian/grubx64.efi", "--options", "a b=c", "--partitions", "nestvmx,ept,hello", "--require", "--console", "none")
        text = self.conf.read_text()
        for line in ("next = \\EFI\\debian\\grubx64.efi", "options = a b=c", "partitions = nestvmx, ept, hello", "require = yes", "console = none"):
            self.assertIn(line + "\n", text)
        self.assertTrue((self.conf.parent / "hello.elf").exists())

    def test_again_brings_new_files_and_keeps_the_configuration(self) -> None:
        self.install("--partitions", "hello")
        text = self.conf.read_text()
        (self.build / "kernel/loader/kernel.elf").write_bytes(b"new")
        self.install()
        self.assertEqual(self.conf.read_text(), text)
        self.assertEqual((self.conf.parent / "kernel.elf").read_bytes(), b"new")

    def test_own_configuration_is_replaced_on_demand(self) -> None:
        self.install()
        self.install("--require")
        self.assertIn("require = yes\n", self.conf.read_text())

    def test_edited_configuration_is_never_replaced(self) -> None:
        self.install()
        edited = self.conf.read_text().replace("partitions = nestvmx, ept, report", "partitions = hello")
        self.conf.write_text(edited)
        self.assertIn("was edited", self.refuse_esp("--require"))
        self.install()
        self.assertEqual(self.conf.read_text(), edited)
        self.assertTrue((self.conf.parent / "hello.elf").exists())

    def test_name_in_other_case(self) -> None:
        shutil.move(self.esp / "EFI", self.esp / "efi")
        self.install()
        self.assertTrue((self.esp / "efi/bulkhead/bulkhead.efi").exists())
        self.assertFalse((self.esp / "EFI").exists())

    def test_warnings(self) -> None:
        self.assertIn("not on FAT", self.install())
        shutil.rmtree(self.esp / "EFI")
        self.assertIn("no folder EFI", self.install("--next", "firmware"))
        self.assertIn("leave.efi\n", self.conf.read_text())


class Refusals(Folder):
    def test_folder(self) -> None:
        self.assertIn("no such folder", self.refuse("--esp", str(self.home / "absent")))
        self.assertIn("not a folder", self.refuse("--esp", str(self.build / "kernel/loader/kernel.elf")))

    def test_a_file_where_the_folder_should_be(self) -> None:
        self.loader("EFI/bulkhead")
        self.assertIn("is a file", self.refuse_esp())

    def test_next(self) -> None:
        self.assertIn("begins with a backslash", self.refuse_esp("--next", "EFI\\debian\\shimx64.efi"))
        self.assertIn("no such file", self.refuse_esp("--next", "\\EFI\\absent.efi"))
        self.assertIn("Bulkhead itself", self.refuse_esp("--next", boot_entry.LOADER))
        self.assertIn("characters", self.refuse_esp("--next", "\\" + "a" * 300))

    def test_which_next(self) -> None:
        self.loader("EFI/fedora/shimx64.efi")
        self.assertIn("fedora", self.refuse_esp())
        shutil.rmtree(self.esp / "EFI")
        self.assertIn("no system's boot loader", self.refuse_esp())

    def test_options(self) -> None:
        for text in ("a" * 1024, "a\nb", "\u00e4", " a", "a #b"):
            self.refuse_esp("--options", text)

    def test_partitions(self) -> None:
        for names in ("absent", "hostile", "../kernel/kernel", "hello,hello", ",".join("abcdefghi")):
            self.refuse_esp("--partitions", names)

    def test_too_little_space(self) -> None:
        room = os.statvfs_result((4096, 4096, 100, 10, 10, 0, 0, 0, 0, 255))
        with mock.patch("os.statvfs", return_value=room):
            self.assertIn("too little space", self.refuse_esp())

    def test_disk_fills_up_meanwhile(self) -> None:
        """At each of the files."""
        for largest in PARTS[:2] + PARTS[4:]:
            (self.build / largest).write_bytes(bytes(ROOM_BYTES + 1))
            with self.subTest(largest), limited():
                self.refuse_esp()
            (self.build / largest).write_bytes(b"x")

    def test_boot_entry_that_cannot_be(self) -> None:
        with mock.patch("shutil.which", return_value=None):
            self.assertIn("efibootmgr", self.refuse_esp("--boot-entry"))

    def test_odd_command_lines(self) -> None:
        for words in ([], ["--esp", "a", "--image", "b"], ["--esp", "a", "--size", "1G"], ["--image", "a", "--boot-entry"]):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
                install.main(["--build", str(self.build), *words])


@contextlib.contextmanager
def limited():  # type: ignore[no-untyped-def]
    """No file may get larger than ROOM_BYTES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Image(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.image = self.home / "disk.img"

    def test_image(self) -> None:
        status, _, err = self.run_it("--image", str(self.image), "--next", "firmware")
        self.assertEqual((status, err), (0, ""))
        place = f"{self.image}@@{gpt.FIRST * gpt.SECTOR}"
        for name in ("BOOT/BOOTX64.EFI", "bulkhead/bulkhead.efi"):
            back = subprocess.run(["mtype", "-i", place, f"::/EFI/{name}"], check=True, capture_output=True)
            self.assertEqual(back.stdout, (self.build / "kernel/loader/bulkhead.efi").read_bytes())
        self.assertEqual([path for path in self.home.iterdir() if path.name.startswith("disk")], [self.image])

    def test_table(self) -> None:
        self.run_it("--image", str(self.image), "--next", "firmware", "--size", "70M")
        data = self.image.read_bytes()
        self.assertGreaterEqual(len(data), 70 << 20)
        last = len(data) // 512 - 1
        self.assertEqual(data[510:512], b"\x55\xaa")
        self.assertEqual(data[450], 0xee)
        for here, other, table in ((1, last, 2), (last, 1, last - 32)):
            header = bytearray(data[here * 512:here * 512 + 92])
            entries = data[table * 512:table * 512 + 128 * 128]
            self.assertEqual(struct.unpack_from("<QQ", header, 24), (here, other))
            self.assertEqual(struct.unpack_from("<QIII", header, 72), (table, 128, 128, zlib.crc32(entries)))
            (crc,) = struct.unpack_from("<I", header, 16)
            struct.pack_into("<I", header, 16, 0)
            self.assertEqual(crc, zlib.crc32(bytes(header)))
            first, end = struct.unpack_from("<QQ", entries, 32)
            usable = struct.unpack_from("<QQ", header, 40)
            self.assertTrue(usable[0] <= first < end <= usable[1])
        boot = data[first * 512:(first + 1) * 512]
        self.assertEqual(boot[82:87], b"FAT32")
        self.assertEqual(struct.unpack_from("<II", boot, 28), (first, end - first + 1))

    def test_next_file(self) -> None:
        shell = self.home / "shell.efi"
        shell.write_bytes(b"MZ")
        self.run_it("--image", str(self.image), "--next", str(shell))
        place = f"{self.image}@@{gpt.FIRST * gpt.SECTOR}"
        text = subprocess.run(["mtype", "-i", place, "::/EFI/bulkhead/bulkhead.conf"], check=True, capture_output=True, text=True).stdout
        self.assertIn("next = \\EFI\\next\\shell.efi\n", text)

    def test_refusals(self) -> None:
        def refuse(*words: str) -> str:
            return self.refuse("--image", str(self.image), "--next", "firmware", *words)
        self.assertIn("too little", refuse("--size", "63M"))
        self.assertIn("M or G", refuse("--size", "big"))
        self.assertIn("no such file", refuse("--next", "absent.efi"))
        with limited():
            refuse()
        self.image.write_bytes(b"mine")
        self.assertIn("never overwritten", refuse())
        self.assertIn("no such folder", self.refuse("--image", str(self.home / "absent/disk.img")))


class BootEntry(unittest.TestCase):
    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)

    def test_mount(self) -> None:
        table = self.home / "mounts"
        point = self.home / "boot efi"
        point.mkdir()
        table.write_text(f"/dev/sda2 / ext4 rw 0 0\nsystemd-1 {self.home}/boot\\040efi autofs rw 0 0\n"
                         f"/dev/sda1 {self.home}/boot\\040efi vfat rw 0 0\n/dev/sda3 {self.home}/boot xfs rw 0 0\n")
        self.assertEqual(boot_entry.mount_of(point, table), Mount("/dev/sda1", point, "vfat"))
        self.assertEqual(boot_entry.mount_of(self.home, table), Mount("/dev/sda2", Path("/"), "ext4"))

    def test_partition(self) -> None:
        disk = self.home / "devices/nvme0n1/nvme0n1p3"
        disk.mkdir(parents=True)
        (disk / "partition").write_text("3\n")
        blocks = self.home / "block"
        blocks.mkdir()
        (blocks / "nvme0n1p3").symlink_to(disk)
        self.assertEqual(boot_entry.partition_of(Mount("/dev/nvme0n1p3", Path("/"), "vfat"), blocks), ("/dev/nvme0n1", 3))
        self.assertIsNone(boot_entry.partition_of(Mount("/dev/nvme0n1", Path("/"), "vfat"), blocks))
        self.assertIsNone(boot_entry.partition_of(Mount("overlay", Path("/"), "overlay"), blocks))

    def tool(self, *lines: str) -> str:
        path = self.home / "efibootmgr"
        path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
        path.chmod(0o755)
        return str(path)

    def test_entry_is_made_once(self) -> None:
        tool = self.tool(f"list={self.home}/list", "[ $# -eq 0 ] || { printf '%s\\n' \"$*\" >>$list.args; printf 'Boot000A* Bulkhead\\tHD(1)\\n' >>$list; }",
                         "echo 'BootOrder: 0001'; printf 'Boot0001* debian\\tHD(1)\\n'; cat $list 2>/dev/null; true")
        self.assertEqual([boot_entry.add(tool, "/dev/sda", 1) for _ in range(2)], ["000A", "000A"])
        said = (self.home / "list.args").read_text().splitlines()
        self.assertEqual(said, ["--create-only --disk /dev/sda --part 1 --label Bulkhead --loader \\EFI\\bulkhead\\bulkhead.efi"])

    def test_tool_fails(self) -> None:
        with self.assertRaisesRegex(boot_entry.BootEntryError, "no EFI here"):
            boot_entry.add(self.tool("echo 'no EFI here' >&2; exit 2"), "/dev/sda", 1)


if __name__ == "__main__":
    unittest.main()
