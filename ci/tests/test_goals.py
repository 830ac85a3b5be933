# SPDX-License-Identifier: BSD-2-Clause
"""A row of the benchmark that is above its goal fails its test, and the page has the goals that are tested."""

import re
import unittest
from pathlib import Path
from unittest import mock

import bench
import goals
import suites
from boot import Places
from case import Context, Failure

PAGE = Path(__file__).resolve().parents[2] / "docs/performance.md"
HASH = 1_000_000


def within() -> dict[str, int]:
    """Every row, with nothing to spare."""
    rows = {name: 1 for name in bench.NAMES} | goals.GOALS | {"pal_hash_4p": HASH}
    return rows | {name: goals.GOALS[name] + rows[besides] for name, besides in goals.BESIDES.items()}


class Goals(unittest.TestCase):
    def test_what_is_met_and_what_is_missed(self) -> None:
        self.assertEqual(goals.missed(within()), [])
        for name in set(goals.GOALS) - set(goals.TOLD_ONLY):
            with self.subTest(name):
                rows = within()
                most = rows[name]
                rows[name] += 1
                (problem,) = goals.missed(rows)
                self.assertTrue(problem.startswith(f"{name} is {most + 1:,}, the goal is {most:,} at most"), problem)

    def test_what_a_goal_comes_on_top_of(self) -> None:
        self.assertTrue(goals.missed(within() | {"pal_hash_4p": HASH - 1}))

    def test_each_is_of_a_row(self) -> None:
        self.assertEqual(set(goals.GOALS) - set(bench.NAMES), set())

    def test_the_page_has_the_same(self) -> None:
        said: dict[str, int] = {}
        for line in PAGE.read_text().splitlines():
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            names = re.findall(r"`(\w+)`", cells[0]) if len(cells) == 6 else []
            texts = cells[3].split(", ") if names and cells[3] else []
            texts *= len(names) if len(texts) == 1 else 1
            self.assertIn(len(texts), (0, len(names)), line)
            for name, text in zip(names, texts):
                said[name] = int(text.removesuffix(" and the hash").replace(",", ""))
                self.assertEqual(text.endswith(" and the hash"), name in goals.BESIDES)
        self.assertEqual(said, goals.GOALS)


class Cases(unittest.TestCase):
    """Of suite bench, with figures that are not measured."""
    CONTEXT = Context(Places(Path("/nonsense"), Path("/nonsense")), "bench")

    def run_case(self, name: str, rows: dict[str, int]) -> str:
        case = next(case for case in suites.SUITES["bench"] if case.name == name)
        measured = {"measure": bench.ROWS, "measure_unshadowed": tuple(bench.UNSHADOWED.values()), "measure_pals": bench.PAL_ROWS,
                    "measure_boots": bench.boot_costs.NAMES}
        with mock.patch.multiple(bench, **{function: mock.Mock(return_value={row: rows[row] for row in names}) for function, names in measured.items()}):
            return case.run(self.CONTEXT)

    def test_each_goal_is_one_of_a_case(self) -> None:
        cases = [case.name for case in suites.SUITES["bench"]]
        for name in cases:
            self.run_case(name, within())
        for row in set(goals.GOALS) - set(goals.TOLD_ONLY):
            failed = []
            for name in cases:
                try:
                    self.run_case(name, within() | {row: within()[row] + 1})
                except Failure as failure:
                    failed.append(str(failure))
            self.assertEqual(len(failed), 1, row)
            self.assertIn(f"{row} is ", failed[0])

    def test_what_is_not_measured_meets_no_goal(self) -> None:
        for case, row in (("bench", "l2_cpuid_roundtrip_unshadowed"), ("bench", "l1_cpuid"), ("bench-pals", "pal_call_l2")):
            with self.assertRaisesRegex(Failure, f"{row} was not measured"):
                self.run_case(case, within() | {row: 0})


if __name__ == "__main__":
    unittest.main()
