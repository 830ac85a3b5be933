# SPDX-License-Identifier: BSD-2-Clause
"""Bochs: where it is, how it is configured, and how it says why it ended."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import emulator
from emulator import FIRMWARE, Machine, Outcome, Watcher
from ram import BLOCK
from terminal import Terminal

SECTORS_PER_CYLINDER = 16 * 63
HOST_MB = 2048  # the most that Bochs takes; what a guest has beyond goes to a file once it is used

# What the last >>PANIC<< line of Bochs' log says about the end of a run.
ENDINGS = {
    "ACPI control: soft power off": "power-off",
    "Shutdown port: shutdown requested": "shutdown-port",
    "shutdown(): triple fault": "triple-fault",
    "triple fault": "triple-fault",
}


def find(build: Path) -> tuple[list[str], dict[str, str], Path]:
    """Command, environment and data folder of Bochs 3.0: the private copy, else the one that is installed."""
    prefix = build / "bochs" / "root"
    if prefix.is_dir():
        libraries = prefix / "usr/lib/x86_64-linux-gnu"
        command = [str(prefix / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", str(libraries),
                   str(prefix / "usr/bin/bochs-bin")]
        share = prefix / "usr/share/bochs"
        return command, {"LTDL_LIBRARY_PATH": str(libraries / "bochs/plugins"), "BXSHARE": str(share)}, share
    binary = next((p for p in map(Path, ("/usr/bin/bochs-bin", "/usr/bin/bochs")) if p.exists()), None)
    if binary is None:
        raise SystemExit("bochs is not installed: ./bulkhead setup")
    return [str(binary)], {}, Path("/usr/share/bochs")


def configuration(machine: Machine, esp: Path, directory: Path, share: Path, firmware: Path, com1: str) -> str:
    without = f', exclude_features="{machine.without}"' if machine.without else ""
    cylinders = esp.stat().st_size // (SECTORS_PER_CYLINDER * 512)
    return f"""\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, parallel=0, serial=1, gameport=0, iodebug=1
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model={machine.model}, count={machine.cpus}, ips={machine.ips}, quantum={machine.quantum}, reset_on_triple_fault=0, ignore_bad_msrs=1{without}
memory: guest={machine.memory_mb}, host={min(machine.memory_mb, HOST_MB)}, block_size={BLOCK >> 10}
romimage: file={firmware}
vgaromimage: file={share}/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
ata0-master: type=disk, mode=flat, path={esp}, cylinders={cylinders}, heads=16, spt=63
com1: enabled=1, {com1}
{f'com2: enabled=1, {machine.com2}' if machine.com2 else ''}
{f'com3: enabled=1, {machine.com3}' if machine.com3 else ''}
port_e9_hack: enabled=1
log: {directory / "bochs.log"}
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
vga: extension=vbe, update_freq=1, realtime=0
clock: sync=none, time0=1000000000
"""


def ending(log: Path, status: int) -> tuple[str, str]:
    """The kind of end, and Bochs' own words for it; its exit status is 1 at every orderly end."""
    text = log.read_text("latin-1") if log.exists() else ""
    panics = [line for line in text.splitlines() if ">>PANIC<<" in line]
    if not panics:
        return "crash", f"the emulator ended with status {status}"
    words = panics[-1].split(">>PANIC<<")[1].strip()
    for sign, kind in ENDINGS.items():
        if sign in words:
            return kind, words
    return "crash", words


def run(build: Path, machine: Machine, esp: Path, directory: Path, timeout: float, watcher: Watcher,
        interactive: bool = False) -> Outcome:
    """Runs until the guest ends the machine, the watcher stops it or the time is up. Everything is kept in `directory`."""
    emulator.fresh(directory)
    command, environment, share = find(build)
    terminal = Terminal(directory / "com1.txt") if interactive else None
    port = f"mode=term, dev={terminal.device}" if terminal else f"mode=file, dev={directory / 'com1.txt'}"
    config = directory / "bochsrc"
    config.write_text(configuration(machine, esp, directory, share, FIRMWARE, port))
    environment |= {"LD_PRELOAD": str(build / "ci/libpreload.so")} | ({"EMULATOR_HOLDS": "1"} if machine.watched else {}) | \
        ({"EMULATOR_COUNTS": "1"} if machine.counts else {})
    return emulator.follow(command + ["-q", "-unlock", "-f", str(config)], environment, directory, timeout, watcher,
                           partial(ending, directory / "bochs.log"), terminal)
