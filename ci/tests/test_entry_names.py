# SPDX-License-Identifier: BSD-2-Clause
"""The judge of what the log says about entries that fail: each thing that is wrong is seen."""

import unittest

from entry_names import SILENT, problems, silent, table

TESTS = ["entry.control.a", "entry.host.b", "entry.guest.c", "list.bad_entry_load.d"]
NAMES = ["eptp", "host_cr0", "guest_rip"] + [f"list_value in entry {number}" for number in (1, 2, 3)]


def log(names: list[str]) -> list[str]:
    return ["L0 0 info nestvmx: ready"] + [f"L0 0 debug nestvmx: VM entry on VMCS12 7f1000 fails: {name}" for name in names]


class EntryNames(unittest.TestCase):
    def test_names(self) -> None:
        self.assertEqual(problems(TESTS, log(NAMES)), [])

    def test_what_is_wrong(self) -> None:
        for names in (NAMES[:-1], NAMES[1:], [*NAMES, "eptp"], ["host_cr0", *NAMES[1:]], ["one that has no name here", *NAMES[1:]], ["", *NAMES[1:]], []):
            self.assertTrue(problems(TESTS, log(names)), names)
        self.assertTrue(problems(TESTS[1:], log(NAMES)))

    def test_each_check(self) -> None:
        every = [name for name in table() if name not in SILENT]
        self.assertLessEqual(set(SILENT), set(table()))
        self.assertEqual(silent(log(every)), [])
        for name in every:
            self.assertEqual(len(silent(log([other for other in every if other != name]))), 1, name)
        for name in SILENT:
            self.assertEqual(len(silent(log([*every, name]))), 1, name)

    def test_table(self) -> None:
        kinds = set(table().values())
        self.assertEqual(kinds, {"CONTROL", "EVENT", "HOST", "GUEST", "STATE", "MSR"})


if __name__ == "__main__":
    unittest.main()
