# SPDX-License-Identifier: BSD-2-Clause
"""Bulkhead in Bulkhead: the next image runs on a second one, whose machine is the first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import l0log
import lhv
import summary
import workload
from boot import boot, problems
from case import Case, Context, Failure
from emulator import Machine
from workload import Workload

TIMEOUT = 300.0


def _inner(chosen: Workload, cpus: int, context: Context) -> str:
    run = boot(context.places, replace(chosen, vcpus=cpus), Machine(cpus=cpus), context.directory(), TIMEOUT)
    if found := problems(run):
        raise Failure("\n".join(found))
    inner = summary.read(l0log.parse_all(run.outcome.console))
    return f"{inner.exit_count('L2'):,} exits from the inner one's L2, {run.summary().exit_count('L2'):,} from the outer one's"


CASES = [*(Case(f"bulkhead-kvm-{cpus}", partial(_inner, workload.BULKHEAD_KVM, cpus)) for cpus in (1, 2, 4)),
         Case("bulkhead-lhv-1", partial(lhv.inner, workload.BULKHEAD, 1, "fuzz=20", 950)),
         *(Case(f"bulkhead-lhv-{cpus}", partial(lhv.inner, workload.BULKHEAD, cpus, "only=smp,sipi", 13)) for cpus in (2, 4)),  # what takes two
         Case("bulkhead-three-1", partial(lhv.inner, workload.BULKHEAD_THREE, 1, "only=nmi", 29))]
NIGHT_CASES = [Case("bulkhead-lhv-all-2", partial(lhv.inner, workload.BULKHEAD, 2, "fuzz=5", 1900)),
               Case("bulkhead-lhv-all-4", partial(lhv.inner, workload.BULKHEAD, 4, "fuzz=5", 3800)),
               Case("bulkhead-three-2", partial(lhv.inner, workload.BULKHEAD_THREE, 2, "only=nmi,smp,sipi", 75)),
               Case("bulkhead-three-4", partial(lhv.inner, workload.BULKHEAD_THREE, 4, "only=nmi,smp,sipi", 133))]
