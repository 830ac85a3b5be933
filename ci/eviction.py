# SPDX-License-Identifier: BSD-2-Clause
"""Little memory for Bulkhead, so that EPT02's tables run out: what was used least recently goes, and L2 goes on."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import lhv
from boot import boot, bulkhead_problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import LHV, configuration

TIMEOUT = 120.0
TEST = "ept.many_tables"
MEMORY = "6M"  # about 530 tables
LEAST = 256    # that test has 1,024, and comes back to them
WENT = re.compile(r"ept: no tables left: (\d+) went for root \d+")
FORGOTTEN = re.compile(r"ept: no records left: (\d+) forgotten")


def _count(log: list[str], what: re.Pattern[str]) -> int:
    return sum(int(match[1]) for line in log if (match := what.search(line)))


def _few_tables(cpus: int, context: Context) -> str:
    machine = Machine(cpus=cpus, model=lhv.SKYLAKE, ips=10_000_000)
    workload = replace(LHV, plain_options="only=ept")
    conf = {"EFI/bulkhead/bulkhead.conf": configuration(workload, (f"memory = {MEMORY}", "log = debug")).encode()}
    run = boot(context.places, workload, machine, context.directory(), TIMEOUT, files=conf)
    found = lhv.results(run.outcome.console)
    problems = lhv.end_problems(run.outcome.console, found, machine.cpus) + bulkhead_problems(run)
    problems += lhv.judge(found, lhv.BULKHEAD, machine.model, workload.plain_options, lhv.known(), {row.name for row in found if row.verdict == "skip"})
    problems += [f"{TEST}@{cpu} did not pass" for cpu in range(cpus) if lhv.Result("ok", TEST, str(cpu), "") not in found]
    if problems:
        raise Failure("\n".join(problems[:40]))
    went, forgotten = _count(run.outcome.log, WENT), _count(run.outcome.log, FORGOTTEN)
    dropped = sum("ept: no tables left: dropped" in line for line in run.outcome.log)
    require(went >= LEAST, f"only {went} tables had to go")
    require(dropped == 0, f"{dropped} whole trees were dropped")
    return f"{went:,} tables went, {forgotten:,} were forgotten"


CASES = [Case(f"lhv-few-tables-{cpus}", partial(_few_tables, cpus)) for cpus in (1, 4)]
