# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what reads a run's output: log lines, stages, summary, the KVM guest's report."""

import unittest
from dataclasses import replace
from pathlib import Path

import l0log
import summary
import vmm_expected
from boot import Boot, problems
from emulator import Machine, Outcome
from stages import Stages
from workload import KVM, LINUX, configuration

LOG = """\
L0 0 info stage launched cpus=1 hidden=0x1d000000-0x1e000000
L0 0 info stage partition name=nestvmx state=ready
L0 0 info stage partition name=ept state=ready
L0 0 info stage partition name=report state=ready
L0 0 info stat exit origin=L1 reason=CPUID count=12 l0_instr=3456 vmreads=7 vmwrites=8
L0 0 info stat exit origin=L2 reason=EPT_VIOLATION count=300 l0_instr=450000 vmreads=900 vmwrites=600
L0 0 info stat message partition=nestvmx count=90 instr=1234
L0 0 info stat message partition=ept count=300 instr=99
L0 0 info stat message partition=report count=1 instr=9
L0 0 info stat memory bytes=16777216 pool_free=8388608
L0 0 info stat l0 total_tsc=45345600
L0 0 info stage power-off
""".splitlines()


def vmm_report() -> list[str]:
    values = vmm_expected.expected(0, 1, 1)
    return ["vmm: vcpu=0 " + " ".join(f"{name}={value:#x}" for name, value in values.items()),
            "vmm: PASS vcpus=1 iterations=1 exits=24"]


def console() -> list[str]:
    return ["BdsDxe: starting Boot0001", "bh: stage linux release=6.1 cpus=1 memory_kb=477948", "bh: test kvm begin",
            "bh: stage kvm", "guest 0: 64-bit mode", *vmm_report(), "bh: test kvm end status=0", "bh: stage power-off"]


def run_of(com1: list[str], e9: list[str], ending: str = "power-off") -> Boot:
    stages = Stages()
    for source, lines in (("com1", com1), ("e9", e9)):
        for line in lines:
            stages.line(source, line, 1.0)
    outcome = Outcome(ending, 1.0, "", com1, e9)
    return Boot(KVM, Machine(), True, outcome, stages, Path("."), l0log.parse_all(e9))


class LogLines(unittest.TestCase):
    def test_words_and_fields(self) -> None:
        record = l0log.parse("L0 3 error fault partition=nestvmx vector=14 rip=0x1000")
        self.assertEqual((record.cpu, record.level, record.words), (3, "error", ["fault"]))
        self.assertEqual(record.number("vector"), 14)
        self.assertEqual(record.number("rip"), 0x1000)

    def test_other_output_is_no_record(self) -> None:
        self.assertIsNone(l0log.parse("Bochs x86 Emulator 3.0"))
        self.assertIsNone(l0log.parse("xL0 0 info text"))


class Costs(unittest.TestCase):
    def test_read(self) -> None:
        costs = summary.read(l0log.parse_all(LOG))
        self.assertEqual(costs.exit_count("L1"), 12)
        self.assertEqual(costs.exit_count("L2"), 300)
        self.assertEqual(costs.message_count("nestvmx"), 90)
        self.assertEqual(costs.exits[1].vmreads, 900)
        text = "\n".join(summary.render(costs))
        self.assertIn("453,456 (1.00 % of the run)", text)
        self.assertIn("16,384 KiB, 8,192 KiB of it free", text)


class Verdict(unittest.TestCase):
    def test_all_well(self) -> None:
        self.assertEqual(problems(run_of(console(), LOG)), [])

    def test_each_missing_line_fails(self) -> None:
        for missing in range(len(LOG)):
            if "stat memory" in LOG[missing] or "stat l0" in LOG[missing]:
                continue
            lines = LOG[:missing] + LOG[missing + 1:]
            self.assertTrue(problems(run_of(console(), lines)), f"passes without: {LOG[missing]}")
        for sign in ("stage linux", "vmm: vcpu", "vmm: PASS", "test kvm end", "BdsDxe"):
            lines = [line for line in console() if sign not in line]
            self.assertTrue(problems(run_of(lines, LOG)), f"passes without: {sign}")

    def test_wrong_endings_fail(self) -> None:
        for ending in ("timeout", "triple-fault", "crash", "stopped"):
            self.assertTrue(problems(run_of(console(), LOG, ending)))

    def test_fault_fails(self) -> None:
        self.assertTrue(problems(run_of(console(), LOG + ["L0 0 error fault partition=ept vector=6 rip=0x1"])))

    def test_injected_fault_needs_its_restart(self) -> None:
        fault = "L0 0 error fault partition=ept vector=6 rip=0x1 cr2=0x0 sequence=9"
        restart = "L0 0 warn restart partition=ept"
        for extra, good in (([fault, restart], True), ([fault], False), ([restart], False)):
            run = run_of(console(), LOG + extra)
            run.workload = replace(KVM, inject="ept 100 ud")
            self.assertEqual(problems(run) == [], good, extra)

    def test_faults_of_several_partitions_need_all_of_them(self) -> None:
        of = {name: [f"L0 0 error fault partition={name} vector=6 rip=0x1 cr2=0x0 sequence=9", f"L0 0 warn restart partition={name}"]
              for name in ("ept", "nestvmx")}
        for extra, good in ((of["ept"] + of["nestvmx"], True), (of["ept"], False), (of["nestvmx"], False)):
            run = run_of(console(), LOG + extra)
            run.workload = replace(KVM, inject="ept 100 ud, nestvmx 100 pf")
            self.assertEqual(problems(run) == [], good, extra)

    def test_panic_ends_the_run(self) -> None:
        stages = Stages()
        stages.line("com1", "[ 1.0] Kernel panic - not syncing: Attempted to kill init!", 5.0)
        self.assertFalse(stages.over(5.5))
        self.assertTrue(stages.over(10.0))

    def test_wrong_cpu_count_fails(self) -> None:
        lines = [line.replace("cpus=1", "cpus=2") for line in LOG]
        self.assertTrue(problems(run_of(console(), lines)))


class WithoutVtx(unittest.TestCase):
    """QEMU without acceleration: the loader's refusal and L1 without Bulkhead are the success."""
    LINE = "bulkhead: this CPU has no VT-x"
    LINUX = ["BdsDxe: starting Boot0001", LINE, "bh: stage linux release=6.1 cpus=1 memory_kb=477948", "bh: stage power-off"]

    def verdict(self, com1: list[str], e9: list[str], ending: str = "power-off") -> list[str]:
        run = run_of(com1, e9, ending)
        run.workload, run.machine = LINUX, Machine(emulator="qemu")
        return problems(run)

    def test_refusal_and_linux(self) -> None:
        self.assertEqual(self.verdict(self.LINUX, []), [])

    def test_each_missing_line_fails(self) -> None:
        for missing in range(len(self.LINUX) - 1):
            self.assertTrue(self.verdict(self.LINUX[:missing] + self.LINUX[missing + 1:], []))

    def test_what_must_not_be(self) -> None:
        self.assertTrue(self.verdict(self.LINUX, LOG))
        self.assertTrue(self.verdict(self.LINUX + [self.LINE], []))
        self.assertTrue(self.verdict(self.LINUX, [], "reset"))

    def test_bulkhead_running_is_no_refusal(self) -> None:
        stages = Stages()
        for text in ("running on 2 CPUs, 16384 KiB hidden at 0x1d000000", "is running already"):
            stages.line("com1", f"bulkhead: {text}", 1.0)
        self.assertEqual(stages.find("refused"), [])


class GuestReport(unittest.TestCase):
    def test_right_values(self) -> None:
        self.assertEqual(vmm_expected.problems(vmm_report(), 1, 1), [])

    def test_each_wrong_value_is_named(self) -> None:
        for name in vmm_expected.expected(0, 1, 1):
            lines = [line.replace(f" {name}=0x", f" {name}=0x1", 1) for line in vmm_report()]
            found = vmm_expected.problems(lines, 1, 1)
            self.assertEqual(len(found), 1)
            self.assertIn(name, found[0])

    def test_values_seen_on_a_real_run(self) -> None:
        values = vmm_expected.expected(1, 2, 1)
        self.assertEqual(values["series"], 0x3ffa4d8e550a946e)
        self.assertEqual(values["cpuid"], 0x279ebc3304)
        self.assertEqual(values["checksum"], 0x6cf9eaca866ae500)
        self.assertEqual(values["window"], 0xa00c7fd6c03a42f0)


class Configuration(unittest.TestCase):
    def test_text(self) -> None:
        text = configuration(KVM, ("memory = 32M",))
        self.assertTrue(text.startswith("default = kvm\nconsole = e9\nmemory = 32M\n\n[workload kvm]\n"))
        self.assertIn("partitions = nestvmx, ept, report\n", text)


if __name__ == "__main__":
    unittest.main()
