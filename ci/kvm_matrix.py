# SPDX-License-Identifier: BSD-2-Clause
"""KVM in L1 with each of its ways to use VT-x switched off, and with several virtual CPUs and virtual machines at once: one boot of Linux,
which loads kvm_intel afresh for each row."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial

import vmm_expected
import workload
from boot import Boot, boot, problems
from case import Case, Context, Failure, require
from emulator import Machine

TIMEOUT = 240.0
IVY = "corei7_ivy_bridge_3770k"
LACKS = {IVY: ("enable_shadow_vmcs", "eptad")}  # of these parameters, what the model doesn't have


@dataclass(frozen=True)
class Row:
    """`parameters` of kvm_intel, and how many virtual machines, with how many virtual CPUs each, run at the same time."""
    name: str
    parameters: dict[str, int]
    vms: int = 1
    vcpus: int = 1

    def text(self) -> str:
        return f"{self.name}:{self.vms}:{self.vcpus}:" + ",".join(f"{name}={value}" for name, value in self.parameters.items())


ROWS = (
    Row("plain", {}),
    Row("no-ept", {"ept": 0}),
    Row("no-unrestricted", {"unrestricted_guest": 0}),
    Row("no-vpid", {"vpid": 0}),
    Row("no-ept-vpid", {"ept": 0, "vpid": 0}),
    Row("no-unrestricted-vpid", {"unrestricted_guest": 0, "vpid": 0}),
    Row("no-flexpriority", {"flexpriority": 0}),
    Row("no-preemption-timer", {"preemption_timer": 0}),
    Row("no-eptad", {"eptad": 0}),
    Row("no-shadow-vmcs", {"enable_shadow_vmcs": 0}),
    Row("nothing", {"ept": 0, "vpid": 0, "flexpriority": 0, "preemption_timer": 0}),
    Row("vcpus", {}, vcpus=4),
    Row("vms", {}, vms=3),
    Row("vms-no-ept", {"ept": 0}, vms=3, vcpus=2),
    Row("vms-no-vpid", {"vpid": 0}, vms=2, vcpus=2),
)


def _sections(console: list[str]) -> dict[str, list[str]]:
    """What was said between the begin and the end of each row."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in console:
        if match := re.match(r"bh: row (\S+) begin", line):
            name = match[1]
            found[name] = []
        if name:
            found[name].append(line)
        if re.match(r"bh: row \S+ end ", line):
            name = ""
    return found


def used(row: Row, model: str) -> dict[str, int]:
    """What kvm_intel uses in that row. It gives up by itself what L1 is not offered, and says so in its parameters alone."""
    have = dict.fromkeys(("ept", "unrestricted_guest", "vpid", "flexpriority", "enable_shadow_vmcs", "preemption_timer", "eptad", "nested"), 1)
    have |= dict.fromkeys(LACKS.get(model, ()), 0) | row.parameters
    return have if have["ept"] else have | {"unrestricted_guest": 0, "eptad": 0}


def row_problems(row: Row, lines: list[str], model: str) -> list[str]:
    if not lines:
        return ["did not run"]
    have = dict(re.findall(r"(\w+)=(\w+)", lines[0]))
    found = [f"kvm_intel runs with {name}={have.get(name)}" for name, value in used(row, model).items() if have.get(name) not in (str(value), "NY"[value])]
    if f"bh: row {row.name} at once {row.vms}" not in lines:
        found.append(f"its {row.vms} virtual machines were not there at the same time")
    for vm in range(row.vms):
        try:
            start = lines.index(f"bh: row {row.name} vm {vm}") + 1
        except ValueError:
            found.append(f"virtual machine {vm} did not run")
            continue
        end = next((at for at in range(start, len(lines)) if lines[at].startswith("bh: row ")), len(lines))
        found += vmm_expected.problems(lines[start:end], row.vcpus, 1)
    return found


def matrix_problems(run: Boot, rows: tuple[Row, ...]) -> list[str]:
    sections = _sections(run.outcome.console)
    return [f"{row.name}: {problem}" for row in rows for problem in row_problems(row, sections.get(row.name, []), run.machine.model)]


def _matrix(cpus: int, model: str, context: Context) -> str:
    chosen = replace(workload.LINUX, name="kvm-matrix", tests=("kvm_matrix",), settings=(("matrix", "/".join(row.text() for row in ROWS)),))
    run = boot(context.places, chosen, Machine(cpus=cpus, model=model), context.directory(), TIMEOUT)
    if found := problems(run) + matrix_problems(run, ROWS):
        raise Failure("\n".join(found))
    exits = run.summary().exit_count("L2")
    require(exits, "no exit from L2 was counted")
    return f"{len(ROWS)} ways, {exits:,} exits from L2"


CASES = [Case("kvm-matrix-1", partial(_matrix, 1, "broadwell_ult")), Case("kvm-matrix-2", partial(_matrix, 2, "broadwell_ult")),
         Case("kvm-matrix-ivy-1", partial(_matrix, 1, IVY))]
NIGHT_CASES = [Case("kvm-matrix-4", partial(_matrix, 4, "broadwell_ult"))]
