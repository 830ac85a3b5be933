# SPDX-License-Identifier: BSD-2-Clause
"""Xen as L1: it turns VT-x on and runs Debian's kernel as dom0, where xl starts a PVH domain."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import workload
from boot import boot, problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import Workload

TIMEOUT, NIGHT_TIMEOUT = 300.0, 1200.0
# What Xen does, and what its domain makes it do.
WANTED = [("L1", "VMXON"), ("L1", "INVEPT"), ("L1", "VMLAUNCH"), ("L1", "VMRESUME"), ("L1", "VMXOFF"), ("L2", "EPT_VIOLATION"), ("L2", "CPUID"), ("L2", "IO"),
          ("L2", "VMCALL"), ("L2", "HLT")]


def _xen(chosen: Workload, cpus: int, context: Context, timeout: float = TIMEOUT) -> str:
    run = boot(context.places, replace(chosen, vcpus=cpus), Machine(cpus=cpus), context.directory(), timeout)
    if found := problems(run):
        raise Failure("\n".join(found))
    costs = run.summary()
    for origin, reason in WANTED:
        require(any((row.origin, row.reason) == (origin, reason) and row.count for row in costs.exits), f"Bulkhead served no {reason} of {origin}")
    return f"{costs.exit_count('L1'):,} exits from L1, {costs.exit_count('L2'):,} from L2"


CASES = [Case("xen-1", partial(_xen, workload.XEN, 1)), Case("xen-linux-1", partial(_xen, workload.XEN_LINUX, 1)),
         Case("xen-hvm-1", partial(_xen, workload.XEN_HVM, 1))]
NIGHT_CASES = [Case(f"xen-{name}-{cpus}", partial(_xen, chosen, cpus, timeout=NIGHT_TIMEOUT)) for name, chosen in (("linux", workload.XEN_LINUX), ("hvm", workload.XEN_HVM)) for cpus in (2, 4)]
