# SPDX-License-Identifier: BSD-2-Clause
"""Tests of reading a running emulator's memory: a process that has what Bochs has, where Bochs has it; and bad ones."""

import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ram import BLOCK, BOCHS_EXPANSION, BOCHS_ROM, PAGE, BochsRam, FileRam, NotFound, Process, blocks_find, find, mappings

SIZE = 4 * BLOCK
FIRMWARE = bytes(range(256)) * 32
ORDER = (2, 0, None, 1)  # of the guest's blocks, where each lies; one has no place

# Argument: a file to map as Bochs' variables. Prints when everything is in place, and what the guest "wrote" when asked.
FAKE = r"""
import ctypes, mmap, struct, sys
size, block, rom_bytes, order, firmware, behind = eval(sys.stdin.readline())
where = lambda m: ctypes.addressof(ctypes.c_char.from_buffer(m))
memory = mmap.mmap(-1, size + rom_bytes + behind + 4096)
table = mmap.mmap(-1, 8 * len(order))
file = open(sys.argv[1], "r+b")
variables = mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE)
vector = where(memory)
memory[size + rom_bytes - len(firmware):size + rom_bytes] = firmware
for i, place in enumerate(order):
    table[i * 8:i * 8 + 8] = struct.pack("<Q", 0 if place is None else vector + place * block)
variables[0x110:0x140] = struct.pack("<6Q", block, vector - 16, vector, where(table), vector + size, vector + size + rom_bytes + behind)
print("ready", flush=True)
for line in sys.stdin:
    at = int(line)
    print(memory[at:at + 4].hex(), flush=True)
"""


class FakeBochs:
    def __init__(self, size: int = SIZE, block: int = BLOCK, order: tuple[int | None, ...] = ORDER, firmware: bytes = FIRMWARE,
                 name: str = "bochs-bin"):
        self.folder = tempfile.TemporaryDirectory()
        variables = Path(self.folder.name) / name
        variables.write_bytes(bytes(PAGE))
        self.child = subprocess.Popen([sys.executable, "-c", FAKE, str(variables)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask(repr((size, block, BOCHS_ROM, order, firmware, BOCHS_EXPANSION)))
        self.process = Process(self.child.pid)

    def ask(self, line: str) -> str:
        assert self.child.stdin and self.child.stdout
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def ram(self) -> BochsRam:
        return BochsRam(self.process, SIZE, FIRMWARE)

    def __enter__(self) -> "FakeBochs":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.close()
        self.child.kill()
        self.child.communicate()
        self.folder.cleanup()


class OfBochs(unittest.TestCase):
    def test_blocks_are_where_the_table_says(self) -> None:
        with FakeBochs() as bochs:
            ram = bochs.ram()
            ram.write(5, b"abcd")
            ram.write(BLOCK - 2, b"wxyz")  # two blocks, apart in Bochs
            self.assertEqual(bochs.ask(str(2 * BLOCK + 5)), b"abcd".hex())
            self.assertEqual(bochs.ask(str(3 * BLOCK - 2)), b"wx\0\0".hex())
            self.assertEqual(bochs.ask("0"), b"yz\0\0".hex())
            self.assertEqual(ram.read(BLOCK - 3, 6), b"\0wxyz\0")
            self.assertEqual(find(ram, b"yz", range(0, 2 * BLOCK)), [BLOCK])
            self.assertEqual(find(ram, b"abcd", range(0, 2 * BLOCK)), [])
            self.assertEqual(find(ram, b"abcd", range(0, 2 * BLOCK), 1), [5])

    def test_untouched_memory_is_zero_and_not_to_be_written(self) -> None:
        with FakeBochs() as bochs:
            ram = bochs.ram()
            self.assertEqual(ram.read(2 * BLOCK, 16), bytes(16))
            self.assertEqual([piece.start // BLOCK for piece in ram.used()], [0, 1, 3])
            with self.assertRaises(NotFound):
                ram.write(2 * BLOCK, b"x")

    def test_nothing_beyond_the_end(self) -> None:
        with FakeBochs() as bochs:
            ram = bochs.ram()
            for address, count in ((SIZE, 1), (SIZE - 1, 2), (-1, 1), (0, SIZE + 1)):
                with self.assertRaises(ValueError):
                    ram.read(address, count)

    def test_the_process_stands_still(self) -> None:
        with FakeBochs() as bochs:
            with bochs.process.stopped():
                self.assertEqual(Path(f"/proc/{bochs.child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0], "T")
            self.assertEqual(bochs.ask("0"), bytes(4).hex())

    def test_what_is_not_bochs_is_refused(self) -> None:
        wrong: list[dict[str, object]] = [
            {"firmware": FIRMWARE[1:] + b"x"}, {"name": "other"}, {"block": BLOCK * 2}, {"size": SIZE * 2},
            {"order": (0, 0, None, 1)}, {"order": (0, 3, None, 1)}, {"order": (None,) * 4},
        ]
        for change in wrong:
            with self.subTest(change=str(change)[:60]), FakeBochs(**change) as bochs, self.assertRaises(NotFound):  # type: ignore[arg-type]
                bochs.ram()

    def test_memory_object(self) -> None:
        words = [7, BLOCK, 0x7000_0000_0010, 0x7000_0000_1000, 0x5555_0000, 0x7000_0000_1000 + SIZE,
                 0x7000_0000_1000 + SIZE + BOCHS_ROM + BOCHS_EXPANSION, 3]
        found = blocks_find(struct.pack("<8Q", *words), SIZE)
        self.assertEqual((found.vector, found.table, found.rom) if found else None, (words[3], words[4], words[5]))
        for i in (1, 2, 3, 5, 6):
            spoilt = list(words)
            spoilt[i] += PAGE + 8
            self.assertIsNone(blocks_find(struct.pack("<8Q", *spoilt), SIZE), i)
        self.assertIsNone(blocks_find(struct.pack("<6Q", *words[:6]), SIZE))
        self.assertIsNone(blocks_find(b"", SIZE))

    def test_mappings(self) -> None:
        found = mappings("5555-6666 rw-p 0000 fe:00 123   /a folder/bochs-bin\n7777-8888 ---p 00 00:00 0 \n")
        self.assertEqual([(m.first, m.end, m.rights, m.path) for m in found],
                         [(0x5555, 0x6666, "rw-p", "/a folder/bochs-bin"), (0x7777, 0x8888, "---p", "")])


class OfQemu(unittest.TestCase):
    def test_a_file(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ram"
            with path.open("wb") as file:
                file.truncate(64 << 20)
            ram = FileRam(path, 64 << 20)
            ram.write(32 << 20, b"abcd")
            self.assertEqual(ram.read((32 << 20) + 1, 4), b"bcd\0")
            pieces = list(ram.used())
            self.assertTrue(any(32 << 20 in piece for piece in pieces))
            self.assertLess(sum(map(len, pieces)), 8 << 20)
            with self.assertRaises(ValueError):
                ram.read((64 << 20) - 1, 2)
            with self.assertRaises(NotFound):
                FileRam(path, 32 << 20)


if __name__ == "__main__":
    unittest.main()
