# SPDX-License-Identifier: BSD-2-Clause
"""Each name that a Python file uses it has from somewhere: a case that runs for minutes is a bad place to find out."""

from __future__ import annotations

import ast
import builtins
import unittest
from pathlib import Path

CI = Path(__file__).resolve().parents[1]


def unknown(source: str) -> set[str]:
    """Names that are used, and neither imported nor given a value anywhere in the file."""
    known, used = set(dir(builtins)) | {"__file__"}, set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            known |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            known.add(node.name)
        elif isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else known).add(node.id)
    return used - known


class Names(unittest.TestCase):
    def test_every_name_is_known(self) -> None:
        for file in sorted(CI.rglob("*.py")):
            with self.subTest(file=file.name):
                self.assertEqual(unknown(file.read_text()), set())

    def test_one_that_is_not_is_noticed(self) -> None:
        self.assertEqual(unknown("import os\ndef f(a): return os.sep + a + missing"), {"missing"})


if __name__ == "__main__":
    unittest.main()
