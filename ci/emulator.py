# SPDX-License-Identifier: BSD-2-Clause
"""Runs an emulator: follows its serial port and port 0xE9 while it runs, and ends it when it is time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import child
from terminal import Terminal
from time_limit import out_of_time

POLL_SECONDS = 0.1
FIRMWARE = Path("/usr/share/ovmf/OVMF.fd")
NAMES = {"bochs": "Bochs", "qemu": "QEMU without acceleration", "kvm": "QEMU on KVM"}
MODELS = {"bochs": "broadwell_ult", "qemu": "qemu64", "kvm": "host"}
ESCAPE = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][0-9A-Za-z]|\r")


@dataclass(frozen=True)
class Machine:
    """What is emulated. 10 million instructions a second make UEFI's waits short; Linux wants 50 million."""
    cpus: int = 1
    model: str = MODELS["bochs"]
    ips: int = 50_000_000
    memory_mb: int = 512
    emulator: str = "bochs"
    without: str = ""  # features that the model has
    quantum: int = 16  # instructions of one CPU in a row
    com2: str = ""        # Bochs' words for what the second serial port is joined to
    com3: str = ""        # and the third one
    devices: tuple[str, ...] = ()  # QEMU's options for more of them
    counts: bool = False   # Bochs, one CPU: with a performance counter (counter.c)
    watched: bool = False  # somebody reads its memory (ram.py), and lets it go on at its end


@dataclass
class Outcome:
    """How a run ended: power-off, reset, shutdown-port, triple-fault, stopped (a watcher said so), timeout or crash."""
    ending: str
    seconds: float
    detail: str = ""
    console: list[str] = field(default_factory=list)  # COM1, escape sequences removed
    log: list[str] = field(default_factory=list)      # port 0xE9

    def clean(self) -> bool:
        return self.ending in ("power-off", "shutdown-port")


class Watcher(Protocol):
    def started(self, pid: int) -> None:
        """The emulator is that process."""

    def line(self, source: str, line: str, seconds: float) -> None:
        """A complete line of "com1" or "e9", seconds after the start."""

    def over(self, seconds: float) -> bool:
        """True ends the run."""


class Tail:
    """Hands out the complete lines that a growing file has got since the last time."""

    def __init__(self, path: Path, lines: list[str]):
        self.path, self.lines, self.offset, self.rest = path, lines, 0, ""

    def read(self, final: bool = False) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        self.offset += len(data)
        parts = (self.rest + data.decode("latin-1")).split("\n")
        self.rest = parts.pop()
        if final and self.rest:
            parts.append(self.rest)
            self.rest = ""
        fresh = [ESCAPE.sub("", part) for part in parts]
        self.lines += fresh
        return fresh


def follow(command: list[str], environment: dict[str, str], directory: Path, timeout: float, watcher: Watcher,
           ending: Callable[[int], tuple[str, str]], terminal: Terminal | None = None) -> Outcome:
    """Runs the command in `directory`, where the emulator writes COM1 to com1.txt and port 0xE9 to e9.txt or to its own
    output, which goes there. `timeout`: see time_limit.py. `ending` explains the end by the exit status."""
    outcome = Outcome("crash", 0.0)
    tails = {"com1": Tail(directory / "com1.txt", outcome.console), "e9": Tail(directory / "e9.txt", outcome.log)}
    start = time.monotonic()
    with (directory / "e9.txt").open("ab") as stdout, (directory / "stderr.txt").open("wb") as stderr:
        process = child.start(command, environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=directory, start_new_session=True)
        stop = ""
        try:
            watcher.started(process.pid)
            while not stop:
                ended = process.poll() is not None
                seconds = time.monotonic() - start
                for source, tail in tails.items():
                    for line in tail.read(final=ended):
                        watcher.line(source, line, seconds)
                if ended:
                    break
                if watcher.over(seconds):
                    stop = "stopped"
                elif out_of_time(process.pid, seconds, timeout):
                    stop = "timeout"
                elif terminal:
                    terminal.pump(POLL_SECONDS)
                else:
                    time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            stop = "stopped"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if terminal:
                terminal.close()
    outcome.seconds = time.monotonic() - start
    outcome.ending, outcome.detail = (stop, "") if stop else ending(process.returncode)
    return outcome


def fresh(directory: Path) -> None:
    """Forgets what an earlier run left."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("com1.txt", "e9.txt", "stderr.txt", "bochs.log", "esp.img.lock"):
        (directory / name).unlink(missing_ok=True)
