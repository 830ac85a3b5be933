# SPDX-License-Identifier: BSD-2-Clause
"""The lists of mutations, which run at night, fit the sources by day: each text is there once, a unit test's in a source, and each proof has one."""

from __future__ import annotations

import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTS = ("ci/proofs/mutations.toml", "ci/unit/mutations.toml", "ci/races_mutations.toml", "ci/pal_mutations.toml")


def rows(path: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads((ROOT / path).read_text())["mutation"]
    return found


class Mutations(unittest.TestCase):
    def test_each_text_is_there_once(self) -> None:
        for path in LISTS:
            for row in rows(path):
                with self.subTest(list=path, what=row["what"]):
                    self.assertEqual((ROOT / row["file"]).read_text().count(row["from"]), 1)
                    self.assertNotEqual(row["from"], row["to"])

    def test_those_of_units_are_in_what_is_compiled(self) -> None:
        """Not in a header: of the sources of a test one is compiled anew (unit_mutations.py)."""
        self.assertEqual({row["file"] for row in rows(LISTS[1]) if Path(row["file"]).suffix not in (".c", ".S")}, set())

    def test_each_proof_has_one(self) -> None:
        proofs = {path.stem for path in (ROOT / "ci/proofs").glob("*.c")}
        self.assertEqual(proofs, {row["proof"] for row in rows(LISTS[0])})


if __name__ == "__main__":
    unittest.main()
