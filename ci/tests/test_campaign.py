# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what judges the suites campaign and campaign-any."""

import unittest
from collections import Counter
from math import gcd
from unittest import mock

import campaign
from campaign import Outcome
from case import Failure
from emulator import Machine
from memory_hash import Page, Space
from ram import PAGE
from vmm_said import right

FAULT = "L0 {} error fault partition={} vector=6 rip=0x401d00 cr2=0x0 sequence={} kind={} reason={} attempt={} cause=exception"


class Plans(unittest.TestCase):
    PLANS = [case.run.args[0] for case in campaign.CASES + campaign.NIGHT_CASES]  # type: ignore[attr-defined]

    def test_each_instruction_has_its_turn(self) -> None:
        for plan in self.PLANS:
            for words in (text.split() for text in plan.inject().split(",")):
                self.assertEqual(len(words), 8)
                self.assertEqual(gcd(int(words[5]), int(words[7])), 1)

    def test_they_are_enough(self) -> None:
        self.assertGreaterEqual(sum(plan.least for plan in self.PLANS if not plan.twice()), 10_000)


class Outcomes(unittest.TestCase):
    def test_messages_that_failed_twice(self) -> None:
        log = [FAULT.format(0, "ept", 7, "EXIT", "EPT_VIOLATION", 0), FAULT.format(1, "ept", 8, "EXIT", "EPT_VIOLATION", 0),
               FAULT.format(0, "ept", 9, "EXIT", "EPT_VIOLATION", 1), FAULT.format(0, "nestvmx", 9, "EXIT", "VMRESUME", 0),
               FAULT.format(1, "ept", 20, "CALL", "-", 0), FAULT.format(1, "ept", 21, "CALL", "-", 1)]
        found = campaign.outcomes(log)
        self.assertEqual(found["ept"], Outcome(Counter(EPT_VIOLATION=3, CALL=2), Counter(EPT_VIOLATION=1, CALL=1)))
        self.assertEqual(found["nestvmx"], Outcome(Counter(VMRESUME=1), Counter()))

    def test_a_fault_of_a_message_that_came_again_is_its_first(self) -> None:
        log = [FAULT.format(0, "ept", 7, "EXIT", "EPT_VIOLATION", 0), FAULT.format(0, "ept", 40, "EXIT", "EPT_VIOLATION", 1)]
        self.assertFalse(campaign.outcomes(log)["ept"].twice)


    def test_a_partition_without_faults_fails(self) -> None:
        plan = Plans.PLANS[0]
        enough = {name: Outcome(Counter(CPUID=plan.least // campaign.LEAST_SHARE), Counter()) for name in campaign.PARTITIONS}
        self.assertEqual(campaign.spared(plan, enough), [])
        for name in campaign.PARTITIONS:
            self.assertEqual(len(campaign.spared(plan, {**enough, name: Outcome(Counter(), Counter())})), 1)


class Ends(unittest.TestCase):
    RESULT = right(campaign.ITERATIONS)

    def test_virtual_machines(self) -> None:
        console = ["bh: vm-a1 begin", *self.RESULT, "bh: vm-a1 end status=0",
                   "bh: vm-b1 begin", "vmm: FAIL vcpu=0 exit=triple-fault(8) detail=0x0 rip=0x8000", "bh: vm-b1 end status=1", "bh: vm-b2 begin"]
        self.assertEqual(campaign.machine_ends(console), {"passed": 1, "triple-fault": 1})

    def test_wrong_results_fail(self) -> None:
        for lines in ([self.RESULT[0].replace("primes=0x", "primes=0xf"), self.RESULT[1], "bh: vm-a1 end status=0"], [*self.RESULT, "bh: vm-a1 end status=2"]):
            with self.assertRaises(Failure):
                campaign.machine_ends(["bh: vm-a1 begin", *lines])

    def test_programs(self) -> None:
        console = ["bh: keeper good=1", "bh: args64 good=20", "bh: args64-70003 begin", "Test fail: 10_ptr: 0xdead0002, expected 0x1", "bh: args64-70003 end status=1",
                   "bh: keeper-70001 begin", "bh: keeper-70001 end status=139", "bh: args32-70001 begin", "Test fail: registration: 0x4, expected 0x0",
                   "bh: args32-70001 end status=1"]
        self.assertEqual(campaign.pal_ends(console), {"passed": 21, "PAL ended": 1, "killed": 1, "refused": 1})

    def test_a_wrong_result_of_a_pal_fails(self) -> None:
        for said in ("Test fail: 10_int: 0x8, expected 0x7", "keeper: a later call gives 0x1ff", ""):
            with self.assertRaises(Failure):
                campaign.pal_ends(["bh: args64-70003 begin", said, "bh: args64-70003 end status=1"])


class Unpaid(unittest.TestCase):
    @staticmethod
    def found(**twice: Counter[str]) -> dict[str, Outcome]:
        return {partition: Outcome(Counter(), twice.get(partition, Counter())) for partition in campaign.PARTITIONS}

    def test_what_was_paid_for(self) -> None:
        found = self.found(nestvmx=Counter(CPUID=1, VMRESUME=1), trustvisor=Counter(VMCALL=1))
        self.assertEqual(campaign.unpaid(found, Counter({"passed": 3, "triple-fault": 1, "failed-entry": 1}), Counter({"passed": 9, "killed": 1, "refused": 1}), 1), [])

    def test_each_loss_without_a_cause(self) -> None:
        for ends, programs in ((Counter({"triple-fault": 1}), Counter()), (Counter({"failed-entry": 1}), Counter()), (Counter(), Counter({"PAL ended": 1})), (Counter(), Counter({"refused": 1}))):
            self.assertTrue(campaign.unpaid(self.found(), ends, programs, 0))
        self.assertTrue(campaign.unpaid(self.found(nestvmx=Counter(INVEPT=5, VMRESUME=5)), Counter({"triple-fault": 1}), Counter(), 0))
        self.assertTrue(campaign.unpaid(self.found(ept=Counter(EPT_VIOLATION=5)), Counter(), Counter({"killed": 1}), 0))


class Memory:
    """Some pages, all else zero."""
    size = 16 * PAGE

    def __init__(self, words: dict[int, int]):
        self.data = bytearray(self.size)
        for at, word in words.items():
            self.data[at:at + 8] = word.to_bytes(8, "little")

    def read(self, address: int, count: int) -> bytes:
        return bytes(self.data[address:address + count])

    def used(self):  # type: ignore[no-untyped-def]
        yield range(self.size)


class Looks(unittest.TestCase):
    SEED = 70001
    SECRET = campaign.FACTOR * SEED % (1 << 64)

    def look(self, words: dict[int, int]) -> campaign._Looker:
        looker = campaign._Looker(Machine(), 1)
        looker.line("e9", "L0 0 info stage launched cpus=2 hidden=0x8000-0xa000", 1.0)
        looker.line("com1", f"keeper: seed {self.SEED:#018x} page {2 * PAGE:#018x}", 2.0)
        looker._look_for_secrets(Memory(words))  # type: ignore[arg-type]
        return looker

    def test_a_secret_in_its_page(self) -> None:
        looker = self.look({2 * PAGE: self.SECRET, 2 * PAGE + 64: self.SECRET, 9 * PAGE: 5})
        self.assertEqual((looker.seen[self.SEED], looker.foreign), (2, []))

    def test_a_secret_elsewhere(self) -> None:
        self.assertEqual(len(self.look({2 * PAGE: self.SECRET, 3 * PAGE + 3: self.SECRET}).foreign), 1)

    def test_hidden_memory_is_counted_apart(self) -> None:
        looker = self.look({8 * PAGE + 8: self.SECRET})
        self.assertEqual((looker.hidden[self.SEED], looker.foreign), (1, []))

    def test_a_secret_in_another_partition(self) -> None:
        pages = {"nestvmx": [Page("partition nestvmx: state 0x0", 8 * PAGE)], "trustvisor": [Page("partition trustvisor: state 0x0", 9 * PAGE)]}
        with (mock.patch("campaign.spaces", lambda hidden, constants: {name: Space(name, 0) for name in pages}),
              mock.patch("campaign.space_pages", lambda hidden, space, constants, still: pages[space.name])):
            looker = self.look({8 * PAGE + 8: self.SECRET, 9 * PAGE: self.SECRET})
        self.assertEqual((looker.hidden[self.SEED], len(looker.foreign), looker.partitions), (1, 1, {"partition nestvmx"}))


if __name__ == "__main__":
    unittest.main()
