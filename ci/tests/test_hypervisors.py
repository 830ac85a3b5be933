# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what judges the suites kvm-matrix, nested, bulkhead and xen: each missing or wrong line is a failure."""

import lzma
import struct
import unittest
from dataclasses import replace
from pathlib import Path

import l0log
import vmm_expected
import workload
import xen_image
from boot import Boot, inner_problems, l2_linux_problems, xen_problems
from emulator import Machine, Outcome
from kvm_matrix import IVY, Row, matrix_problems, used
from stages import Stages

ROW = Row("no-vpid", {"vpid": 0}, vms=2)


def report(vcpus: int = 1) -> list[str]:
    lines = [f"vmm: vcpu={vcpu} " + " ".join(f"{name}={value:#x}" for name, value in vmm_expected.expected(vcpu, vcpus, 1).items())
             for vcpu in range(vcpus)]
    return [*lines, f"vmm: PASS vcpus={vcpus} iterations=1 exits=24"]


def boot_of(console: list[str], chosen: workload.Workload) -> Boot:
    return Boot(chosen, Machine(), True, Outcome("power-off", 1.0, "", console, []), Stages(), Path("."))


class Matrix(unittest.TestCase):
    LINES = ["bh: row no-vpid begin ept=Y unrestricted_guest=Y vpid=N flexpriority=Y enable_apicv=N enable_shadow_vmcs=Y preemption_timer=Y eptad=Y nested=Y",
             "bh: row no-vpid at once 2", "bh: row no-vpid vm 0", *report(), "bh: row no-vpid vm 1", *report(),
             "bh: row no-vpid end status=0"]

    def problems(self, lines: list[str], row: Row = ROW) -> list[str]:
        return matrix_problems(boot_of(lines, workload.LINUX), (row,))

    def test_all_well(self) -> None:
        self.assertEqual(self.problems(self.LINES), [])

    def test_each_missing_line_fails(self) -> None:
        for i in range(len(self.LINES) - 1):
            self.assertTrue(self.problems(self.LINES[:i] + self.LINES[i + 1:]), self.LINES[i])

    def test_another_parameter_fails(self) -> None:
        for was, now in (("vpid=N", "vpid=Y"), ("ept=Y", "ept=N"), ("shadow_vmcs=Y", "shadow_vmcs=N"), ("nested=Y", "nested=N")):
            self.assertTrue(self.problems([self.LINES[0].replace(was, now), *self.LINES[1:]]), now)

    def test_fewer_at_once_fail(self) -> None:
        self.assertTrue(self.problems([line.replace("at once 2", "at once 1") for line in self.LINES]))

    def test_what_goes_with_ept(self) -> None:
        row = replace(ROW, parameters={"ept": 0})
        lines = [self.LINES[0].replace("ept=Y unrestricted_guest=Y vpid=N", "ept=N unrestricted_guest=N vpid=Y").replace("eptad=Y", "eptad=N"), *self.LINES[1:]]
        self.assertEqual(self.problems(lines, row), [])
        self.assertTrue(self.problems([lines[0].replace("unrestricted_guest=N", "unrestricted_guest=Y"), *lines[1:]], row))

    def test_what_a_model_lacks(self) -> None:
        self.assertEqual({name for name, value in used(Row("plain", {}), IVY).items() if not value}, {"enable_shadow_vmcs", "eptad"})


class Nested(unittest.TestCase):
    LINES = ["bh: stage linux release=6.1 cpus=1 memory_kb=1", "bh: test kvm begin", *report(), "bh: test kvm end status=0",
             "bh: 6 times 7 is 42", "bh: stage power-off"]

    def problems(self, lines: list[str]) -> list[str]:
        return l2_linux_problems(boot_of([f"L2: {line}" for line in lines], workload.NESTED))

    def test_all_well(self) -> None:
        self.assertEqual(self.problems(self.LINES), [])

    def test_each_missing_line_fails(self) -> None:
        for line in self.LINES:
            if "begin" not in line:
                self.assertTrue(self.problems([other for other in self.LINES if other != line]), line)

    def test_what_l1_says_does_not_count(self) -> None:
        self.assertTrue(l2_linux_problems(boot_of(self.LINES, workload.NESTED)))


class NestedInTurn(unittest.TestCase):
    """VMMs of two virtual CPUs, one after the other, on a machine with four."""
    CHOSEN = replace(workload.NESTED, vcpus=4, settings=(*workload.NESTED.settings, ("at_once", 2)))
    LINES = ["bh: stage linux release=6.1 cpus=4 memory_kb=1", "bh: vmm on cpus=0-1", *report(2), "bh: vmm on cpus=2-3", *report(2),
             "bh: test kvm end status=0", "bh: 6 times 7 is 42", "bh: stage power-off"]

    def problems(self, lines: list[str]) -> list[str]:
        return l2_linux_problems(boot_of([f"L2: {line}" for line in lines], self.CHOSEN))

    def test_all_well(self) -> None:
        self.assertEqual(self.problems(self.LINES), [])

    def test_each_missing_line_fails(self) -> None:
        for i, line in enumerate(self.LINES):
            self.assertTrue(self.problems(self.LINES[:i] + self.LINES[i + 1:]), line)

    def test_a_wrong_value_of_the_last_one_fails(self) -> None:
        at = max(i for i, line in enumerate(self.LINES) if line.startswith("vmm: vcpu=1 "))
        found = self.problems([*self.LINES[:at], self.LINES[at].replace(" primes=0x", " primes=0x1"), *self.LINES[at + 1:]])
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("cpus=2-3: vcpu 1: primes "), found)


class Inner(unittest.TestCase):
    LINES = ["L0 0 info stage launched cpus=1 hidden=0x1d000000-0x1e000000",
             *(f"L0 0 info stage partition name={name} state=ready" for name in workload.BULKHEAD_KVM.partitions),
             "L0 0 info stat exit origin=L1 reason=CPUID count=1 l0_instr=1 vmreads=1 vmwrites=1",
             "L0 0 info stat exit origin=L2 reason=CPUID count=1 l0_instr=1 vmreads=1 vmwrites=1", "L0 0 info stage power-off"]

    def problems(self, lines: list[str]) -> list[str]:
        run = boot_of(lines, workload.BULKHEAD_KVM)
        run.records = l0log.parse_all(["L0 0 info stat exit origin=L2 reason=CPUID count=1 l0_instr=1 vmreads=1 vmwrites=1"])
        return inner_problems(run)

    def test_all_well(self) -> None:
        self.assertEqual(self.problems(self.LINES), [])

    def test_each_missing_line_fails(self) -> None:
        for line in self.LINES:
            self.assertTrue(self.problems([other for other in self.LINES if other != line]), line)

    def test_a_fault_fails(self) -> None:
        self.assertTrue(self.problems([*self.LINES, "L0 0 error fault partition=ept vector=6"]))

    def test_each_of_several_has_to_come_up(self) -> None:
        run = boot_of(self.LINES * 2, workload.BULKHEAD_THREE)
        run.records = l0log.parse_all(["L0 0 info stat exit origin=L2 reason=CPUID count=1 l0_instr=1 vmreads=1 vmwrites=1"])
        self.assertEqual(inner_problems(run), [])
        for line in self.LINES:
            if "stat exit" not in line:
                run.outcome.console[:] = [*self.LINES, *(other for other in self.LINES if other != line)]
                self.assertTrue(inner_problems(run), line)

    def test_no_exit_of_the_outer_ones_l2_fails(self) -> None:
        self.assertTrue(inner_problems(boot_of(self.LINES, workload.BULKHEAD_KVM)))


class Xen(unittest.TestCase):
    LINES = ["(XEN) HVM: VMX enabled", "(XEN) HVM: Hardware Assisted Paging (HAP) detected", "(XEN) HVM: ASIDs enabled.", "(XEN) Brought up 1 CPUs",
             "(d1) pvh: in 64-bit mode", "(d1) pvh: PASS primes=2424 series=4610082442274575470 timers=8 pages=2048",
             "xl: Domain 1 has shut down, reason code 0 0x0", "(XEN) Entering ACPI S5 state."]

    def test_all_well(self) -> None:
        self.assertEqual(xen_problems(boot_of(self.LINES, workload.XEN)), [])

    def test_each_missing_line_fails(self) -> None:
        for line in self.LINES:
            self.assertTrue(xen_problems(boot_of([other for other in self.LINES if other != line], workload.XEN)), line)

    def test_another_result_fails(self) -> None:
        for was, now in (("primes=2424", "primes=2423"), ("code 0", "code 3"), ("timers=8", "timers=80")):
            self.assertTrue(xen_problems(boot_of([line.replace(was, now) for line in self.LINES], workload.XEN)), now)

    LINUX = [line for line in LINES if not line.startswith("(d1)")] + [
        "L2: bh: stage linux release=6.1 cpus=1 memory_kb=78548", "L2: domain: cpu=0 primes=303", "L2: bh: test domain_linux end status=0", "L2: bh: stage power-off"]

    def test_linux_as_the_domain(self) -> None:
        self.assertEqual(xen_problems(boot_of(self.LINUX, workload.XEN_LINUX)), [])
        for line in self.LINUX:
            self.assertTrue(xen_problems(boot_of([other for other in self.LINUX if other != line], workload.XEN_LINUX)), line)
        for was, now in (("cpus=1", "cpus=2"), ("primes=303", "primes=302"), ("domain_linux end status=0", "domain_linux end status=1")):
            self.assertTrue(xen_problems(boot_of([line.replace(was, now) for line in self.LINUX], workload.XEN_LINUX)), now)

    HVM = [line for line in LINES if not line.startswith("(d1)")] + ["(d1) HVM Loader", "(d1) SeaBIOS (version 1.16.2)"] + [
        f"{prefix}hvm: {text}" for prefix in ("(d1) ", "L2: ") for text in (
            "in 64-bit mode", "PASS primes=2424 series=4610082442274575470 timers=8 pages=2048", "CPUs=1 wakes=0")]

    def test_a_bios_and_a_device_model(self) -> None:
        self.assertEqual(xen_problems(boot_of(self.HVM, workload.XEN_HVM)), [])
        for line in self.HVM:
            self.assertTrue(xen_problems(boot_of([other for other in self.HVM if other != line], workload.XEN_HVM)), line)
        for was, now in (("primes=2424", "primes=2423"), ("CPUs=1", "CPUs=2"), ("wakes=0", "wakes=4")):
            self.assertTrue(xen_problems(boot_of([line.replace(was, now) for line in self.HVM], workload.XEN_HVM)), now)

    def test_packed_kernel(self) -> None:
        packed = lzma.compress(b"\x7fELF" + bytes(100), check=lzma.CHECK_CRC32)
        image = bytearray(1024)
        image[0x1f1] = 1
        struct.pack_into("<II", image, 0x248, 0, len(packed))
        self.assertEqual(xen_image.unpacked(bytes(image) + packed + b"tail"), b"\x7fELF" + bytes(100))
        other = bytes(image) + b"another packer's"
        self.assertEqual(xen_image.unpacked(other), other)


if __name__ == "__main__":
    unittest.main()
