# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead debug PARTITION`: boots a workload in Bochs and starts gdb on one of its partitions, by the second serial port."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import caps
import emulator
import workload
from boot import Boot, Places, boot
from emulator import Machine
from gdb_port import GdbPort
from stages import Stages

CONSTANTS = ("CHANNEL_BASE", "CHANNEL_STRIDE", "STACK_BASE", "STACK_STRIDE", "RING_SLOTS")  # which debug information doesn't have
COMMANDS = Path(__file__).with_name("gdb_commands.py")


def elf(places: Places, partition: str) -> Path:
    """The file with the symbols."""
    found = next((path for folder in (partition, f"partitions/{partition}", "partitions") if (path := places.product / folder / f"{partition}.elf").exists()), None)
    if not found:
        raise SystemExit(f"bulkhead: there is no partition {partition}")
    return found


def session(places: Places, partition: str, remote: str) -> list[str]:
    """What gdb is told first."""
    known = caps.constants("layout", "ring")
    return ["set pagination off", "set confirm off", "set remotetimeout 60", "set height 0", "set trust-readonly-sections on", "set osabi none", *(f"set $bh_{name.lower()} = {known[name]}" for name in CONSTANTS), f"file {elf(places, partition)}", f"source {COMMANDS}",
            f"target remote {remote}"]


class Debugged(Stages):
    """The stages of a run with a partition that gdb may debug; `start` is called once it may, `done` ends the run.

    The emulator stands still until gdb has said something by `port`: however long that takes, L1 has done next to nothing when its first packet comes."""

    def __init__(self, start: Callable[[], None], port: GdbPort, say: Callable[[str], None] | None = None, verbose: Callable[[str], None] | None = None):
        super().__init__(say, verbose)
        self.start: Callable[[], None] | None = start
        self.port, self.pid, self.held = port, 0, False
        self.done = threading.Event()

    def started(self, pid: int) -> None:
        self.pid = pid

    def line(self, source: str, line: str, seconds: float) -> None:
        super().line(source, line, seconds)
        if self.start and source == "e9" and " gdb: debugs " in line:
            self._hold(True)
            self.start, start = None, self.start
            start()

    def over(self, seconds: float) -> bool:
        if self.held and self.port.spoken.is_set():
            self._hold(False)
        return self.done.is_set() or super().over(seconds)

    def _hold(self, held: bool) -> None:
        try:
            os.kill(self.pid, signal.SIGSTOP if held else signal.SIGCONT)
            self.held = held
        except ProcessLookupError:  # it has ended; who follows it will see
            self.held = False


def debugged_boot(places: Places, chosen: workload.Workload, machine: Machine, directory: Path, timeout: float, stages: Debugged) -> Boot:
    try:
        return boot(places, chosen, replace(machine, com2=stages.port.com2), directory, timeout, stages=stages)
    finally:
        stages.port.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bulkhead debug", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("partition", help="nestvmx, ept, ...: one of the workload's")
    parser.add_argument("--workload", choices=sorted(workload.BY_NAME), default="kvm")
    parser.add_argument("--cpus", type=int, choices=range(1, 9), metavar="N", default=2, help="1 to 8, default 2")
    parser.add_argument("--model", default=emulator.MODELS["bochs"], help="the emulator's CPU model")
    parser.add_argument("--secrets", action="store_true", help="also a partition that may hold secrets")
    parser.add_argument("--script", type=Path, metavar="FILE", help="gdb executes this, and ends")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if not shutil.which("gdb"):
        raise SystemExit("bulkhead: there is no gdb: ./bulkhead setup installs it")
    build = options.build.resolve()
    places = Places(build, build)
    chosen = workload.for_cpus(workload.BY_NAME[options.workload], options.cpus)
    if options.partition not in chosen.partitions:
        raise SystemExit(f"bulkhead: workload {chosen.name} has no partition {options.partition}, only {', '.join(chosen.partitions)}")
    chosen = workload.debugged(chosen, options.partition, options.secrets)
    directory = build / "run" / f"debug-{options.partition}"
    port, ready = GdbPort(), threading.Event()
    stages = Debugged(ready.set, port, lambda text: print(text, flush=True) if not ready.is_set() else None)
    directory.mkdir(parents=True, exist_ok=True)
    commands = directory / "commands.gdb"
    commands.write_text("\n".join(session(places, options.partition, port.remote)) + "\n")
    results: list[Boot] = []

    def run() -> None:
        results.append(debugged_boot(places, chosen, Machine(cpus=options.cpus, model=options.model), directory, float("inf"), stages))
        ready.set()
    thread = threading.Thread(target=run)
    thread.start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # gdb's
    ready.wait()
    status = 1
    if not results:
        print(f"gdb on {options.partition}: `continue` runs on, Ctrl-C stops at its next message, `bh message` and `bh vmcs` show what it works on; "
              f"COM1 is in {directory / 'com1.txt'}", flush=True)
        batch = ["-batch", "-x", str(commands), "-x", str(options.script)] if options.script else ["-q", "-x", str(commands)]
        status = subprocess.run(["gdb", "-nx", *batch], check=False).returncode
    stages.done.set()
    thread.join()
    if status and results and stages.start:
        print(f"the emulator ended: {results[0].outcome.ending} {results[0].outcome.detail}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
