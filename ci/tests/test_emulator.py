# SPDX-License-Identifier: BSD-2-Clause
"""The time limit of an emulator: its own time counts, and the clock's only where it does nothing."""

import sys
import tempfile
import time
import unittest
from pathlib import Path

import emulator
import time_limit
from stages import Stages

# An interpreter's own start takes time too, on a busy machine some tenths of a second.
BUSY, IDLE, ENDS = [sys.executable, "-c", "while True: pass"], ["sleep", "60"], [sys.executable, "-c", "raise SystemExit(3)"]


class TimeLimit(unittest.TestCase):
    def run_out(self, command: list[str], timeout: float) -> tuple[str, float]:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            outcome = emulator.follow(command, {}, Path(folder), timeout, Stages(), lambda status: ("ended", str(status)))
        return outcome.ending, time.monotonic() - start

    def test_one_that_works_has_its_own_time(self) -> None:
        ending, seconds = self.run_out(BUSY, 0.3)
        self.assertEqual(ending, "timeout")
        self.assertGreater(seconds, 0.3)

    def test_one_that_waits_is_waited_for(self) -> None:
        ending, seconds = self.run_out(IDLE, 0.3)
        self.assertEqual(ending, "timeout")
        self.assertGreater(seconds, time_limit.PATIENCE * 0.3)

    def test_one_that_ends_does_so(self) -> None:
        self.assertEqual(self.run_out(ENDS, 60.0)[0], "ended")

    def test_nobody_has_no_time(self) -> None:
        self.assertEqual(time_limit.own_seconds(0x7fffffff), 0.0)


if __name__ == "__main__":
    unittest.main()
