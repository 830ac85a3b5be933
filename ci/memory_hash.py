# SPDX-License-Identifier: BSD-2-Clause
"""What nobody may have changed, page by page: the kernel's text and constants, partitions' memory and page tables, L1's memory.

Everything is found by what is known of it (the image that was loaded, the header that a partition's image begins with), not by what
the kernel says. A Snapshot is a digest of each page; differences() names the pages of which two snapshots disagree.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from caps import Constants
from ram import PAGE, Ram

WRITE = 2  # program header flags
PRESENT, WRITABLE, USER, ACCESSED, DIRTY, LARGE, NO_EXECUTE = 1, 2, 4, 0x20, 0x40, 0x80, 1 << 63
ADDRESS = 0x000f_ffff_ffff_f000
ENTRIES = struct.Struct("<512Q")


class Missing(Exception):
    """Something that must be in memory isn't."""


@dataclass(frozen=True)
class Segment:
    address: int
    flags: int
    data: bytes


def elf_segments(image: bytes) -> list[Segment]:
    """What an ELF file wants to have loaded, whole pages."""
    (table,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    found = []
    for i in range(count):
        kind, flags, offset, address, _, in_file, in_memory, _ = struct.unpack_from("<IIQQQQQQ", image, table + i * size)
        if kind == 1:
            data = image[offset:offset + in_file].ljust(in_memory, b"\0")
            found.append(Segment(address, flags, data.ljust(-(-len(data) // PAGE) * PAGE, b"\0")))
    return found


@dataclass(frozen=True)
class Page:
    """A page and what it is; two snapshots are compared by both."""
    name: str
    address: int

    def __str__(self) -> str:
        return f"{self.name} (page {self.address:#x})"


@dataclass(frozen=True)
class Space:
    """A partition's page tables: the root, and its name by the header in its image."""
    name: str
    root: int


class Hidden:
    """Hidden memory as it is at one moment."""

    def __init__(self, ram: Ram, within: range):
        self.within, self.data = within, ram.read(within.start, len(within))

    def page(self, address: int) -> bytes:
        if address not in self.within or address % PAGE:
            raise Missing(f"page {address:#x} is not in hidden memory")
        return self.data[address - self.within.start:address - self.within.start + PAGE]

    def entry(self, table: int, index: int) -> int:
        """A page table's entry; 0 where it isn't present or leads out of hidden memory."""
        if table not in self.within or table % PAGE:
            return 0
        (entry,) = struct.unpack_from("<Q", self.data, table - self.within.start + index * 8)
        return entry if entry & PRESENT and entry & ADDRESS in self.within else 0

    def walk(self, root: int, address: int) -> int:
        """The page at a linear address, by 4 levels of tables of 4 KiB pages; 0 where there is none."""
        table = root
        for shift in (39, 30, 21, 12):
            entry = self.entry(table, address >> shift & 511)
            if not entry or (shift > 12 and entry & LARGE):
                return 0
            table = entry & ADDRESS
        return table


def kernel_pages(hidden: Hidden, kernel: bytes) -> list[Page]:
    """Text and constants, which lie in one piece with the rest of the kernel. They must be as in the file, too."""
    segments = sorted(elf_segments(kernel), key=lambda segment: segment.address)
    first = segments[0]
    at = hidden.data.find(first.data[:PAGE])
    while at >= 0 and (at % PAGE or hidden.data[at:at + len(first.data)] != first.data):
        at = hidden.data.find(first.data[:PAGE], at + 1)
    if at < 0:
        raise Missing("the kernel's text is not in hidden memory, or not as in its file")
    base, pages = hidden.within.start + at, []
    for segment in segments:
        if segment.flags & WRITE:
            continue
        for offset in range(0, len(segment.data), PAGE):
            address = base + segment.address - first.address + offset
            page = Page(f"kernel {'text' if segment.flags & 1 else 'rodata'} {segment.address + offset:#x}", address)
            if hidden.page(address) != segment.data[offset:offset + PAGE]:
                raise Missing(f"{page} is not as in the kernel's file")
            pages.append(page)
    return pages


def spaces(hidden: Hidden, constants: Constants) -> dict[str, Space]:
    """All partitions' page tables: what leads from the image's address to a partition's header."""
    magic = struct.pack("<Q", constants["CAP_MAGIC"])
    found: dict[str, Space] = {}
    for root in hidden.within[::PAGE]:
        header = hidden.walk(root, constants["IMAGE_BASE"])
        # A table of the second level may lead there as well, where its entries are the same; only a root has the kernel's half.
        if header and hidden.page(header).startswith(magic) and hidden.entry(root, 511):
            name = hidden.page(header)[16:32].split(b"\0")[0].decode("ascii", "replace")
            if name in found:
                raise Missing(f"partition {name} has two page tables, {found[name].root:#x} and {root:#x}")
            found[name] = Space(name, root)
    return found


def _kind(address: int, entry: int, constants: Constants) -> str:
    for kind, base in (("stack", "STACK_BASE"), ("channel", "CHANNEL_BASE"), ("info page", "INFO_BASE"), ("state", "STATE_BASE")):
        if address >= constants[base]:
            return kind
    return "text" if not entry & NO_EXECUTE else "data" if entry & WRITABLE else "rodata"


def space_pages(hidden: Hidden, space: Space, constants: Constants, still: bool) -> Iterator[Page]:
    """A partition's page tables, text and constants; where it had no message (`still`) all else that is its own, too. Not what it
    shares: the kernel's records, the window on L1's memory."""
    shared = min(constants["WINDOW_BASE"], constants.get("RECORDS_BASE", constants["WINDOW_BASE"]))

    def below(table: int, shift: int, base: int) -> Iterator[Page]:
        yield Page(f"partition {space.name}: page table for {base:#x}", table)
        for index in range(512):
            address, entry = base + (index << shift), hidden.entry(table, index)
            if address >= shared:
                return
            if not entry:
                continue
            if shift > 12:
                yield from below(entry & ADDRESS, shift - 9, address)
                continue
            kind = _kind(address, entry, constants)
            if still or kind in ("text", "rodata", "info page"):
                yield Page(f"partition {space.name}: {kind} {address:#x}", entry & ADDRESS)

    yield from below(space.root, 39, 0)


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def table_digest(data: bytes) -> bytes:
    """A page table's, but for what the CPU writes there by itself."""
    return digest(ENTRIES.pack(*(entry & ~(ACCESSED | DIRTY) for entry in ENTRIES.unpack(data))))


@dataclass
class Snapshot:
    pages: dict[Page, bytes]

    def differences(self, later: Snapshot) -> list[str]:
        """What isn't the same any more, one page a line."""
        return [f"{page} {'changed' if page in self.pages and page in later.pages else 'came' if page in later.pages else 'went'}"
                for page in sorted(self.pages.keys() | later.pages.keys(), key=lambda page: page.address)
                if self.pages.get(page) != later.pages.get(page)]

    def count(self, begin: str) -> int:
        return sum(page.name.startswith(begin) for page in self.pages)


def take_hidden(ram: Ram, within: range, kernel: bytes, constants: Constants, still: Collection[str]) -> Snapshot:
    hidden = Hidden(ram, within)
    pages = {page: digest(hidden.page(page.address)) for page in kernel_pages(hidden, kernel)}
    for space in spaces(hidden, constants).values():
        for page in space_pages(hidden, space, constants, space.name in still):
            pages[page] = (table_digest if "page table" in page.name else digest)(hidden.page(page.address))
    return Snapshot(pages)


def take_l1(ram: Ram, hidden: range, own: list[range]) -> Snapshot:
    """All of L1's memory, but for the pages of `own`, which L1 uses itself meanwhile. A page of zeroes is as one never touched."""
    zero, pages = bytes(PAGE), {}
    for piece in ram.used():
        data = ram.read(piece.start, len(piece))
        for offset in range(0, len(piece), PAGE):
            address = piece.start + offset
            if address in hidden or any(address + PAGE > mine.start and address < mine.stop for mine in own):
                continue
            if (page := data[offset:offset + PAGE]) != zero:
                pages[Page("L1's memory", address)] = digest(page)
    return Snapshot(pages)
