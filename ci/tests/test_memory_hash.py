# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the comparison of memory: a small machine with a kernel and two partitions; each page that changes is named."""

import struct
import unittest
from collections.abc import Iterator

import caps
from memory_hash import Missing, elf_segments, take_hidden, take_l1
from ram import PAGE

C = caps.constants("layout", "cap")
BASE = 0x100000
HIDDEN = range(BASE, BASE + 64 * PAGE)
LINK = 0xffffffff80000000
NX = 1 << 63


class FakeRam:
    def __init__(self) -> None:
        self.size = 2 << 20
        self.data = bytearray(self.size)

    def read(self, address: int, count: int) -> bytes:
        return bytes(self.data[address:address + count])

    def write(self, address: int, data: bytes) -> None:
        self.data[address:address + len(data)] = data

    def used(self) -> Iterator[range]:
        yield range(0, self.size)


def elf(segments: list[tuple[int, int, bytes, int]]) -> bytes:
    """(address, flags, data, bytes in memory) each."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    at, programs, data = 64 + 56 * len(segments), b"", b""
    for address, flags, content, size in segments:
        programs += struct.pack("<IIQQQQQQ", 1, flags, at + len(data), address, address, len(content), size, PAGE)
        data += content
    return header + programs + data


KERNEL = elf([(LINK, 5, b"text" * 1500, 6000), (LINK + 2 * PAGE, 4, b"constants", 9), (LINK + 3 * PAGE, 6, b"data", 3 * PAGE)])


class Machine:
    """Pages are given out one after the other; the kernel lies from page 4 on."""

    def __init__(self) -> None:
        self.ram, self.next = FakeRam(), BASE + 16 * PAGE
        for segment in elf_segments(KERNEL):
            self.ram.write(BASE + 4 * PAGE + segment.address - LINK, segment.data)
        self.place = {name: self.partition(name) for name in ("one", "two")}

    def page(self, data: bytes = b"") -> int:
        self.next += PAGE
        self.ram.write(self.next - PAGE, data)
        return self.next - PAGE

    def map(self, root: int, address: int, page: int, bits: int) -> None:
        table = root
        for shift in (39, 30, 21, 12):
            at = table + (address >> shift & 511) * 8
            (entry,) = struct.unpack("<Q", self.ram.read(at, 8))
            if shift == 12:
                self.ram.write(at, struct.pack("<Q", page | bits | 5))
            elif not entry:
                entry = self.page() | 7
                self.ram.write(at, struct.pack("<Q", entry))
            table = entry & ~0xfff

    def partition(self, name: str) -> dict[str, int]:
        header = struct.pack("<QII16s", C["CAP_MAGIC"], C["CAP_ABI"], 0, name.encode())
        root = self.page()
        place = {"root": root, "rodata": self.page(header), "text": self.page(b"code"), "data": self.page(b"data"), "state": self.page(b"state"),
                 "window": self.page()}
        self.map(root, C["IMAGE_BASE"], place["rodata"], NX)
        self.map(root, C["IMAGE_BASE"] + PAGE, place["text"], 0)
        self.map(root, C["IMAGE_BASE"] + 2 * PAGE, place["data"], NX | 2)
        self.map(root, C["STATE_BASE"], place["state"], NX | 2)
        self.map(root, C["WINDOW_BASE"], place["window"], NX | 2)
        self.ram.write(root + 511 * 8, struct.pack("<Q", BASE | 3))
        return place

    def take(self, still: set[str] | None = None):  # type: ignore[no-untyped-def]
        return take_hidden(self.ram, HIDDEN, KERNEL, C, {"two"} if still is None else still)


class Hidden(unittest.TestCase):
    def differences(self, address: int, data: bytes = b"\x7f") -> list[str]:
        machine = Machine()
        before = machine.take()
        machine.ram.write(address, data)
        return before.differences(machine.take())

    def test_each_page_is_named(self) -> None:
        place = Machine().place
        for who, what in (("two", "text"), ("two", "rodata"), ("two", "data"), ("two", "state"), ("one", "text"), ("one", "rodata")):
            found = self.differences(place[who][what] + PAGE - 1)
            self.assertEqual(len(found), 1, (who, what))
            self.assertIn(f"partition {who}: {what} ", found[0])
            self.assertIn(f"(page {place[who][what]:#x}) changed", found[0])

    def test_a_busy_partition_may_write_its_own(self) -> None:
        place = Machine().place["one"]
        self.assertEqual(self.differences(place["data"]) + self.differences(place["state"]), [])

    def test_what_is_shared_does_not_count(self) -> None:
        self.assertEqual(self.differences(Machine().place["two"]["window"]), [])

    def test_page_tables(self) -> None:
        for who in ("one", "two"):
            root = Machine().place[who]["root"]
            self.assertIn(f"partition {who}: page table", self.differences(root + 100 * 8, struct.pack("<Q", BASE | 7))[0])
            self.assertEqual(self.differences(root + 511 * 8, struct.pack("<Q", BASE | 0x63)), [], "accessed and dirty are the CPU's")

    def test_a_page_that_comes_or_goes(self) -> None:
        machine = Machine()
        before = machine.take()
        machine.map(machine.place["two"]["root"], C["STATE_BASE"] + PAGE, machine.page(b"new"), NX | 2)
        after = machine.take()
        self.assertTrue(any("came" in line for line in before.differences(after)))
        self.assertTrue(any("went" in line for line in after.differences(before)))

    def test_the_kernel_must_be_as_in_its_file(self) -> None:
        for offset in (0, 5000, 2 * PAGE, 3 * PAGE - 1):
            machine = Machine()
            machine.ram.write(BASE + 4 * PAGE + offset, b"\x7f")
            with self.assertRaises(Missing):
                machine.take()
        self.assertEqual(self.differences(BASE + 7 * PAGE), [], "the kernel's data")

    def test_two_roots_of_one_name(self) -> None:
        machine = Machine()
        machine.partition("one")
        with self.assertRaises(Missing):
            machine.take()

    def test_page_tables_that_lead_elsewhere(self) -> None:
        machine = Machine()
        machine.ram.write(machine.place["two"]["root"], struct.pack("<Q", 0x7fff_ffff_f000 | 7))
        self.assertEqual(machine.take().count("partition two"), 0)


class L1(unittest.TestCase):
    def test_pages(self) -> None:
        machine = Machine()
        machine.ram.write(0x5000, b"l1")
        own = [range(0x8000, 0x8001)]
        before = take_l1(machine.ram, HIDDEN, own)
        machine.ram.write(HIDDEN.start, b"hidden")
        machine.ram.write(0x8fff, b"own")
        self.assertEqual(before.differences(take_l1(machine.ram, HIDDEN, own)), ["L1's memory (page 0x9000) came"])
        machine.ram.write(0x9000, bytes(8))
        machine.ram.write(0x5fff, b"!")
        self.assertEqual(before.differences(take_l1(machine.ram, HIDDEN, own)), ["L1's memory (page 0x5000) changed"])


class Elf(unittest.TestCase):
    def test_segments(self) -> None:
        text, constants, data = elf_segments(KERNEL)
        self.assertEqual((text.address, text.flags, len(text.data)), (LINK, 5, 2 * PAGE))
        self.assertEqual(constants.data, b"constants".ljust(PAGE, b"\0"))
        self.assertEqual(data.data, b"data".ljust(3 * PAGE, b"\0"))


class Caps(unittest.TestCase):
    def test_numbers(self) -> None:
        self.assertEqual(C["IMAGE_BASE"], 0x400000)
        self.assertEqual(C["IMAGE_MAX_BYTES"], 16 << 20)
        self.assertEqual(struct.pack("<Q", C["CAP_MAGIC"]), b"KHCAP01\0")


if __name__ == "__main__":
    unittest.main()
