# SPDX-License-Identifier: BSD-2-Clause
"""lhv.efi with the partition `ranges`, which claims ports, hypercalls and leaves of CPUID of L2s. In the last test it faults three times, and is parked."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import lhv
from boot import boot, bulkhead_problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import LHV

TIMEOUT = 120.0
# Behind nestvmx: what it claims comes to it first all the same.
RANGES = replace(LHV, name="lhv-ranges", partitions=("nestvmx", "ept", "ranges"))
TESTS = [line.split("(")[1].split(")")[0] for line in (Path(__file__).parent / "guests/lhv/ranges.c").read_text().splitlines() if line.startswith("    TEST(")]
FAULT = "partition ranges faulted"


def _ranges(cpus: int, options: str, count: int, context: Context) -> str:
    chosen = replace(RANGES, plain_options=options)
    run = boot(context.places, chosen, Machine(cpus=cpus, ips=10_000_000), context.directory(), TIMEOUT)
    found = lhv.results(run.outcome.console)
    wrong = [problem for problem in bulkhead_problems(run) if cpus > 1 or problem != FAULT] + lhv.end_problems(run.outcome.console, found, cpus)
    wrong += [str(result) for result in found if result.verdict != "ok"]
    if wrong:
        raise Failure("\n".join(wrong))
    require(len(found) == count * cpus, f"{len(found)} tests passed, {count * cpus} were expected")
    parked = sum("park partition=ranges" in line for line in run.outcome.log)
    require(parked == (cpus == 1), f"the partition was parked {parked} times")
    require(not any("abandoned" in line for line in run.outcome.log), "an L2 was abandoned")
    return f"{len(found)} tests passed, {run.summary().exit_count('L2'):,} exits from L2"


# On several CPUs at a time: what doesn't change a port that all of them have, nor the partition's end.
CASES = [Case("lhv-ranges-1", partial(_ranges, 1, "only=ranges.", len(TESTS))),
         *(Case(f"lhv-ranges-{cpus}", partial(_ranges, cpus, "only=ranges.ports,ranges.h,ranges.l", 4)) for cpus in (2, 4))]
