# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the images that the emulator boots from."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import esp
import initramfs
from conventions import check_file


class Esp(unittest.TestCase):
    def test_files_are_there_and_images_repeat(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            files = {"EFI/BOOT/BOOTX64.EFI": b"MZ" + bytes(5000), "EFI/acpi/next.txt": b"\\a\n"}
            first = esp.make(Path(folder) / "a.img", files)
            second = esp.make(Path(folder) / "b.img", files)
            back = subprocess.run(["mtype", "-i", str(first), "::/EFI/acpi/next.txt"], check=True, capture_output=True)
            self.assertEqual(back.stdout, b"\\a\n")
            self.assertEqual(first.read_bytes(), second.read_bytes())
            self.assertEqual(first.stat().st_size % esp.CYLINDER_BYTES, 0)

    def test_other_processes_make_the_same(self) -> None:
        """Sets have another order in each: the firmware would find its files sooner or later, and each run be another one."""
        code = "import sys, esp, pathlib; esp.make(pathlib.Path(sys.argv[1]), {f'EFI/{name}/a': b'a' for name in sys.argv[2:]})"
        made = set()
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(4):
                image = Path(folder) / f"{seed}.img"
                subprocess.run([sys.executable, "-c", code, str(image), "linux", "BOOT", "acpi", "bulkhead"], check=True,
                               cwd=Path(esp.__file__).parent, env=os.environ | {"PYTHONHASHSEED": str(seed)})
                made.add(image.read_bytes())
        self.assertEqual(len(made), 1)


class Initramfs(unittest.TestCase):
    def test_archive(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            archive = initramfs.make(Path(folder) / "i.img", {"init": b"#!x", "bin/tool": b"t"}, {"bin/sh": "tool"})
            data = archive.read_bytes()
        names = []
        at = 0
        while data[at:at + 6] == b"070701":
            field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
            name = data[at + 110:at + 110 + field[11] - 1].decode()
            names.append(name)
            at += -(-(110 + field[11]) // 4) * 4 + -(-field[6] // 4) * 4
        self.assertEqual(names[-1], "TRAILER!!!")
        self.assertEqual(set(names) & {"init", "bin", "bin/tool", "bin/sh", "dev/console"},
                         {"init", "bin", "bin/tool", "bin/sh", "dev/console"})
        self.assertLess(names.index("bin"), names.index("bin/tool"))

    def test_who_reads_it_finds_one_content(self) -> None:
        """Each case makes the same file: one that reads it while another one's is being written would boot from a part."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "i.img"
            before = initramfs.make(target, {"init": b"before" * 1000}, {}).read_bytes()
            with target.open("rb") as reader:
                self.assertEqual(initramfs.make(target, {"init": b"after"}, {}), target)
                self.assertEqual(reader.read(), before)
            self.assertIn(b"after", target.read_bytes())
            self.assertEqual(os.listdir(folder), ["i.img"])


class Conventions(unittest.TestCase):
    GOOD = "/* SPDX-License-Identifier: BSD-2-Clause */\n#pragma once\n"

    def test_good_file(self) -> None:
        self.assertEqual(list(check_file("kernel/route.h", self.GOOD)), [])

    def test_offences(self) -> None:
        self.assertTrue(list(check_file("kernel/route.h", "#pragma once\n")))
        self.assertTrue(list(check_file("kernel/util.h", self.GOOD)))
        self.assertTrue(list(check_file("kernel/route.h", self.GOOD.replace("#pragma once", ""))))
        self.assertTrue(list(check_file("ept/fill.c", self.GOOD + '__asm__ volatile("nop");\n')))
        self.assertTrue(list(check_file("ept/fill.c", self.GOOD + "\n" * 600)))


if __name__ == "__main__":
    unittest.main()
