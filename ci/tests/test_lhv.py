# SPDX-License-Identifier: BSD-2-Clause
"""The judge of lhv.efi's lines: each thing that is wrong is seen."""

import re
import unittest
from pathlib import Path

import lhv
import workload
from boot import Boot
from emulator import Machine, Outcome
from lhv import BARE, BULKHEAD, Known, Result, Skip, differences, end_problems, judge, results, skip_problems
from stages import Stages

TOP = Path(__file__).parents[2]
LINES = ["lhv: ok event.a@0", "lhv: FAIL event.b.PART@0 what=exit reason got=0x1 want=0x2", "lhv: skip event.c@1 not offered: POSTED_INTERRUPTS",
         "lhv: done cpus=2 ok=1 fail=1 skip=1"]


class Lhv(unittest.TestCase):
    def judge(self, results_: list[Result], where: str, *rows: Known, skipped: frozenset[str] = frozenset()) -> list[str]:
        return judge(results_, where, "model", "", list(rows), set(skipped))

    def test_lines(self) -> None:
        found = results(LINES)
        self.assertEqual([str(result) for result in found], [line[5:] for line in LINES[:3]])
        self.assertEqual(end_problems(LINES, found, 2), [])
        self.assertTrue(end_problems(LINES, found, 1))
        self.assertTrue(end_problems(LINES[:3], found, 2))
        self.assertTrue(end_problems(LINES, found[1:], 2))
        self.assertTrue(end_problems(LINES + ["lhv: error no memory"], found, 2))

    def test_failure_is_seen_unless_listed(self) -> None:
        found = results(LINES[:2])
        self.assertEqual(len(self.judge(found, BULKHEAD)), 1)
        self.assertEqual(self.judge(found, BULKHEAD, Known("event.b.*", "bulkhead", "why")), [])
        self.assertEqual(len(self.judge(found, BARE, Known("event.b.*", "bulkhead", "why"))), 1)
        self.assertEqual(len(self.judge(found, BULKHEAD, Known("event.b.*", "both", "why", model="other"))), 1)

    def test_listed_but_passing_is_seen(self) -> None:
        self.assertEqual(len(self.judge(results(LINES[:1]), BULKHEAD, Known("event.a", "both", "why"))), 1)

    def test_skips(self) -> None:
        skip = Result("skip", "event.c", "0", "no such thing")
        self.assertEqual(self.judge([skip], BARE), [])
        self.assertEqual(len(self.judge([skip], BULKHEAD)), 1)
        self.assertEqual(self.judge([skip], BULKHEAD, skipped=frozenset({"event.c"})), [])
        self.assertEqual(self.judge([skip], BULKHEAD, Known("event.c", "bulkhead", "why", outcome="skip")), [])
        self.assertEqual(self.judge([skip], BARE, Known("event.c", "both", "why")), [])
        self.assertEqual(len(self.judge([skip], BULKHEAD, Known("event.c", "both", "why"))), 1)
        self.assertEqual(self.judge(results(LINES[2:3]), BULKHEAD), [])
        self.assertEqual(len(self.judge([Result("skip", "event.c", "0", "not offered: HLT_EXITING")], BULKHEAD)), 1)

    def test_a_skip_on_the_bare_machine_is_listed(self) -> None:
        skip, ok = Result("skip", "event.c", "1", "no such thing"), Result("ok", "event.c", "0", "")
        row = Skip("no such thing", ("event.*",))

        def problems(found: list[Result], rows: list[Skip], options: str = "") -> int:
            return len(skip_problems(found, "model", options, 2, rows))
        self.assertEqual(problems([ok, skip], [row]), 0)
        self.assertEqual(problems([ok, skip], []), 1)
        for other in (Skip("another thing", ("event.*",)), Skip("no such thing", ("other.*",)), Skip("no such thing", ("event.*",), cpu="0")):
            self.assertEqual(problems([ok, skip], [other]), 2)  # it isn't listed, and the row is of no use
            self.assertEqual(problems([ok, skip], [other], "only=event"), 1)
        for elsewhere in (Skip("no such thing", ("event.*",), model="other"), Skip("no such thing", ("event.*",), options="noept*"),
                          Skip("no such thing", ("event.*",), cpus="1")):
            self.assertEqual(problems([ok, skip], [elsewhere]), 1)
        self.assertEqual(problems([ok], [row]), 1)
        self.assertEqual(problems([ok, skip], [Skip("no such thing", ("event.*", "gone.*"))]), 1)

    def test_both_sides_say_the_same(self) -> None:
        def differ(bare: Result, found: Result, *rows: Known) -> int:
            return len(differences([bare], [found], "model", "", list(rows), {"HIDDEN"}))
        fails, otherwise = Result("FAIL", "event.b", "0", "what=x got=0x1 want=0x2"), Result("FAIL", "event.b", "0", "what=x got=0x3 want=0x2")
        self.assertEqual(differ(fails, fails, Known("event.*", "both", "why")), 0)
        self.assertEqual(differ(fails, otherwise, Known("event.*", "both", "why")), 1)
        self.assertEqual(differ(fails, otherwise, Known("event.*", "bare", "why"), Known("event.*", "bulkhead", "another")), 0)
        self.assertEqual(differ(fails, otherwise, Known("event.*", "both", "why", model="other")), 0)
        self.assertEqual(differ(Result("skip", "event.c", "0", "a"), Result("skip", "event.c", "0", "a")), 0)
        self.assertEqual(differ(Result("skip", "event.c", "0", "a"), Result("skip", "event.c", "0", "b")), 1)
        self.assertEqual(differ(Result("skip", "event.c", "0", "not offered: A"), Result("skip", "event.c", "0", "not offered: HIDDEN")), 0)

    def test_a_run_by_itself(self) -> None:
        def problems(lines: list[str], bulkhead: bool = True) -> list[str]:
            machine, outcome = Machine(model=lhv.SKYLAKE), Outcome("power-off", 1.0, "", lines, [])
            return lhv.run_problems(Boot(workload.LHV, machine, bulkhead, outcome, Stages(), Path(".")))
        good = ["lhv: ok event.a@0", "lhv: skip event.c@0 one CPU", "lhv: done cpus=1 ok=1 fail=0 skip=1"]
        self.assertEqual(problems(good), [])
        for line in good:
            self.assertTrue(problems([other for other in good if other != line]), line)
        self.assertTrue(problems([*good, "lhv: error unknown option only"]))
        bad = ["lhv: FAIL control.enumeration@0 what=x got=0x1 want=0x2", "lhv: done cpus=1 ok=0 fail=1 skip=0"]
        self.assertTrue(problems(bad))
        self.assertEqual(problems(bad, bulkhead=False), [])  # the emulator's fault, in lhv_known.toml

    def test_list_of_skips_can_be_read(self) -> None:
        rows = lhv.skips()
        self.assertTrue(rows)
        for row in rows:
            self.assertTrue(row.why and row.tests)

    def test_list_can_be_read(self) -> None:
        for row in lhv.known():
            self.assertIn(row.on, ("bare", "bulkhead", "both"))
            self.assertIn(row.outcome, ("FAIL", "skip"))
            self.assertTrue(row.reason)

    def test_what_the_emulator_does_is_written_down(self) -> None:
        text, rows = (TOP / "docs/emulators.md").read_text(), lhv.known()
        for row in rows:
            if row.reason.startswith("as "):
                self.assertIn(row.reason.removeprefix("as "), [other.test for other in rows])
                continue
            sections = re.findall(r"(?:\b\d\d|\bA)(?:\.\d+)+", row.reason)
            self.assertTrue(sections, row)
            for section in sections if row.on != BULKHEAD else ():
                self.assertIn(section, text, row)


if __name__ == "__main__":
    unittest.main()
