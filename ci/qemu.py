# SPDX-License-Identifier: BSD-2-Clause
"""QEMU: without acceleration, where it has no VT-x (which is what it is used for), or on KVM, which may offer nested VT-x."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import emulator
from emulator import FIRMWARE, Machine, Outcome, Watcher
from terminal import Terminal

ACCELERATION = {
    "qemu": ["-machine", "q35,accel=tcg"],
    "kvm": ["-machine", "q35,accel=kvm"],
}

# With -no-reboot a reset ends QEMU with status 0, as a power-off does; only of the latter is this line in the trace.
POWER_OFF = "qemu_system_shutdown_request"


def _ending(log: Path, status: int) -> tuple[str, str]:
    if status != 0:
        return "crash", f"the emulator ended with status {status}"
    return ("power-off" if log.exists() and POWER_OFF in log.read_text("latin-1") else "reset"), ""


def command(machine: Machine, disk: Path, directory: Path, serial: str, direct: list[str]) -> list[str]:
    shared = ["-object", f"memory-backend-file,id=ram,size={machine.memory_mb}M,mem-path={directory / 'ram'},share=on",
              "-machine", "memory-backend=ram"] if machine.watched else []
    return ["qemu-system-x86_64", *ACCELERATION[machine.emulator], "-cpu", machine.model, "-smp", str(machine.cpus),
            "-m", str(machine.memory_mb), "-bios", str(FIRMWARE), "-display", "none", "-no-reboot", "-nic", "none",
            "-drive", f"file={disk},format=raw,if=ide,snapshot=on", "-serial", serial,
            "-debugcon", f"file:{directory / 'e9.txt'}", "-global", "isa-debugcon.iobase=0xe9",
            "-D", str(directory / "qemu.log"), "-trace", POWER_OFF, *shared, *machine.devices, *direct]


def run(machine: Machine, disk: Path, directory: Path, timeout: float, watcher: Watcher, interactive: bool = False,
        direct: list[str] | None = None) -> Outcome:
    """Like bochs.run(). `direct` has QEMU's options for a kernel that the firmware starts instead of what is on the disk."""
    emulator.fresh(directory)
    log = directory / "qemu.log"
    log.unlink(missing_ok=True)
    (directory / "ram").unlink(missing_ok=True)
    terminal = Terminal(directory / "com1.txt") if interactive else None
    serial = terminal.device if terminal else f"file:{directory / 'com1.txt'}"
    return emulator.follow(command(machine, disk, directory, serial, direct or []), {}, directory, timeout, watcher,
                           partial(_ending, log), terminal)
