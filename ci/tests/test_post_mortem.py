# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the post-mortem: addresses become places in the source, or stay addresses."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import l0log
import post_mortem

SOURCE = """int inner(int x)
{
    return x + 1;
}
int outer(int x)
{
    return inner(x) + 2;
}
"""


class PostMortem(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.product = Path(folder.name)
        (self.product / "room").mkdir()
        (self.product / "room/loader").mkdir()

    def build(self) -> dict[str, int]:
        (self.product / "a.c").write_text(SOURCE)
        image = self.product / "room/hello.elf"
        subprocess.run(["cc", "-g", "-O0", "-nostdlib", "-static", "-no-pie", "-Wl,-e,outer", "-o", str(image), str(self.product / "a.c")], check=True)
        symbols = subprocess.run(["nm", str(image)], text=True, capture_output=True, check=True).stdout
        return {line.split()[2]: int(line.split()[0], 16) for line in symbols.splitlines() if len(line.split()) == 3}

    @unittest.skipUnless(shutil.which("addr2line") and shutil.which("cc"), "no addr2line")
    def test_functions_and_lines(self) -> None:
        at = self.build()
        log = [f"L0 1 error fault partition=hello vector=6 rip={at['inner']:#x} cause=exception",
               f"L0 1 error fault partition=hello backtrace={at['inner']:x},{at['outer'] + 12:x}"]
        self.assertEqual(post_mortem.render(self.product, l0log.parse_all(log)),
                         ["partition hello faulted, vector 6", "  in inner (a.c:2)", "  called by outer (a.c:7)"])

    def test_addresses_without_an_image(self) -> None:
        log = ["L0 0 error panic: exception 14 at nowhere", "L0 0 error panic backtrace=ffffffff80001000,ffffffff80002000"]
        self.assertEqual(post_mortem.render(self.product, l0log.parse_all(log)),
                         ["the kernel panicked: exception 14 at nowhere", "  in 0xffffffff80001000", "  called by 0xffffffff80002000"])

    def test_an_image_that_is_none(self) -> None:
        (self.product / "room/hello.elf").write_text("no ELF file")
        self.assertEqual(post_mortem.symbolise(post_mortem.image(self.product, "hello"), [0x1000]), ["0x1000"])

    def test_many_faults_are_cut_short(self) -> None:
        log = ["L0 0 error fault partition=hello vector=-1", "L0 0 error fault partition=hello backtrace=1000"] * 7
        self.assertEqual(post_mortem.render(self.product, l0log.parse_all(log))[-1], "and 2 more backtraces")

    def test_no_fault_nothing_to_say(self) -> None:
        self.assertEqual(post_mortem.render(self.product, l0log.parse_all(["L0 0 info stage launched cpus=1"])), [])
