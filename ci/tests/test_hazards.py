# SPDX-License-Identifier: BSD-2-Clause
"""Each test that docs/testing.md names against a hazard, or for a promise, exists."""

from __future__ import annotations

import re
import sys
import tomllib
import unittest
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "ci"))
import bench  # noqa: E402
import suites  # noqa: E402

CASES = {case.name for cases in suites.SUITES.values() for case in cases} | set(suites.SUITES) | set(bench.ROWS)
UNIT = {name for file in (TOP / "ci/unit").rglob("*.c") for name in re.findall(r"\bTEST\((\w+)\)", file.read_text())}
PROOFS = {file.stem for file in (TOP / "ci/proofs").glob("*.[cp]*")}


PROGRAMS = {file.stem for file in (TOP / "ci/guests/pal_demo").glob("*.c")}
ABUSES = {f"{name}()" for part in ("abuse.c", "abuse_look.c")
          for name in re.findall(r"^(?:static )?void (\w+)\(void\)", (TOP / "ci/guests/pal_demo" / part).read_text(), re.M)}
FILES = {file.name for file in (TOP / "ci/unit/trustvisor").glob("*_test.c")}
EXAMPLES = {file.stem for file in (TOP / "trustvisor/sdk/examples").glob("*.c")}


def _rows(text: str, title: str) -> list[str]:
    section = text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("| ")][2:]


def _lhv(name: str) -> bool:
    theme, test, *_ = name.split(".")
    source = (TOP / f"ci/guests/lhv/{theme}.c").read_text()
    return test == "*" or re.search(rf"""TEST\({test}\)|(test_row\(|keeping\(|{{ )"{test.removesuffix('*')}""", source) is not None


def _promised(name: str) -> bool:
    if name.endswith("..."):
        return f"TEST({name.removesuffix('...')}##" in (TOP / "ci/unit/trustvisor/register_test.c").read_text()
    return name in PROGRAMS | ABUSES | FILES | EXAMPLES | {"l2"} or _exists(name)


def _exists(name: str) -> bool:
    if "." in name:
        return _lhv(name)
    return name in CASES | UNIT | PROOFS | {"lhv", "unit"}


class Hazards(unittest.TestCase):
    def test_every_test_that_is_named_exists(self) -> None:
        for title, least, exists in (("What nested VMX promises", 30, _exists), ("Hazards of nested VMX", 25, _exists), ("What PALs are promised", 20, _promised), ("Hazards of PALs", 20, _promised)):
            rows = _rows((TOP / "docs/testing.md").read_text(), title)
            self.assertGreater(len(rows), least)
            for row in rows:
                for name in re.findall(r"`([^`]+)`", row):
                    self.assertTrue(exists(name), f"{name}: {row}")

    def test_every_mutation_that_is_named_exists(self) -> None:
        known = {mutation["what"] for name in ("unit/mutations", "proofs/mutations", "pal_mutations")
                 for mutation in tomllib.loads((TOP / f"ci/{name}.toml").read_text())["mutation"]}
        named = [name for row in _rows((TOP / "docs/testing.md").read_text(), "Hazards of PALs") for name in re.findall(r'"([^"]+)"', row.split("|")[3])]
        self.assertGreater(len(named), 25)
        self.assertEqual(set(named) - known, set())

    def test_a_name_that_does_not_exist_is_noticed(self) -> None:
        for name in ("nmi.nothing_like_it", "a_unit_test_that_is_not_there", "kvm-3"):
            self.assertFalse(_exists(name) or _promised(name), name)


if __name__ == "__main__":
    unittest.main()
