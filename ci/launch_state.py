# SPDX-License-Identifier: BSD-2-Clause
"""L1 gets each CPU as the firmware left it: a UEFI application says what state it finds, on the bare machine and on Bulkhead."""

from __future__ import annotations

import re

from boot import Boot, boot
from case import Case, Context, require
from emulator import Machine
from workload import Workload

TIMEOUT = 120.0
CPUS = 2
STATE = Workload("state", next="\\EFI\\state\\state.efi", next_file="ci/guests/state/state.efi")
LINE = re.compile(r"state (\d+) (\w+\.\d+) (0x[0-9a-f]+)")
# The firmware left it open (0); the kernel locks it, with VMX outside SMX operation on.
FEATURE_CONTROL = {"feature_control.0": ("0x0", "0x5")}


def _state(run: Boot) -> dict[tuple[str, str], str]:
    require(any(line.startswith("state done") for line in run.outcome.console), "state.efi did not come to its end")
    found = [match for line in run.outcome.console if (match := LINE.match(line))]
    state = {(match[1], match[2]): match[3] for match in found}
    require({cpu for cpu, _ in state} == {str(cpu) for cpu in range(CPUS)}, "not every CPU has told its state")
    return state


def _same(context: Context) -> str:
    machine = Machine(cpus=CPUS, ips=10_000_000)
    bare = _state(boot(context.places, STATE, machine, context.directory("bare"), TIMEOUT, bulkhead=False))
    run = boot(context.places, STATE, machine, context.directory(), TIMEOUT)
    require(run.stages.find("launched"), "Bulkhead did not launch")
    found = _state(run)
    require(bare.keys() == found.keys(), f"only in one run: {sorted(bare.keys() ^ found.keys())}")
    wrong = []
    for (cpu, name), value in bare.items():
        wanted = FEATURE_CONTROL.get(name, (value, value))
        if (value, found[cpu, name]) != wanted:
            wrong.append(f"CPU {cpu}: {name} is {found[cpu, name]} on Bulkhead, {value} without")
    require(not wrong, "\n".join(wrong))
    return f"{len(bare)} values of {CPUS} CPUs"


CASES = [Case("launch-state", _same)]
