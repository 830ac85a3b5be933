# SPDX-License-Identifier: BSD-2-Clause
"""./bulkhead test: a name that there isn't, or an option, is refused before anything is installed or built."""

import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


class Command(unittest.TestCase):
    def refused(self, *words: str) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as build:
            ended = subprocess.run([TOP / "bulkhead", "--build-dir", build, "test", *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertFalse((Path(build) / "build.ninja").exists())
        return ended.returncode, ended.stdout.splitlines()[-1]

    def test_a_name_that_there_is_not(self) -> None:
        self.assertEqual(self.refused("kvm-1", "nonsense", "fsat"), (1, "bulkhead: no test nonsense, fsat; see ./bulkhead test --list"))

    def test_an_option_that_there_is_not(self) -> None:
        status, line = self.refused("--nonsense")
        self.assertEqual(status, 2)
        self.assertIn("--nonsense", line)


if __name__ == "__main__":
    unittest.main()
