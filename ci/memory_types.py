# SPDX-License-Identifier: BSD-2-Clause
"""EPT01's memory types while L1 changes its MTRRs: at each moment that probe.efi names, EPT01's tables are read in the emulator's memory, from outside,
and every leaf must have the type that the MTRRs add up to by the SDM's rules (SDM 3A 12.11.4.1 "MTRR Precedences"). And those of an L2's page, while the test
hypervisor changes the MTRR below it: EPT02's leaf must have the type that EPT12's and the MTRR's make."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from boot import boot, bulkhead_problems
from case import Case, Context, Failure, require
from hostile import MACHINE, PROBE
from memory_hash import ADDRESS, ENTRIES, LARGE, Missing
from ram import PAGE, Ram
from watch import Watch
from workload import LHV

TIMEOUT = 120.0
REGISTER = re.compile(r"probe mtrr (\w+) (\d+): (0x[0-9a-f]+)\s*")
MOMENTS = ("firmware", "fixed", "small", "overlapping", "large", "through-and-back", "default", "without-fixed", "restored")  # ci/guests/probe/types.c
UC, WT, WB = 0, 4, 6
TYPES = (0, 1, 4, 5, 6)
RIGHTS = 7
TABLE_BITS = 0x407  # what an entry that leads to a table may have below its address: with the right of users to execute
MIB = 1 << 20
SEEN = (2 * MIB, 48 * MIB, 160 * MIB)  # RAM that EPT01 must have


@dataclass
class Mtrrs:
    cap: int = 0
    default: int = 0
    fixed: dict[int, int] = field(default_factory=dict)
    base: dict[int, int] = field(default_factory=dict)
    mask: dict[int, int] = field(default_factory=dict)

    def note(self, name: str, number: int, value: int) -> None:
        if name in ("cap", "default"):
            setattr(self, name, value)
        else:
            getattr(self, name)[number] = value

    def _ranges(self) -> Iterator[tuple[int, int, int]]:
        """Base, mask and type of each range that is on."""
        for number, mask in self.mask.items():
            if mask & 1 << 11:
                yield self.base[number] & ADDRESS, mask & ADDRESS, self.base[number] & 0xff

    def edges(self) -> set[int]:
        """Where a type may begin, above the fixed ranges."""
        return {edge for base, mask, _ in self._ranges() for edge in (base & mask, (base & mask) + (mask & -mask))} | {MIB}

    def _fixed(self, address: int) -> int:
        if address < 0x80000:
            index = address >> 16
        elif address < 0xc0000:
            index = 8 + (address - 0x80000 >> 14)
        else:
            index = 24 + (address - 0xc0000 >> 12)
        return self.fixed[index // 8] >> index % 8 * 8 & 0xff

    def type(self, address: int) -> int | None:
        """None: the SDM leaves it open."""
        if not self.default & 1 << 11:
            return UC
        if address < MIB and self.cap & 1 << 8 and self.default & 1 << 10:
            return self._fixed(address)
        found = {kind for base, mask, kind in self._ranges() if not (address ^ base) & mask}
        if not found:
            return self.default & 0xff
        if UC in found:
            return UC
        if found == {WT, WB}:
            return WT
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class Leaf:
    place: int  # of the entry
    entry: int
    base: int
    bytes: int

    def type(self) -> int:
        return self.entry >> 3 & 7


class Ept01:
    """Its tables lie in hidden memory; found by what they are: the only ones that map L1-physical addresses to themselves."""

    def __init__(self, ram: Ram, hidden: range):
        self.ram, self.hidden = ram, hidden
        self.data = ram.read(hidden.start, len(hidden))
        roots = [page for page in hidden[::PAGE] if all(self._maps_itself(page, address) for address in SEEN)]
        if len(roots) != 1:
            raise Missing(f"{len(roots)} pages of hidden memory look like EPT01's top table")
        self.root = roots[0]

    def _table(self, address: int) -> tuple[int, ...]:
        if address not in self.hidden or address % PAGE:
            raise Missing(f"EPT01 has a table at {address:#x}, outside of hidden memory")
        return ENTRIES.unpack_from(self.data, address - self.hidden.start)

    def _maps_itself(self, table: int, address: int) -> bool:
        for level in (3, 2, 1, 0):
            if table not in self.hidden:
                return False
            (entry,) = struct.unpack_from("<Q", self.data, table - self.hidden.start + (address >> 12 + 9 * level & 511) * 8)
            if entry & RIGHTS != RIGHTS:
                return False
            if level == 0 or entry & LARGE:
                size = PAGE << 9 * level
                return level < 3 and entry & ADDRESS == address & -size and entry >> 3 & 7 in TYPES and entry & 0xf00 == 0
            if entry & 0xff8:
                return False
            table = entry & ADDRESS
        return False

    def leaves(self, table: int = 0, level: int = 3, base: int = 0) -> Iterator[Leaf]:
        size = PAGE << 9 * level
        table = table or self.root
        for index, entry in enumerate(self._table(table)):
            at = base + index * size
            if not entry & RIGHTS:
                continue
            if level and not entry & LARGE:
                yield from self.leaves(entry & ADDRESS, level - 1, at)
            elif at not in self.hidden:
                yield Leaf(table + index * 8, entry, at, size)


def problems(leaves: list[Leaf], mtrrs: Mtrrs) -> list[str]:
    edges = sorted(mtrrs.edges())
    found = []
    for leaf in leaves:
        if leaf.entry & ADDRESS & -leaf.bytes != leaf.base:
            found.append(f"{leaf.base:#x} leads to {leaf.entry & ADDRESS:#x}")
        inside = [edge for edge in edges if leaf.base < edge < leaf.base + leaf.bytes]
        for address in [*(range(leaf.base, MIB, PAGE) if leaf.bytes > PAGE else ()), leaf.base, *inside]:
            expected = mtrrs.type(address)
            if expected is not None and leaf.type() != expected:
                found.append(f"{address:#x} has type {leaf.type()} in a leaf of {leaf.bytes:#x} bytes, the MTRRs say {expected}")
                break
    return found


class TypesWatch(Watch):
    def __init__(self) -> None:
        super().__init__(MACHINE, self._look)
        self.mtrrs = Mtrrs()
        self.problems: list[str] = []
        self.types: dict[str, dict[int, int]] = {}  # by moment and leaf's page
        self.leaf_count = 0

    def line(self, source: str, line: str, seconds: float) -> None:
        if source == "com1" and (match := REGISTER.fullmatch(line)):
            self.mtrrs.note(match[1], int(match[2]), int(match[3], 0))
        super().line(source, line, seconds)

    def _leaves(self, ram: Ram) -> list[Leaf]:
        launched = self.find("launched")
        if not launched:
            raise Missing("Bulkhead did not launch")
        first, _, end = launched[0].fields["hidden"].partition("-")
        return list(Ept01(ram, range(int(first, 0), int(end, 0))).leaves())

    def _look(self, name: str, ram: Ram) -> None:
        try:
            leaves = self._leaves(ram)
            self.problems += [f"{name}: {text}" for text in problems(leaves, self.mtrrs)[:8]]
            self._doubt(name, ram, leaves)
        except Missing as missing:
            self.problems.append(f"{name}: {missing}")
            return
        self.leaf_count += len(leaves)
        self.types[name] = {leaf.base: leaf.type() for leaf in leaves}

    def _doubt(self, name: str, ram: Ram, leaves: list[Leaf]) -> None:
        """Whether one leaf with another type would be found: read from memory, like all others."""
        leaf = leaves[len(leaves) // 2]
        if self.mtrrs.type(leaf.base) is None:
            return
        ram.write(leaf.place, (leaf.entry ^ 7 << 3).to_bytes(8, "little"))
        try:
            found = problems(self._leaves(ram), self.mtrrs)
        except Missing as missing:
            found = [str(missing)]
        ram.write(leaf.place, leaf.entry.to_bytes(8, "little"))
        if not found:
            self.problems.append(f"{name}: another type at {leaf.base:#x} was not found")

    def verdict(self) -> list[str]:
        found = list(self.problems)
        found += [f"the moment {name} did not come" for name in MOMENTS if name not in self.types and not found]
        for before, after in zip(MOMENTS, MOMENTS[1:]):
            if before in self.types and self.types.get(after) == self.types[before]:
                found.append(f"from {before} to {after} no leaf of EPT01 has changed")
        return found


# A page of the test hypervisor's L2 (ci/guests/lhv/types.c, ept12.h), and how often its type changes: EPT12's, the MTRR's, in so many ways.
WINDOW = 1 << 35
L2_MOMENT = re.compile(r"(\d)-(\d)-(\d+)")
WAYS = 4


def combined(first: int, second: int) -> int:
    """Of two types behind one another: write-back restricts nothing, and two different restrictions are both kept by none but uncached."""
    restrictions = {first, second} - {WB}
    return WB if not restrictions else UC if len(restrictions) > 1 else restrictions.pop()


def l2_leaves(ram: Ram, hidden: range, frame: int) -> list[Leaf]:
    """Leaves that lead from that page of the L2's to the frame: in each tree that has some."""
    data = ram.read(hidden.start, len(hidden))
    found = []
    for root in hidden[::PAGE]:
        table = root
        for level in (3, 2, 1, 0):
            place = table + (WINDOW >> 12 + 9 * level & 511) * 8
            (entry,) = struct.unpack_from("<Q", data, place - hidden.start)
            if entry & RIGHTS != RIGHTS or bool(level) == (entry & ADDRESS not in hidden) or (level and entry & 0xfff & ~TABLE_BITS):
                break
            if level == 0 and entry & ADDRESS == frame:
                found.append(Leaf(place, entry, WINDOW, PAGE))
            table = entry & ADDRESS
    return found


class L2TypesWatch(Watch):
    def __init__(self) -> None:
        super().__init__(MACHINE, self._look)
        self.problems: list[str] = []
        self.looks: Counter[tuple[int, int]] = Counter()

    def _look(self, name: str, ram: Ram) -> None:
        match = L2_MOMENT.fullmatch(name)
        launched = self.find("launched")
        if not match or not launched:
            self.problems.append(f"{name}: no such moment, or Bulkhead did not launch")
            return
        mine, mtrr, frame = map(int, match.groups())
        first, _, end = launched[0].fields["hidden"].partition("-")
        hidden, wanted = range(int(first, 0), int(end, 0)), combined(mine, mtrr)
        leaves = l2_leaves(ram, hidden, frame)
        if len(leaves) != 1:
            self.problems.append(f"{name}: {len(leaves)} leaves lead from {WINDOW:#x} to {frame:#x}")
        self.problems += [f"{name}: the leaf has type {leaf.type()}, {wanted} was expected" for leaf in leaves if leaf.type() != wanted]
        self.looks[mine, mtrr] += 1

    def verdict(self) -> list[str]:
        missing = [f"EPT12 {mine}, MTRR {mtrr}" for mine in TYPES for mtrr in TYPES if self.looks[mine, mtrr] != WAYS]
        return self.problems or [f"not looked at {WAYS} times: {pair}" for pair in missing]


def _l2_types(context: Context) -> str:
    watch = L2TypesWatch()
    run = boot(context.places, replace(LHV, plain_options="only=types watched"), MACHINE, context.directory(), TIMEOUT, stages=watch)
    found = watch.verdict() + [line.strip() for line in run.outcome.console if line.startswith(("lhv: FAIL", "lhv: error"))] + bulkhead_problems(run)
    if found:
        raise Failure("\n".join(found[:30]))
    require(any(re.match(rf"lhv: done cpus=1 ok={WAYS} fail=0", line) for line in run.outcome.console), "the test hypervisor did not end well")
    return f"{watch.looks.total()} types of an L2's page"


def _types(context: Context) -> str:
    watch = TypesWatch()
    run = boot(context.places, replace(PROBE, partitions=("hello",), plain_options="memory types watched"), MACHINE, context.directory(), TIMEOUT, stages=watch)
    lines = [line.strip() for line in run.outcome.console if line.startswith("probe ")]
    found = [line for line in lines if "WRONG" in line] + watch.verdict() + bulkhead_problems(run)
    if found:
        raise Failure("\n".join(found[:30]))
    require("probe done" in lines, f"the probe did not end well ({run.outcome.ending} {run.outcome.detail}); last: {lines[-1:]}")
    return f"{len(watch.types)} settings of the MTRRs, {watch.leaf_count:,} leaves"


CASES = [Case("memory-types", _types), Case("memory-types-l2", _l2_types)]
