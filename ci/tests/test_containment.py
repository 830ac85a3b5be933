# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what judges the suites containment and containment-any."""

import unittest
from math import gcd

import containment
from case import Failure
from containment import Fault
from vmm_said import right

INJECT = "L0 {} warn inject partition={} kind=1 sequence={} instruction={}"
FAULT = "L0 {} error fault partition={} vector=6 rip=0x401d00 cr2=0x0 sequence={} kind={} reason={} attempt=0 cause=exception"


class Faults(unittest.TestCase):
    LOG = [INJECT.format(0, "ept", 7, 1), FAULT.format(0, "ept", 7, "EXIT", "EPT_VIOLATION"), "L0 0 warn restart partition=ept count=1",
           INJECT.format(0, "ept", 15, 2), INJECT.format(1, "ept", 15, 3), FAULT.format(1, "ept", 15, "CALL", "-")]

    def test_those_that_happened(self) -> None:
        self.assertEqual(containment.faults(self.LOG), (3, [Fault("EPT_VIOLATION", 1), Fault("CALL", 3)]))

    def test_another_message_fails(self) -> None:
        with self.assertRaises(Failure):
            containment.faults([INJECT.format(0, "ept", 7, 1), FAULT.format(0, "ept", 8, "EXIT", "EPT_VIOLATION")])

    def test_another_cpu_fails(self) -> None:
        with self.assertRaises(Failure):
            containment.faults([INJECT.format(0, "ept", 7, 1), FAULT.format(1, "ept", 7, "EXIT", "EPT_VIOLATION")])

    def test_a_second_fault_fails(self) -> None:
        with self.assertRaises(Failure):
            containment.faults([*self.LOG, FAULT.format(0, "ept", 7, "EXIT", "EPT_VIOLATION")])

    def test_table(self) -> None:
        lines = containment.table([Fault("CPUID", 3), Fault("CPUID", 9), Fault("CPUID", 3), Fault("HLT", 1)])
        self.assertEqual([line.split() for line in lines[1:]], [["CPUID", "3", "2", "9"], ["HLT", "1", "1", "1"]])


class Restarts(unittest.TestCase):
    def test_each_fault_has_one(self) -> None:
        self.assertIsNone(containment.restart_problem(5, 5, 1))
        self.assertIsNotNone(containment.restart_problem(5, 4, 1))

    def test_two_cpus_may_share_one(self) -> None:
        self.assertIsNone(containment.restart_problem(5, 3, 2))
        self.assertIsNotNone(containment.restart_problem(5, 2, 2))

    def test_none_comes_without_a_fault(self) -> None:
        self.assertIsNotNone(containment.restart_problem(5, 6, 2))


class Sweeps(unittest.TestCase):
    SWEEPS = [sweep for sweep in containment.SWEEPS if sweep.to_end]

    def test_each_partition_is_swept_to_the_end(self) -> None:
        self.assertEqual(sorted(sweep.partition for sweep in self.SWEEPS), ["ept", "nestvmx"])
        for sweep in self.SWEEPS:
            self.assertEqual((sweep.first, gcd(sweep.span, sweep.stride)), (containment.END, 1))

    def test_a_message_that_may_be_longer_fails(self) -> None:
        sweep = self.SWEEPS[0]
        good, late = Fault("VMPTRLD", sweep.first + sweep.span * 9 // 10 - 1), Fault("VMPTRLD", sweep.first + sweep.span * 9 // 10)
        self.assertEqual(containment.too_short(sweep, [good]), [])
        self.assertEqual(len(containment.too_short(sweep, [good, late])), 1)


class Ends(unittest.TestCase):
    RESULT = right(containment.VM_ITERATIONS)

    def test_each_end(self) -> None:
        console = ["bh: vm 1 begin", *self.RESULT, "bh: vm 1 end status=0",
                   "bh: vm 2 begin", "vmm: FAIL vcpu=0 exit=triple-fault(8) detail=0x0 rip=0x8000", "bh: vm 2 end status=1", "bh: vm 3 begin"]
        self.assertEqual(containment.ends(console), {"passed": 1, "triple-fault": 1})

    def test_wrong_results_fail(self) -> None:
        with self.assertRaises(Failure):
            containment.ends(["bh: vm 1 begin", self.RESULT[0].replace("primes=0x", "primes=0xf"), self.RESULT[1], "bh: vm 1 end status=0"])

    def test_a_wrong_status_fails(self) -> None:
        with self.assertRaises(Failure):
            containment.ends(["bh: vm 1 begin", *self.RESULT, "bh: vm 1 end status=2"])


if __name__ == "__main__":
    unittest.main()
