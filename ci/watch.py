# SPDX-License-Identifier: BSD-2-Clause
"""Looks into a guest's memory at moments that the guest names: it prints `probe watch NAME NUMBER: 0xADDRESS` on COM1 (the test hypervisor: `lhv: watch`..., a program
with a PAL: `pal: watch`...) and waits until the number at that address is another one. The emulator stands still while its memory is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator import FIRMWARE, Machine
from ram import BochsRam, Process, Ram, find_all
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
            with self.memory() as ram:
                self.look(match[1], ram)
                ram.write(int(match[3], 0), (int(match[2]) + 1).to_bytes(8, "little"))
        return super().over(seconds)

    @contextmanager
    def memory(self) -> Iterator[Ram]:
        """Of the emulator that runs, which stands still meanwhile."""
        assert self.process
        with self.process.stopped():
            yield BochsRam(self.process, self.machine.memory_mb << 20, FIRMWARE.read_bytes())


class Resets(Watch):
    """Looks for secrets in all of RAM at the moment that the guest names, while they are kept, and when the firmware starts anew, when the run ends. By then it finds
    nothing to start on the disk: what keeps secrets again in a second boot would be found as well, if this process was slow."""

    def __init__(self, machine: Machine, disk: Path, secrets: dict[int, bytes]) -> None:
        super().__init__(machine, self._before)
        self.disk, self.secrets = disk, secrets
        self.before: dict[int, list[int]] = {}  # where each one is; nothing before the look
        self.after: dict[int, list[int]] = {}
        self.due = float("inf")

    def _places(self, ram: Ram) -> dict[int, list[int]]:
        return {name: find_all(ram, secret) for name, secret in self.secrets.items()}

    def _before(self, name: str, ram: Ram) -> None:
        self.before = self._places(ram)
        with self.disk.open("r+b") as disk:
            disk.write(bytes(1 << 20))

    def line(self, source: str, line: str, seconds: float) -> None:
        super().line(source, line, seconds)
        if self.before and "BdsDxe: " in line:
            self.due = seconds

    def over(self, seconds: float) -> bool:
        if seconds >= self.due and not self.after:
            with self.memory() as ram:
                self.after = self._places(ram)
            self.end = seconds
        return super().over(seconds)
