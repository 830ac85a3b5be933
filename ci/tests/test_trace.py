# SPDX-License-Identifier: BSD-2-Clause
"""Tests of reading event rings from an emulator's memory, and of what `bulkhead trace` makes of them."""

import io
import json
import os
import struct
import tempfile
import threading
import unittest
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from records import EVENT, LEVELS, Event, Layout, Rings
from trace import Filter, output, read_file
from trace_text import as_json, from_json, text
from traced import compare

SLOTS = 8
FORM = Layout(json.dumps({
    "magic": 0x1122334455667788, "abi": 7, "slots": SLOTS, "machine_abi": 8, "machine_cpu_count": 16, "machine_partition_count": 20,
    "machine_base": 24, "machine_partition": 32, "machine_cpu_base": 96, "machine_bytes": 128, "partition_bytes": 24, "name_bytes": 16,
    "cpu_max": 2, "partition_max": 2, "ring": 64, "ring_next": 0, "ring_slot": 8, "ring_bytes": 8 + SLOTS * EVENT.size,
    "machine_channels": 112, "request_sequence": 0, "request_kind": 4, "request_origin": 5, "request_flags": 6, "request_reason": 8,
    "request_groups": 16, "request_groups_shadow": 24, "request_arg": 32, "request_gpr": 48, "request_field": 176, "request_bytes": 224,
    "request_slot": 256, "channel_bytes": 1024, "ring_slots": 4, "args": 2, "group_gpr": 1 << 63, "forwarded": 2,
    "messages": ["INIT", "EXIT", "ENTRY_FAILED", "CALL", "KILL"], "fields": ["ONE", "TWO", "THREE"], "groups": [0, 1, 1],
    "kinds": ["none", "exit", "message", "reply", "fault", "nmi", "dma"], "reasons": ["A", "B", "CPUID", "ENTRY_MSR_LOAD"], "statuses": ["done", "faulted"]}))
BASE, HIDDEN = 0x3000, range(0x2000, 0x8000)
CPUS = (0x4000, 0x5000)


class FakeRam:
    def __init__(self) -> None:
        self.size = 0x8000
        self.data = bytearray(self.size)
        self.next = [0, 0]
        self.put(BASE, struct.pack("<QIIIIQ", FORM["magic"], 7, 0, 2, 2, BASE))
        for i, name in enumerate((b"nestvmx", b"sixteen bytes ..")):
            self.put(BASE + 32 + 24 * i, name)
        self.put(BASE + 96, struct.pack("<2Q", *CPUS))

    def put(self, address: int, data: bytes) -> None:
        self.data[address:address + len(data)] = data

    def read(self, address: int, count: int) -> bytes:
        assert 0 <= address and address + count <= self.size
        return bytes(self.data[address:address + count])

    def write(self, address: int, data: bytes) -> None:
        raise AssertionError

    def used(self) -> Iterator[range]:
        yield range(self.size)

    def event(self, cpu: int, tsc: int, reason: int = 2, kind: int = 1, level: int = 0, partition: int = 0, status: int = 0, end: int = 0,
              sequence: int = 0) -> None:
        at = CPUS[cpu] + 64
        self.put(at + 8 + self.next[cpu] % SLOTS * EVENT.size, EVENT.pack(tsc, 0x1000, 5, reason, sequence & 0xff, level << 4 | kind, status << 4 | partition, end))
        self.next[cpu] = (self.next[cpu] + 1) & 0xffffffff
        self.put(at, struct.pack("<I", self.next[cpu]))


CHANNELS = 0x6000


class FieldsTest(unittest.TestCase):
    """What travelled with messages, to the first partition, of CPU 1."""

    def setUp(self) -> None:
        self.ram = FakeRam()
        self.ram.put(BASE + 112, struct.pack("<2Q", CHANNELS, 0))
        self.rings = Rings(self.ram, FORM, HIDDEN, True)

    def message(self, number: int, reason: int = 2, level: int = 1, kind: int = 1) -> None:
        """In its slot: rax and field TWO, and a field of another group that didn't travel; field ONE of the shadow VMCS."""
        request = struct.pack("<IBBBBIIQQ2Q16Q6Q", number, kind, level, 0, 0, reason, 0, 1 << 63 | 2, 1, 7, 8, number, *[0] * 15, 99, number + 1, 0, number + 2, 98, 97)
        self.ram.put(CHANNELS + 1024 + number % 4 * 256, request)

    def exit(self, number: int, **more: int) -> None:
        self.message(number)
        self.ram.event(1, number, level=1, partition=1, end=4, sequence=number, **more)

    def test_fields_come_by_name_and_what_was_overwritten_is_said(self) -> None:
        for number in range(300, 306):
            self.exit(number)
        events = self.rings.drain()[0]
        self.assertEqual([event.data for event in events], ["overwritten"] * 2 + ["whole"] * 3)
        self.assertEqual(events[2].fields["rax"], 302)
        self.assertEqual({name: value for name, value in events[2].fields.items() if name.isupper()}, {"TWO": 303, "THREE": 0, "SHADOW.ONE": 304})
        self.assertEqual(self.rings.overwritten, 2)
        self.assertIn("rax=0x12e rcx=0x0", text(events[2]))
        self.assertIn("overwritten", text(events[0]))
        self.assertEqual(from_json(as_json(events[2])), events[2])

    def test_the_newest_keeps_what_it_had_when_it_was_seen(self) -> None:
        self.exit(300)
        self.assertEqual(self.rings.drain()[0], [])
        for number in range(301, 306):
            self.exit(number)
        events = self.rings.drain()[0]
        self.assertEqual((events[0].data, events[0].fields["rax"], events[1].data), ("whole", 300, "overwritten"))

    def test_one_that_is_being_filled_in_is_not_read(self) -> None:
        self.message(300)
        self.ram.event(1, 300, level=1, partition=1, end=0, sequence=300)
        self.rings.drain()
        self.assertEqual([event.data for event in self.rings.rest()], [""])

    def test_fields_of_another_message_are_not_shown(self) -> None:
        for reason, level, number in ((1, 1, 300), (2, 0, 300), (2, 1, 301), (2, 1, 0)):
            self.setUp()
            self.message(300, reason, level)
            self.ram.event(1, 1, level=1, partition=1, end=4, sequence=number)
            self.ram.event(1, 2)
            self.assertEqual([(event.data, event.fields) for event in self.rings.drain()[0]], [("overwritten", {})])

    def test_a_message_says_all_of_its_number(self) -> None:
        for number, data in ((5, "whole"), (5 + 256, "overwritten")):
            self.setUp()
            self.message(number, kind=3)
            self.ram.event(1, 1, level=1, kind=2, partition=1, end=4, sequence=number)  # FakeRam's qualification is 5
            self.ram.event(1, 2)
            event = self.rings.drain()[0][0]
            self.assertEqual(event.data, data)
            self.assertEqual([name for name in event.fields if name.startswith("arg")], ["arg0", "arg1"] if data == "whole" else [])

    def test_of_who_may_hold_secrets_and_of_pals_nothing_is_shown(self) -> None:
        self.message(300)
        self.ram.event(1, 1, level=1, partition=2, end=4, sequence=300)
        self.message(300, level=2)
        self.ram.event(1, 2, level=2, partition=1, end=4, sequence=300)
        self.ram.event(1, 3)
        self.assertEqual([(event.data, event.fields) for event in self.rings.drain()[0]], [("secret", {})] * 2)

    def test_channels_outside_of_hidden_memory_are_refused(self) -> None:
        self.ram.put(BASE + 112, struct.pack("<2Q", HIDDEN.stop - 1024, 0))
        with self.assertRaisesRegex(LookupError, "the messages of nestvmx are said to be at"):
            Rings(self.ram, FORM, HIDDEN)


class RingsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.ram = FakeRam()

    def rings(self) -> Rings:
        return Rings(self.ram, FORM, HIDDEN)

    def times(self, events: list[Event]) -> list[int]:
        return [event.tsc for event in events]

    def test_events_come_once_in_the_order_of_time_and_the_newest_waits(self) -> None:
        rings = self.rings()
        self.assertEqual(rings.drain(), ([], 0.0))
        for tsc in (1, 3, 5):
            self.ram.event(0, tsc)
            self.ram.event(1, tsc + 1)
        events, full = rings.drain()
        self.assertEqual((self.times(events), full), ([1, 2, 3, 4], 3 / SLOTS))
        self.assertEqual(self.times(rings.drain()[0]), [])
        self.ram.event(0, 7)
        self.assertEqual(self.times(rings.drain()[0]), [5])
        self.assertEqual(self.times(rings.rest()), [6, 7])
        self.assertEqual(rings.lost, 0)

    def test_the_newest_is_read_again(self) -> None:
        rings = self.rings()
        self.ram.event(0, 1)
        rings.drain()
        self.ram.put(CPUS[0] + 64 + 8 + 27, b"\x11" + struct.pack("<I", 4))  # its partition and status are known now
        self.ram.event(0, 2)
        (event,) = rings.drain()[0]
        self.assertEqual((event.partition, event.status), ("nestvmx", "faulted"))

    def test_an_exit_that_has_not_ended_waits_with_what_came_of_it(self) -> None:
        rings = self.rings()
        self.ram.event(0, 1)
        self.ram.event(0, 2, partition=1)
        self.ram.event(0, 3, kind=2, partition=1, end=4)
        self.assertEqual(self.times(rings.drain()[0]), [1])
        self.assertEqual(self.times(rings.drain()[0]), [])
        self.ram.put(CPUS[0] + 64 + 8 + EVENT.size + 27, b"\x11" + struct.pack("<I", 4))
        self.assertEqual([(event.tsc, event.status) for event in rings.drain()[0]], [(2, "faulted")])
        self.assertEqual(self.times(rings.rest()), [3])

    def test_an_exit_that_never_ends_waits_for_some(self) -> None:
        rings = self.rings()
        with patch("records.WITHIN_MAX", 3):
            self.ram.event(0, 1, partition=1)
            self.ram.event(0, 2, kind=2, partition=1)
            self.ram.event(0, 3, kind=2, partition=1)
            self.assertEqual(self.times(rings.drain()[0]), [])
            self.ram.event(0, 4)
            self.assertEqual(self.times(rings.drain()[0]), [1, 2, 3])

    def test_what_was_overwritten_is_counted(self) -> None:
        rings = self.rings()
        for tsc in range(SLOTS + 3):
            self.ram.event(1, tsc)
        self.assertEqual(self.times(rings.drain()[0]), list(range(3, SLOTS + 2)))
        self.assertEqual(rings.lost, 3)
        for tsc in range(100, 100 + 2 * SLOTS):
            self.ram.event(1, tsc)
        self.assertEqual(len(rings.drain()[0]), SLOTS - 1)
        self.assertEqual(rings.lost, 3 + SLOTS + 1)

    def test_numbers_wrap(self) -> None:
        rings = self.rings()
        self.ram.next[0] = rings.rings[0].seen = 0xfffffffe
        for tsc in range(4):
            self.ram.event(0, tsc)
        self.assertEqual(self.times(rings.drain()[0]) + self.times(rings.rest()), [0, 1, 2, 3])
        self.assertEqual(rings.lost, 0)

    def test_what_ended_a_boot_comes_with_the_next_one(self) -> None:
        rings = self.rings()
        for tsc in (1, 2, 3, 4):
            self.ram.event(0, tsc)
        self.assertEqual(self.times(rings.drain()[0]), [1, 2, 3])
        self.ram.next[0] = 0
        self.ram.event(0, 1)
        self.assertEqual(self.times(rings.drain()[0]), [4])
        self.ram.event(0, 6)
        self.assertEqual(self.times(rings.drain()[0]) + self.times(rings.rest()), [1, 6])
        self.assertEqual(rings.lost, 0)

    def test_what_an_event_says(self) -> None:
        rings = self.rings()
        self.ram.event(0, 1, reason=1, kind=2, level=1, partition=1, status=1, end=7 << 2)
        self.ram.event(0, 2, reason=99, kind=7, level=9, partition=14, status=15, end=0xffffffff)
        self.ram.event(0, 3, reason=3, end=99 << 2 | 1)
        self.ram.event(0, 4)
        first, second, third = rings.drain()[0]
        self.assertEqual(first, Event(1, 0, "L2", "message", "B", False, 0x1000, 5, "nestvmx", "faulted", "", 7))
        self.assertEqual(second, Event(2, 0, "9", "7", "99", False, 0x1000, 5, "13", "15", "", (1 << 30) - 1))
        self.assertEqual(third, Event(3, 0, "L1", "exit", "ENTRY_MSR_LOAD", True, 0x1000, 5, "", "", "L2", 99))

    def test_a_devices_request_is_of_no_level_and_no_exit_reason(self) -> None:
        rings = self.rings()
        self.ram.event(0, 1, reason=3, kind=6, level=1)
        self.ram.event(0, 2)
        (found,) = rings.drain()[0]
        self.assertEqual(found, Event(1, 0, "", "dma", "", False, 0x1000, 5))
        self.assertEqual([wanted.wants(found) for wanted in (Filter(), Filter(levels=frozenset(LEVELS)), Filter(reasons=frozenset(FORM.reasons)))], [True, False, False])

    def test_names_may_fill_their_place(self) -> None:
        self.assertEqual(self.rings().partitions, ["nestvmx", "sixteen bytes .."])

    def test_what_is_not_the_records_is_refused(self) -> None:
        for at, data in ((BASE, b"x"), (BASE + 8, b"\x08"), (BASE + 16, b"\0"), (BASE + 16, b"\3"), (BASE + 20, b"\3"), (BASE + 24, b"\x08"),
                         (BASE + 96, b"\0\0\xff\xff\xff\xff\xff\xff"), (BASE + 97, b"\x7f"), (BASE + 96, bytes(8))):
            self.ram = FakeRam()
            self.ram.put(at, data)
            with self.subTest(at=at - BASE), self.assertRaises(LookupError):
                self.rings()

    def test_a_copy_of_the_magic_is_no_records(self) -> None:
        self.ram.put(0x6000, self.ram.read(BASE, 128))
        self.assertEqual(self.rings().base, BASE)


def event(**changes: object) -> Event:
    return Event(**({"tsc": 7, "cpu": 1, "level": "L2", "kind": "exit", "reason": "CPUID", "failed": False, "rip": 0x1234, "qualification": 0}
                    | changes))  # type: ignore[arg-type]


DMA = {"kind": "dma", "level": "", "reason": ""}


class CompareTest(unittest.TestCase):
    COUNTED = Counter({("L1", "IO"): 2, ("L2", "CPUID"): 10})

    def test_all_or_known_to_be_lost(self) -> None:
        for cpuid, lost, good in ((10, 0, True), (9, 0, False), (9, 1, True), (7, 2, False), (11, 5, False)):
            traced = Counter({("L1", "IO"): 3, ("L2", "CPUID"): cpuid})
            self.assertEqual(compare(traced, self.COUNTED, lost) == [], good, (cpuid, lost))
        self.assertTrue(compare(Counter({("L1", "IO"): 4, ("L2", "CPUID"): 10}), self.COUNTED, 0))
        self.assertTrue(compare(Counter({("L1", "IO"): 2, ("L2", "CPUID"): 10, ("L2", "HLT"): 1}), self.COUNTED, 0))


class OutputTest(unittest.TestCase):
    def test_filters(self) -> None:
        for wanted, shown in ((Filter(), True), (Filter(cpus=frozenset({1})), True), (Filter(cpus=frozenset({0})), False),
                              (Filter(levels=frozenset({"L1"})), False), (Filter(reasons=frozenset({"CPUID", "HLT"})), True),
                              (Filter(reasons=frozenset({"HLT"})), False), (Filter(partitions=frozenset({"ept"})), False),
                              (Filter(cpus=frozenset({1}), levels=frozenset({"L2"}), partitions=frozenset({""})), True)):
            out = io.StringIO()
            shown_to = output(out, wanted, "text")
            shown_to.give([event(), event()])
            self.assertEqual((shown_to.events, shown_to.shown, out.getvalue().count("\n")), (2, 2 * shown, 2 * shown), wanted)

    def test_text(self) -> None:
        """As bhctl says it: ci/unit/report/bhctl_test.c has the same lines."""
        for changes, line in (
                ({}, "L2 CPUID rip=0x1234"),
                ({"reason": "EPT_VIOLATION", "qualification": 0x5003182, "partition": "nestvmx", "status": "no such system call or operation", "to": "L1", "ticks": 412},
                 "L2->L1 EPT_VIOLATION gpa=0x5003000 rip=0x1234 qualification=0x182 nestvmx: no such system call or operation 412 instr"),
                ({"level": "L1", "reason": "ENTRY_GUEST_STATE", "failed": True, "qualification": 3, "to": "PAL"},
                 "L1->PAL ENTRY_GUEST_STATE (failed entry) rip=0x1234 qualification=0x3"),
                ({"level": "L1", "kind": "message", "reason": "VMRESUME", "qualification": 17, "partition": "nestvmx", "status": "done", "ticks": 99},
                 "L1 message VMRESUME rip=0x1234 number=17 nestvmx 99 instr"),
                ({"level": "PAL", "reason": "EPT_VIOLATION", "qualification": 0x5003182, "to": "L1", "ticks": 5}, "PAL->L1 EPT_VIOLATION gpa=0x5003000 rip=0x1234 qualification=0x182 5 instr"),
                ({"level": "PAL", "reason": "EPT_VIOLATION", "rip": 0, "partition": "nestvmx", "status": "done", "to": "L1", "ticks": 9}, "PAL->L1 EPT_VIOLATION nestvmx 9 instr"),
                ({"level": "PAL", "kind": "fault", "rip": 0}, "PAL fault CPUID rip=0x0"),
                ({**DMA, "rip": 0x1000d000, "qualification": 0xc00000060000021b}, "dma 02:03.3 reads 0x1000d000, reason 0x6"),
                ({**DMA, "rip": 0, "qualification": 0x800000050000ffff}, "dma ff:1f.7 writes 0x0, reason 0x5")):
            self.assertEqual(text(event(**changes)), f"             7 CPU1 {line}")

    def test_json(self) -> None:
        one = event(partition="ept", status="done", to="L2", ticks=5)
        self.assertEqual(json.loads(as_json(one)), {"tsc": 7, "cpu": 1, "level": "L2", "kind": "exit", "reason": "CPUID", "failed": False, "rip": "0x1234",
                                                    "qualification": "0x0", "partition": "ept", "status": "done", "to": "L2", "ticks": 5, "data": "", "fields": {}})
        self.assertEqual(from_json(as_json(one)), one)

    def test_json_of_a_devices_request(self) -> None:
        """As bhctl says it: ci/unit/report/bhctl_test.c has the same line."""
        one = event(**DMA, rip=0x1000d000, qualification=0xc00000060000021b)
        line = ('{"tsc": 7, "cpu": 1, "kind": "dma", "rip": "0x1000d000", "qualification": "0xc00000060000021b", "partition": "", "status": "", "to": "", '
                '"ticks": 0, "data": "", "fields": {}}')
        self.assertEqual(as_json(one), line)
        self.assertEqual(from_json(line), one)
        data = json.loads(line)
        for wrong in (data | {"level": "L1", "reason": "CPUID", "failed": False}, data | {"level": ""}, data | {"kind": "exit"}, data | {"kind": ["dma"]}):
            with self.assertRaises(ValueError):
                from_json(json.dumps(wrong))

    def test_what_is_no_event(self) -> None:
        good = json.loads(as_json(event()))
        for data in ({}, [], 5, good | {"more": 1}, good | {"tsc": "7"}, good | {"rip": "x"}, good | {"failed": 0}, {k: v for k, v in good.items() if k != "to"}):
            with self.assertRaises(ValueError):
                from_json(json.dumps(data))
        with self.assertRaises(ValueError):
            from_json("(cpu0: 5 events were overwritten)")

    def test_what_comes_by_a_port(self) -> None:
        """Behind what else was said there, up to a line that is cut off; but nothing else in between."""
        late, early = as_json(event(tsc=9)), as_json(event(tsc=3))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "port"
            for text, times in (("BdsDxe: starting\n\033[2J" + late + "\nEFI stub\n" + late + "\n" + early + "\n" + late[:40], [3, 9]), (late, [9]), ("", [])):
                file.write_text(text)
                found: list[Event] = []
                read_file(file, found.extend)
                self.assertEqual([one.tsc for one in found], times)
            for text, line in ((late + "\nnoise\n" + late + "\n", 2), ("BdsDxe: starting\nnothing else\n", 1), (late[:40], 1)):
                file.write_text(text)
                with self.assertRaisesRegex(SystemExit, f"port:{line}: "):
                    read_file(file, lambda events: None)
            port = Path(folder) / "live"
            os.mkfifo(port)
            writer = threading.Thread(target=lambda: port.write_text("noise\n" + late + "\n" + early + "\n"))
            writer.start()
            came: list[list[Event]] = []
            read_file(port, came.append)
            writer.join()
            self.assertEqual([[one.tsc for one in events] for events in came], [[9], [3]])


if __name__ == "__main__":
    unittest.main()
