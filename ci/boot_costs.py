# SPDX-License-Identifier: BSD-2-Clause
"""What Bulkhead costs a machine that boots on it: instructions until Linux' shell, and memory."""

from __future__ import annotations

import re

from boot import Boot, Places, boot, problems
from emulator import Machine
from workload import LINUX, MARKER

TIMEOUT = 300.0
# acpi.efi is about to load the next image, which is Bulkhead's loader or Linux; and Linux' /init, which would run the shell.
START = re.compile(r"acpi: tables for .* tsc=(\d+)")
SHELL = re.compile(r"bh: stage linux .*\btsc=(\d+)")
ONE_CPU = Machine(cpus=1)
# Bochs keeps no more than 2 GiB of it in its own memory. Without MWAIT its CPUs wait more cheaply; nothing here needs it.
LARGE = Machine(cpus=8, model="corei7_skylake_x", ips=10_000_000, memory_mb=8192, without="mwait")
NAMES = ("linux_boot_overhead_ppm", "l0_memory_bytes_8g_8cpu")


class NotMeasured(Exception):
    pass


def _number(run: Boot, pattern: re.Pattern[str]) -> int:
    for line in run.outcome.console:
        if match := pattern.match(line):
            return int(match[1])
    raise NotMeasured(f"no line {pattern.pattern}; see {run.directory}/")


def _instructions(places: Places, bulkhead: bool) -> int:
    run = boot(places, LINUX, ONE_CPU, places.build / "bench" / ("linux" if bulkhead else "linux-bare"), TIMEOUT, bulkhead)
    if found := problems(run):
        raise NotMeasured("; ".join(found))
    return _number(run, SHELL) - _number(run, START)


def overhead_ppm(places: Places) -> int:
    """On one CPU the time-stamp counter counts instructions, and what they do is the same in every run."""
    bare = _instructions(places, False)
    return (_instructions(places, True) - bare) * 1_000_000 // bare


def memory_bytes(places: Places) -> int:
    """All that the firmware's memory map has lost to Bulkhead: it allocates everything out of that, its tables included."""
    run = boot(places, MARKER, LARGE, places.build / "bench/memory", TIMEOUT)
    launched = run.stages.find("launched")
    if not launched or launched[0].fields.get("cpus") != str(LARGE.cpus):
        raise NotMeasured(f"Bulkhead did not launch on {LARGE.cpus} CPUs; see {run.directory}/")
    if not run.summary().memory_bytes:
        raise NotMeasured(f"Bulkhead does not say what memory it has; see {run.directory}/")
    return run.summary().memory_bytes


def measure(places: Places) -> dict[str, int]:
    return {"linux_boot_overhead_ppm": overhead_ppm(places), "l0_memory_bytes_8g_8cpu": memory_bytes(places)}
