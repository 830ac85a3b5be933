# SPDX-License-Identifier: BSD-2-Clause
"""Joins the emulated serial port to the user's terminal, and keeps a copy of what it printed."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import time
import tty
from pathlib import Path


class Terminal:
    """A pseudo-terminal whose far end is the serial port. Ctrl-] ends the session: pump() raises KeyboardInterrupt."""

    def __init__(self, copy: Path):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.device = os.ttyname(self.slave)
        self.copy = copy.open("wb", buffering=0)
        self.sources = [self.master]
        self.saved = None
        if sys.stdin.isatty():
            self.saved = termios.tcgetattr(sys.stdin)
            tty.setraw(sys.stdin)
        if not sys.stdin.closed:
            self.sources.append(sys.stdin.fileno())

    def pump(self, seconds: float) -> None:
        """Moves bytes both ways for that long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select(self.sources, [], [], left)
            if self.master in ready:
                data = os.read(self.master, 65536)
                self.copy.write(data)
                os.write(sys.stdout.fileno(), data)
            elif ready:
                data = os.read(sys.stdin.fileno(), 4096)
                if not data:
                    self.sources.remove(sys.stdin.fileno())
                elif b"\x1d" in data:
                    raise KeyboardInterrupt
                else:
                    os.write(self.master, data)

    def close(self) -> None:
        while select.select([self.master], [], [], 0)[0]:
            data = os.read(self.master, 65536)
            self.copy.write(data)
            os.write(sys.stdout.fileno(), data)
        if self.saved:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.saved)
        self.copy.close()
        os.close(self.master)
        os.close(self.slave)
