# SPDX-License-Identifier: BSD-2-Clause
"""INIT, SIPI and NMI in any order and number, to CPUs that run and CPUs that wait for SIPI, with shoot-downs meanwhile,
also while a CPU has its local APIC switched off; as on the bare machine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from boot import boot, bulkhead_problems
from case import Case, Context, Failure, require
from emulator import Machine
from hostile import PROBE

TIMEOUT = 120.0
MACHINE = Machine(cpus=4, ips=10_000_000)
SHOTS = 20 * 20  # ci/guests/probe/startup.c: in so many at least, two CPUs and more take an NMI


def _startup(bulkhead: bool, context: Context) -> str:
    workload = replace(PROBE, partitions=("hello",), plain_options="up")
    run = boot(context.places, workload, MACHINE, context.directory(), TIMEOUT, bulkhead)
    lines = [line.strip() for line in run.outcome.console if line.startswith("probe ")]
    found = [line for line in lines if "WRONG" in line]
    if "probe done" not in lines:
        found.append(f"the probe did not end well ({run.outcome.ending} {run.outcome.detail}); last: {lines[-1:]}")
    found += bulkhead_problems(run) if bulkhead else []
    if found:
        raise Failure("\n".join(found[:20]))
    if not bulkhead:
        return ""
    nmis = sum(row.count for row in run.summary().exits if row.reason == "EXCEPTION_OR_NMI")
    require(nmis >= 2 * SHOTS, f"{nmis} NMIs: no shoot-downs?")
    return f"{nmis:,} NMIs"


CASES = [Case("startup-bare", partial(_startup, False)), Case("startup", partial(_startup, True))]
