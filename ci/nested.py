# SPDX-License-Identifier: BSD-2-Clause
"""QEMU with KVM in L1 boots Linux as L2, to a shell; and KVM in that runs the test VMM's guest, L3."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import workload
from boot import boot, problems
from case import Case, Context, Failure
from emulator import Machine
from kvm_matrix import IVY

TIMEOUT = 300.0


def _nested(model: str, large_pages: str, cpus: int, context: Context, timeout: float = TIMEOUT, **more: object) -> str:
    settings = (*workload.NESTED.settings, ("large_pages", large_pages), *more.items())
    run = boot(context.places, replace(workload.NESTED, settings=settings, vcpus=cpus), Machine(cpus=cpus, model=model), context.directory(), timeout)
    found = problems(run)
    # KVM gives up by itself what it isn't offered.
    used = f"qemu_kvm: ept={'NY'[int(str(more.get('ept', 1)))]} enable_shadow_vmcs={'NY'[model != IVY]} nested=Y"
    if used not in run.outcome.console:
        found.append(f"KVM in L1 did not say '{used}'")
    if found:
        raise Failure("\n".join(found))
    return f"{run.summary().exit_count('L2'):,} exits from L2"


# With VMCS shadowing and without.
CASES = [Case("nested-1", partial(_nested, "broadwell_ult", "never", 1)),
         Case("nested-2", partial(_nested, "broadwell_ult", "never", 2)),
         Case("nested-ivy-1", partial(_nested, IVY, "always", 1))]
# Four vCPUs of an L3 at a time get KVM in L1 into a livelock, on the bare emulator too (CAVEATS.md): so there are four L3s, one after the other, each on a CPU of its own.
NIGHT_CASES = [Case("nested-4", partial(_nested, "broadwell_ult", "never", 4, timeout=900.0, at_once=1)),
               Case("nested-no-ept-1", partial(_nested, "broadwell_ult", "never", 1, timeout=900.0, ept=0))]
