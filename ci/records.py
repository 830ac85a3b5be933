# SPDX-License-Identifier: BSD-2-Clause
"""Reads what the kernel records (caps/records.h) in an emulator's memory: the event rings."""

from __future__ import annotations

import json
import struct
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from messages import NONE, OVERWRITTEN, WHOLE, Messages, Told
from ram import Ram, find

LAYOUT = "ci/records_layout.json"  # under the build folder, made by records_layout.c
EVENT = struct.Struct("<QQQBBBBI")
NEXT = struct.Struct("<I")
COUNTS_ANEW = 1 << 31  # events between two looks: so many there can't be
WITHIN_MAX = 16  # events that come of one exit, and more: one that never ends keeps no others
FAILED = ("ENTRY_GUEST_STATE", "ENTRY_MSR_LOAD", "ENTRY_MACHINE_CHECK")  # exit reasons of VM entries that failed
LEVELS = ("L1", "L2", "PAL")
ABSENT: dict[str, dict[str, object]] = {"dma": {"level": "", "reason": "", "failed": False}}  # by kind, what such an event doesn't have: a device's request is no exit


class Layout:
    def __init__(self, text: str):
        self.numbers = json.loads(text)
        self.kinds, self.reasons, self.statuses = (self.numbers.pop(name) for name in ("kinds", "reasons", "statuses"))
        self.messages, self.fields, self.groups = (self.numbers.pop(name) for name in ("messages", "fields", "groups"))

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]


def layout(build: Path) -> Layout:
    return Layout((build / LAYOUT).read_text())


@dataclass(frozen=True)
class Event:
    tsc: int
    cpu: int
    level: str            # "": the event has none (ABSENT)
    kind: str
    reason: str
    failed: bool  # the exit is a VM entry that failed
    rip: int
    qualification: int
    partition: str = ""
    status: str = ""
    to: str = ""          # an exit: who ran then
    ticks: int = 0        # that L0 took for it; 0: not known
    data: str = NONE      # what is known of the fields that travelled with its message (messages.py)
    fields: dict[str, int] = field(default_factory=dict, hash=False)

    def hidden(self) -> bool:
        """Of a PAL, and nothing is told of where it was (event_shown(), caps/records.h)."""
        return self.level == "PAL" and self.kind in ("exit", "message") and self.rip == 0

    def gpa(self) -> int | None:
        """Of an L2's or PAL's EPT violation: the page."""
        violation = self.kind == "exit" and self.reason == "EPT_VIOLATION" and self.level != "L1"
        return self.qualification & ~0xfff if violation and not self.hidden() else None


@dataclass
class Ring:
    """One CPU's events as far as they have been read. The newest one may be in the making: it waits for the next one. So do those that came since an exit that hasn't ended."""
    address: int
    seen: int = 0    # number of the next event to give out
    lost: int = 0
    newest: list[bytes] = field(default_factory=list)
    told: Told = (NONE, {})  # of the newest's message


def _name(names: list[str] | tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)


class Rings:
    """Of all CPUs; what is in the records is checked before it is used."""

    def __init__(self, ram: Ram, form: Layout, within: range, fields: bool = False):
        self.ram, self.form, self.fields = ram, form, fields
        magic = form["magic"].to_bytes(8, "little")
        found = [base for base in find(ram, magic, within) if self._u64(base + form["machine_base"]) == base]
        if len(found) != 1:
            raise LookupError(f"{len(found)} places in hidden memory look like Bulkhead's records")
        self.base = found[0]
        if self._u32(self.base + form["machine_abi"]) != form["abi"]:
            raise LookupError("the Bulkhead that runs has another ABI")
        cpus, partitions = (self._u32(self.base + form[name]) for name in ("machine_cpu_count", "machine_partition_count"))
        if not 0 < cpus <= form["cpu_max"] or partitions > form["partition_max"]:
            raise LookupError(f"the records name {cpus} CPUs and {partitions} partitions")
        self.partitions = [self._text(self.base + form["machine_partition"] + i * form["partition_bytes"], form["name_bytes"]) for i in range(partitions)]
        self.rings = [self._ring(cpu, within) for cpu in range(cpus)]
        self.messages = Messages(ram, form, [self._channel(i, cpus, within) for i in range(partitions)])
        self.overwritten = 0  # messages whose fields were, before they could be read

    def _u64(self, address: int) -> int:
        return int.from_bytes(self.ram.read(address, 8), "little")

    def _u32(self, address: int) -> int:
        return int.from_bytes(self.ram.read(address, 4), "little")

    def _text(self, address: int, count: int) -> str:
        return self.ram.read(address, count).split(b"\0")[0].decode("ascii", "replace")

    def _ring(self, cpu: int, within: range) -> Ring:
        address = self._u64(self.base + self.form["machine_cpu_base"] + 8 * cpu) + self.form["ring"]
        if address not in within or address + self.form["ring_bytes"] - 1 not in within:
            raise LookupError(f"the records of CPU {cpu} are said to be at {address:#x}")
        return Ring(address)

    def _channel(self, partition: int, cpus: int, within: range) -> int:
        address = self._u64(self.base + self.form["machine_channels"] + 8 * partition)
        if address and (address not in within or address + cpus * self.form["channel_bytes"] - 1 not in within):
            raise LookupError(f"the messages of {self.partitions[partition]} are said to be at {address:#x}")
        return address

    def _told(self, cpu: int, ring: Ring, events: list[bytes]) -> list[Told]:
        """Of each event's message. The newest one's may still be filled in, unless it has ended; the first was the newest at the look before."""
        found, later = [(NONE, {})] * len(events), Counter[int]()
        for i in reversed(range(len(events))):
            _, _, qualification, reason, sequence, what, outcome, end = EVENT.unpack(events[i])
            partition, kind = outcome & 15, _name(self.form.kinds, what & 15)
            if not partition or kind not in ("exit", "message"):
                continue
            if end or i + 1 < len(events):
                found[i] = self.messages.told(cpu, partition - 1, sequence, qualification if kind == "message" else None, what >> 4, reason, later[partition])
            later[partition] += 1
        if found and found[0][0] == OVERWRITTEN and ring.told[0] == WHOLE and ring.newest and ring.newest[0][:8] == events[0][:8]:
            found[0] = ring.told
        return found

    def _event(self, cpu: int, data: bytes, told: Told = (NONE, {})) -> Event:
        tsc, rip, qualification, number, _, what, outcome, end = EVENT.unpack(data)
        partition, reason, kind = outcome & 15, _name(self.form.reasons, number), _name(self.form.kinds, what & 15)
        name = _name(self.partitions, partition - 1) if partition else ""
        found = Event(tsc, cpu, _name(LEVELS, what >> 4), kind, reason, reason in FAILED, rip, qualification, name,
                      _name(self.form.statuses, outcome >> 4) if partition else "", _name(LEVELS, end & 3) if end and kind == "exit" else "", end >> 2, *told)
        return replace(found, **ABSENT[kind]) if kind in ABSENT else found  # type: ignore[arg-type]

    def _slots(self, ring: Ring, first: int, count: int) -> bytes:
        return self.ram.read(ring.address + self.form["ring_slot"] + first * EVENT.size, count * EVENT.size)

    def _drain(self, cpu: int, ring: Ring) -> tuple[list[Event], float]:
        """And how full it was: of events, or of messages whose fields are to be read."""
        slots = self.form["slots"]
        (after,) = NEXT.unpack(self.ram.read(ring.address + self.form["ring_next"], NEXT.size))
        fresh = (after - ring.seen) & 0xffffffff
        if not fresh:
            return [], 0.0
        if fresh > COUNTS_ANEW:  # another boot after a reset: nothing comes after the newest any more
            again, ring.newest, ring.seen = ring.newest, [], 0
            return [self._event(cpu, one, ring.told) for one in again], 0.0
        skipped = max(0, fresh - slots)
        ring.lost += skipped
        first, count = (ring.seen + skipped) % slots, fresh - skipped
        data = self._slots(ring, first, min(count, slots - first)) + self._slots(ring, 0, max(0, first + count - slots))
        events = [data[i * EVENT.size:(i + 1) * EVENT.size] for i in range(count)]
        # The newest is given out with the ones after it: it may be half written, and what came of it is filled in later.
        told = self._told(cpu, ring, events) if self.fields else [(NONE, {})] * count
        given = count - (1 if self.fields else self._unended(events))
        ring.newest, ring.told, ring.seen = events[given:], told[-1], (after - count + given) & 0xffffffff
        self.overwritten += sum(state == OVERWRITTEN for state, _ in told[:-1])
        full = max(fresh / slots, max(Counter(event[27] & 15 for event in events if event[27] & 15).values(), default=0) / self.form["ring_slots"] / 2
                   if self.fields else 0.0)
        return [self._event(cpu, one, what) for one, what in zip(events[:given], told)], full

    def _unended(self, events: list[bytes]) -> int:
        """How many at the end are not told yet: the newest, and before it an exit whose message's status isn't known, with what came of it so far."""
        for count in range(min(WITHIN_MAX, len(events)), 1, -1):
            *_, what, outcome, end = EVENT.unpack(events[-count])
            if outcome & 15 and not end and _name(self.form.kinds, what & 15) == "exit":
                return count
        return 1

    def drain(self) -> tuple[list[Event], float]:
        """New events of all CPUs in the order of time, while the emulator stands still; and how full the fullest ring was."""
        found, full = [], 0.0
        for cpu, ring in enumerate(self.rings):
            events, share = self._drain(cpu, ring)
            full = max(full, share)
            found += events
        return sorted(found, key=lambda event: event.tsc), full

    def rest(self) -> list[Event]:
        """The newest event of each CPU, when there will be no more."""
        found = [self._event(cpu, data, ring.told) for cpu, ring in enumerate(self.rings) for data in ring.newest]
        return sorted(found, key=lambda event: event.tsc)

    @property
    def lost(self) -> int:
        return sum(ring.lost for ring in self.rings)
