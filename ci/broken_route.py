# SPDX-License-Identifier: BSD-2-Clause
"""A test build without one route: L2's CPUID exits reach nobody. If the KVM guest still passed, its exits would be going
another way than the rings."""

from __future__ import annotations

import subprocess
from pathlib import Path

from boot import Boot, Places, boot, bulkhead_problems, problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import KVM

ROOT = Path(__file__).resolve().parent.parent
TARGETS = tuple(f"kernel/loader/{name}" for name in ("bulkhead.efi", "kernel.elf", "nestvmx.elf", "ept.elf"))
TIMEOUT = 240.0


def do(*command: str) -> str:
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        raise Failure(f"{' '.join(command)}:\n{result.stdout}")
    return result.stdout


def build_without_route(places: Places) -> Path:
    folder = places.build / "variant/drop-route"
    if not (folder / "build.ninja").exists():
        do("meson", "setup", "-Dc_args=-DTEST_DROP_ROUTE", str(folder), str(ROOT))
    do("ninja", "--quiet", "-C", str(folder), *TARGETS)
    return folder


def _check(run: Boot) -> str:
    require(not run.stages.find("vmm-pass"), "the KVM guest passed although a route is missing")
    require(any(line.startswith("vmm: FAIL") for line in run.outcome.console), "the VMM did not notice")
    require(problems(run), "the run counts as a success")
    if found := bulkhead_problems(run):
        raise Failure("more than the route is broken: " + "\n".join(found))
    require(run.outcome.clean(), f"L1 did not live on to power off: {run.outcome.ending}")
    return next(line for line in run.outcome.console if line.startswith("vmm: FAIL"))


def _run(context: Context) -> str:
    places = Places(context.places.build, build_without_route(context.places))
    return _check(boot(places, KVM, Machine(cpus=1), context.directory(), TIMEOUT))


CASES = [Case("broken-route", _run)]
