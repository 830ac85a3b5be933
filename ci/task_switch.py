# SPDX-License-Identifier: BSD-2-Clause
"""tasks.efi on the bare emulator and on Bulkhead with the partition `tasks`: the same end of every hardware task switch, and the same registers and memory."""

from __future__ import annotations

import re

from boot import boot, bulkhead_problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import TASKS

TIMEOUT = 60.0
LINE = re.compile(r"tasks: (ok|FAIL) (\w+) (.*)")


def _lines(context: Context, bulkhead: bool) -> dict[str, str]:
    """What each scenario said."""
    run = boot(context.places, TASKS, Machine(ips=10_000_000), context.directory("bulkhead" if bulkhead else "bare"), TIMEOUT, bulkhead)
    console = [line.strip() for line in run.outcome.console]
    found = [match for line in console if (match := LINE.fullmatch(line))]
    problems = [match[0] for match in found if match[1] != "ok"] + (bulkhead_problems(run) if bulkhead else [])
    if "tasks: done" not in console or not run.outcome.clean():
        problems.append(f"it did not come to its end, but to: {console[-1] if console else 'nothing'}; {run.outcome.ending} {run.outcome.detail}".rstrip())
    if problems:
        raise Failure("\n".join(problems))
    return {match[2]: match[3] for match in found}


def _tasks(context: Context) -> str:
    bare = _lines(context, False)
    require(len(bare) >= 40, f"only {len(bare)} scenarios ran")
    on_bulkhead = _lines(context, True)
    if different := [f"{name}:\n  bare     {bare.get(name)}\n  Bulkhead {on_bulkhead.get(name)}" for name in sorted(bare | on_bulkhead)
                     if bare.get(name) != on_bulkhead.get(name)]:
        raise Failure("\n".join(different))
    return f"{len(bare)} scenarios"


CASES = [Case("tasks", _tasks)]
