# SPDX-License-Identifier: BSD-2-Clause
"""Follows the event rings of a run. The emulator is stopped for each look, and looked at again before a ring is full: the guest's time
stands still meanwhile, so that it neither notices nor pays."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from emulator import FIRMWARE, Machine
from ram import BochsRam, FileRam, NotFound, Process, Ram
from records import Event, Layout, Rings
from stages import Stages

LAUNCHED = re.compile(rb"stage launched cpus=\d+ hidden=(0x[0-9a-f]+)-(0x[0-9a-f]+)")
SLICE_FIRST, SLICE_MIN, SLICE_MAX = 0.001, 0.0002, 0.02  # seconds between two looks
FULL, EMPTY = 0.4, 0.1  # how full a ring may be then


class Tracer:
    """A watcher's companion: a thread that hands out events."""

    def __init__(self, machine: Machine, directory: Path, form: Layout, give: Callable[[list[Event]], None], fields: bool = False):
        self.machine, self.directory, self.form, self.give, self.fields = machine, directory, form, give, fields
        self.rings: Rings | None = None
        self.problem = ""
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None

    @property
    def lost(self) -> int:
        return self.rings.lost if self.rings else 0

    @property
    def overwritten(self) -> int:
        """Messages whose fields could not be read any more."""
        return self.rings.overwritten if self.rings else 0

    def started(self, pid: int) -> None:
        self.thread = threading.Thread(target=self._run, args=(Process(pid),), daemon=True)
        self.thread.start()

    def join(self) -> None:
        """When the emulator has ended."""
        self.ended.set()
        if self.thread:
            self.thread.join()

    def _hidden(self) -> range | None:
        """Hidden memory, from when Bulkhead has said so."""
        log = self.directory / "e9.txt"
        match = LAUNCHED.search(log.read_bytes()) if log.exists() else None
        return range(int(match[1], 0), int(match[2], 0)) if match else None

    def _ram(self, process: Process) -> Ram:
        size = self.machine.memory_mb << 20
        return BochsRam(process, size, FIRMWARE.read_bytes()) if self.machine.emulator == "bochs" else FileRam(self.directory / "ram", size)

    def _attach(self, process: Process, hidden: range) -> Rings:
        with process.stopped():
            return Rings(self._ram(process), self.form, hidden, self.fields)

    def _run(self, process: Process) -> None:
        pause = SLICE_FIRST
        try:
            while not self.ended.is_set():
                if not self.rings:
                    hidden = self._hidden()
                    if hidden:
                        self.rings = self._attach(process, hidden)
                    elif process.gone():
                        return
                    elif process.holds():
                        process.resume()  # it ends without Bulkhead
                if self.rings:
                    with process.stopped():
                        events, full = self.rings.drain()
                    pause = max(pause * 0.6, SLICE_MIN) if full > FULL else min(pause * 1.2, SLICE_MAX) if full < EMPTY else pause
                    if events:
                        self.give(events)
                time.sleep(pause)
        except (NotFound, OSError) as error:
            if not process.gone(30.0):  # its memory goes a moment before itself
                self.problem = str(error)
        except LookupError as error:
            self.problem = str(error)
        finally:
            if not process.gone():
                process.resume()
            process.close()
            if self.rings and (rest := self.rings.rest()):
                self.give(rest)


class Traced(Stages):
    """The stages of a run that is traced."""

    def __init__(self, tracer: Tracer, say: Callable[[str], None] | None = None, last: re.Pattern[str] | None = None):
        super().__init__(say, keep_going=last is not None, last=last)
        self.tracer = tracer

    def started(self, pid: int) -> None:
        self.tracer.started(pid)
