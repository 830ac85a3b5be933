# SPDX-License-Identifier: BSD-2-Clause
"""Compares what nobody may have changed between the moments `before` and `after` of probe.efi, page by page, from outside."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import caps
from boot import KERNEL, Places
from emulator import Machine
from memory_hash import Missing, Page, Snapshot, take_hidden, take_l1
from ram import PAGE, Ram
from watch import Watch

OWN = re.compile(r"probe is (image|stack) (\d+): (0x[0-9a-f]+)\s*")
STACK_BELOW, STACK_ABOVE = 4 * PAGE, PAGE  # what probe.efi may use of its stack


@dataclass(frozen=True)
class Moment:
    hidden: Snapshot
    l1: Snapshot

    def differences(self, later: Moment) -> list[str]:
        return self.hidden.differences(later.hidden) + self.l1.differences(later.l1)


class MemoryGuard(Watch):
    """`still`: the partitions that get no message in between; none of their pages may change."""

    def __init__(self, places: Places, machine: Machine, partitions: Collection[str], still: Collection[str]):
        super().__init__(machine, self._look)
        self.kernel = (places.product / KERNEL).read_bytes()
        self.partitions, self.still = partitions, still
        self.constants = caps.constants("layout", "cap")
        self.own: list[range] = []
        self.before: Moment | None = None
        self.after: Moment | None = None
        self.problems: list[str] = []

    def line(self, source: str, line: str, seconds: float) -> None:
        if source == "com1" and (match := OWN.fullmatch(line)):
            at = int(match[3], 0)
            self.own.append(range(at, at + int(match[2])) if match[1] == "image" else range(at - STACK_BELOW, at + STACK_ABOVE))
        super().line(source, line, seconds)

    def _hidden(self) -> range:
        launched = self.find("launched")
        if not launched:
            raise Missing("Bulkhead did not launch")
        first, _, end = launched[0].fields["hidden"].partition("-")
        return range(int(first, 0), int(end, 0))

    def _take(self, ram: Ram) -> Moment:
        hidden = self._hidden()
        return Moment(take_hidden(ram, hidden, self.kernel, self.constants, self.still), take_l1(ram, hidden, self.own))

    def _look(self, name: str, ram: Ram) -> None:
        try:
            moment = self._take(ram)
            if name == "before":
                self.before = moment
                return
            self.after = moment
            if self.before:
                self.problems += self.before.differences(moment)
            self.problems += self._doubt(ram, moment)
        except Missing as missing:
            self.problems.append(f"{name}: {missing}")

    def _samples(self, moment: Moment) -> list[Page]:
        """A page of each kind."""
        kinds: dict[str, Page] = {}
        for page in moment.hidden.pages:
            kinds.setdefault(re.sub(r" (for )?0x.*", "", page.name), page)
        l1 = sorted(moment.l1.pages, key=lambda page: page.address)
        return [*kinds.values(), l1[0], l1[len(l1) // 2], l1[-1]]

    def _doubt(self, ram: Ram, moment: Moment) -> list[str]:
        """Whether a change would be found: the last byte of one page of each kind is changed, and must be all that differs."""
        problems = []
        for page in self._samples(moment):
            at = page.address + PAGE - 1
            byte = ram.read(at, 1)
            ram.write(at, bytes([byte[0] ^ 0x10]))
            try:
                found = moment.differences(self._take(ram))
            except Missing as missing:  # the kernel's own pages are compared with its file first
                found = [str(missing)]
            ram.write(at, byte)
            if len(found) != 1 or (str(page) not in found[0] and not page.name.startswith("kernel")):
                problems.append(f"a changed byte in {page} was taken for: {'; '.join(found) or 'nothing'}")
        return problems + [f"put back, still: {text}" for text in moment.differences(self._take(ram))]

    def verdict(self) -> list[str]:
        """All that is wrong, also that nothing was compared."""
        if not self.before or not self.after:
            return self.problems or ["the moments before and after did not come"]
        found = list(self.problems)
        for what in ("kernel text", "kernel rodata", *(f"partition {name}: page table" for name in self.partitions),
                     *(f"partition {name}: {kind} " for name in self.partitions for kind in ("text", "rodata")),
                     *(f"partition {name}: {kind} " for name in self.still for kind in ("data", "channel", "stack"))):
            if not self.before.hidden.count(what):
                found.append(f"no page of '{what}' was compared")
        if self.before.l1.count("") < 1024:
            found.append(f"only {self.before.l1.count('')} pages of L1's were compared")
        return found

    def count(self) -> int:
        return len(self.before.hidden.pages) + len(self.before.l1.pages) if self.before else 0
