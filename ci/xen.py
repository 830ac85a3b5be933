# SPDX-License-Identifier: BSD-2-Clause
"""Xen as L1: it turns VT-x on and runs Debian's kernel as dom0, to the end of its /init."""

from __future__ import annotations

import workload
from boot import boot, problems
from case import Case, Context, Failure, require
from emulator import Machine

TIMEOUT = 300.0


def _xen(context: Context) -> str:
    run = boot(context.places, workload.XEN, Machine(), context.directory(), TIMEOUT)
    if found := problems(run):
        raise Failure("\n".join(found))
    costs = run.summary()
    for reason in ("VMXON", "INVEPT", "VMXOFF"):
        require(any(row.origin == "L1" and row.reason == reason and row.count for row in costs.exits), f"Bulkhead served no {reason}")
    return f"{costs.exit_count('L1'):,} exits from L1"


CASES = [Case("xen-1", _xen)]
