# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what reads the tutorial, and has it executed."""

import tempfile
import unittest
from pathlib import Path

import tutorial

TEXT = """Words.

    $ echo one
    one
    $ export X=2

    pal$ mine
    42
    ... of 7

    echo no command
"""


class Tutorial(unittest.TestCase):
    def test_read(self) -> None:
        found = [(command.prompt, command.text, command.printed) for command in tutorial.commands(TEXT)]
        self.assertEqual(found, [("", "echo one", ["one"]), ("", "export X=2", []), ("pal", "mine", ["42", "... of 7"])])

    def test_right(self) -> None:
        command = tutorial.commands(TEXT)[2]
        self.assertTrue(command.right(["42", "3 of 7"]))
        for printed in ([], ["42"], ["42", "3 of 8"], ["42", "3 of 7", ""], ["042", "3 of 7"]):
            self.assertFalse(command.right(printed))

    def test_run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            good = tutorial.commands("    $ X=2\n    $ echo $X; pwd >&2\n    2\n    ...\n    $ cd /; false\n    $ pwd\n    /\n")
            self.assertEqual(tutorial.run(good, Path(folder), {}), [])
            wrong = tutorial.commands("    $ echo $Y\n    2\n    $ echo 1; echo 2\n    1\n    $ true\n    0\n    $ exit 1\n    $ true\n")
            found = tutorial.run(wrong, Path(folder), {"Y": "3"})
            self.assertEqual([line.splitlines()[0] for line in found], ["echo $Y", "echo 1; echo 2", "true", "exit 1", "true"])


if __name__ == "__main__":
    unittest.main()
