# SPDX-License-Identifier: BSD-2-Clause
"""A fuzzer gets its time, whatever else the machine does, and is then asked to end; what it finds before is a failure."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import fuzz
import time_limit
from case import Failure

ASKED = "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: (print('stat'), sys.stdout.flush(), sys.exit(0)))\nwhile True: pass"
DEAF = "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)\nwhile True: pass"
FOUND = "print('AddressSanitizer'); raise SystemExit(77)"


class Search(unittest.TestCase):
    def search(self, program: str) -> tuple[int, float, list[str]]:
        # It has begun when it is asked to end, however little of a CPU there is for it.
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(time_limit, "PATIENCE", 1000):
            return fuzz.search([sys.executable, "-c", program], Path(folder) / "said.txt", 0.5)

    def test_it_ends_when_it_is_asked_to(self) -> None:
        status, used, said = self.search(ASKED)
        self.assertEqual((status, said), (0, ["stat"]))
        self.assertGreater(used, 0.5)

    def test_what_it_finds_is_told(self) -> None:
        status, _, said = self.search(FOUND)
        self.assertEqual((status, said), (77, ["AddressSanitizer"]))

    def test_one_that_does_not_end_is_ended(self) -> None:
        with mock.patch.object(fuzz, "INPUT_SECONDS", 0.5), self.assertRaisesRegex(Failure, "it did not"):
            self.search(DEAF)


if __name__ == "__main__":
    unittest.main()
