# SPDX-License-Identifier: BSD-2-Clause
"""Looks into a guest's memory at moments that the guest names: it prints `probe watch NAME NUMBER: 0xADDRESS` on COM1 (the test hypervisor: `lhv: watch`..., a program
with a PAL: `pal: watch`...) and waits until the number at that address is another one. The emulator stands still while its memory is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable

from emulator import FIRMWARE, Machine
from ram import BochsRam, Process, Ram
from stages import Stages

WATCH = re.compile(r"(?:probe|lhv:|pal:) watch (\S+) (\d+): (0x[0-9a-f]+)\s*")


class Watch(Stages):
    def __init__(self, machine: Machine, look: Callable[[str, Ram], None]):
        super().__init__()
        self.machine, self.look = machine, look
        self.process: Process | None = None
        self.moment: re.Match[str] | None = None

    def started(self, pid: int) -> None:
        self.process = Process(pid)

    def line(self, source: str, line: str, seconds: float) -> None:
        super().line(source, line, seconds)
        if source == "com1" and (match := WATCH.fullmatch(line)):
            self.moment = match

    def over(self, seconds: float) -> bool:
        """Where all lines have been seen that were written until then."""
        if self.moment and self.process:
            match, self.moment = self.moment, None
            with self.process.stopped():
                ram = BochsRam(self.process, self.machine.memory_mb << 20, FIRMWARE.read_bytes())
                self.look(match[1], ram)
                ram.write(int(match[3], 0), (int(match[2]) + 1).to_bytes(8, "little"))
        return super().over(seconds)
