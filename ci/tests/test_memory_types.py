# SPDX-License-Identifier: BSD-2-Clause
"""The search for the leaves of an L2's page, and the judge of their types."""

import struct
import unittest
from typing import cast

from memory_types import TYPES, UC, WB, WINDOW, L2TypesWatch, combined, l2_leaves
from ram import PAGE, Ram

HIDDEN = range(0x100000, 0x110000)
FRAME = 0x5000


class _Ram:
    def __init__(self) -> None:
        self.data = bytearray(len(HIDDEN))

    def read(self, address: int, count: int) -> bytes:
        return bytes(self.data[address - HIDDEN.start:address - HIDDEN.start + count])

    def put(self, table: int, level: int, entry: int) -> None:
        struct.pack_into("<Q", self.data, table - HIDDEN.start + (WINDOW >> 12 + 9 * level & 511) * 8, entry)

    def tree(self, root: int, leaf: int) -> None:
        """Four tables, one behind the other."""
        for level in (3, 2, 1):
            self.put(root + (3 - level) * PAGE, level, root + (4 - level) * PAGE | 7)
        self.put(root + 3 * PAGE, 0, leaf)


class MemoryTypes(unittest.TestCase):
    def leaves(self, ram: _Ram) -> list[int]:
        return [leaf.type() for leaf in l2_leaves(cast(Ram, ram), HIDDEN, FRAME)]

    def test_two_types_lose_no_restriction(self) -> None:
        for kind in TYPES:
            self.assertEqual((combined(kind, kind), combined(kind, WB), combined(WB, kind), combined(UC, kind)), (kind, kind, kind, UC))
        self.assertEqual([combined(a, b) for a, b in ((1, 4), (4, 1), (5, 4), (5, 1))], [UC] * 4)

    def test_leaves_are_found_in_each_tree(self) -> None:
        ram = _Ram()
        self.assertEqual(self.leaves(ram), [])
        ram.tree(HIDDEN.start, FRAME | 4 << 3 | 7)
        ram.tree(HIDDEN.start + 8 * PAGE, FRAME | 6 << 3 | 7)
        self.assertEqual(self.leaves(ram), [4, 6])

    def test_others_are_none(self) -> None:
        for leaf in (FRAME + PAGE | 7, FRAME | 3, 0, HIDDEN.start | 7):
            ram = _Ram()
            ram.tree(HIDDEN.start, leaf)
            self.assertEqual(self.leaves(ram), [])

    def test_a_look_that_is_missing_is_seen(self) -> None:
        watch = L2TypesWatch()
        self.assertEqual(len(watch.verdict()), len(TYPES) ** 2)


if __name__ == "__main__":
    unittest.main()
