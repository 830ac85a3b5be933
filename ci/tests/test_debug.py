# SPDX-License-Identifier: BSD-2-Clause
"""Tests of a run with a partition that gdb debugs."""

import subprocess
import time
import unittest
from pathlib import Path

from debug import Debugged
from gdb_port import GdbPort
from tests.test_gdb_port import WAIT, connected

READY = "L0 0 info gdb: debugs nestvmx"


class Hold(unittest.TestCase):
    def setUp(self) -> None:
        self.port, self.starts = GdbPort(), 0
        self.addCleanup(self.port.close)
        self.emulator = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(self.emulator.wait)
        self.addCleanup(self.emulator.kill)
        self.stages = Debugged(self.start, self.port)
        self.stages.started(self.emulator.pid)

    def start(self) -> None:
        self.starts += 1

    def stopped(self, wanted: bool) -> bool:
        """Whether it comes to that."""
        stat, end = Path(f"/proc/{self.emulator.pid}/stat"), time.monotonic() + WAIT
        while (stat.read_text().split()[2] == "T") != wanted:
            if time.monotonic() > end:
                return False
            self.stages.over(0)
        return True

    def test_stands_still_until_gdb_speaks(self) -> None:
        self.stages.line("e9", READY, 1)
        self.assertTrue(self.stopped(True))
        for _ in range(100):
            self.assertFalse(self.stages.over(2))
        self.assertTrue(self.stopped(True))
        with connected(self.port.machine), connected(self.port.gdb) as gdb:
            gdb.sendall(b"$")
            self.assertTrue(self.stopped(False))
        self.stages.line("e9", READY, 3)  # the next boot's
        self.assertTrue(self.stopped(False))
        self.assertEqual(self.starts, 1)

    def test_not_for_another_line(self) -> None:
        self.stages.line("com1", READY, 1)
        self.stages.line("e9", "L0 0 info gdb: no", 1)
        self.assertFalse(self.stages.over(1))
        self.assertTrue(self.stopped(False))
        self.assertEqual(self.starts, 0)

    def test_an_emulator_that_has_ended(self) -> None:
        self.emulator.kill()
        self.emulator.wait()
        self.stages.line("e9", READY, 1)
        self.assertFalse(self.stages.held)
        self.assertEqual(self.starts, 1)
