# SPDX-License-Identifier: BSD-2-Clause
"""Where the configuration says `log = debug`, the log tells of each VM entry of L1's that fails by which check of nestvmx/entry_check.def."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import lhv
from boot import boot, bulkhead_problems
from case import Case, Context, Failure
from emulator import Machine
from workload import LHV, configuration

TABLE = Path(__file__).parents[1] / "nestvmx/entry_check.def"
ROW = re.compile(r"^CHECK_(\w+)\((\w+),", re.MULTILINE)
LOGGED = re.compile(r"VM entry on VMCS12 [0-9a-f]+ fails: (.*)")
OPTIONS = "only=entry.control,entry.host,entry.guest,list.bad_entry"
# Tests by the beginnings of their names: how many entries of each fail, and by which kinds of check.
TESTS = {"entry.control.": (1, {"CONTROL", "EVENT"}), "entry.host.": (1, {"HOST"}), "entry.guest.": (1, {"GUEST", "STATE"}),
         "list.bad_entry_load.": (3, {"MSR"}), "list.bad_entry_load_and": (1, {"MSR"})}


def table() -> dict[str, str]:
    """Names of checks, and their kinds."""
    return {name: kind for kind, name in ROW.findall(TABLE.read_text())}


def problems(passed: list[str], log: list[str]) -> list[str]:
    """`passed`: the tests that passed on the one CPU, in order; no other has an entry that fails."""
    kinds, found = table(), []
    logged = [match[1] for line in log if (match := LOGGED.search(line))]
    for test in passed:
        count, wanted = next(row for start, row in TESTS.items() if test.startswith(start))
        told, logged = logged[:count], logged[count:]
        found += [f"{test}: the log says {name}" for name in told if kinds.get((name.split() or [""])[0]) not in wanted]
        if len(told) < count:
            return found + [f"{test}: {count - len(told)} of {count} failed entries are not in the log"]
    return found + [f"the log tells of an entry that no test has: {name}" for name in logged]


def _names(context: Context) -> str:
    workload, machine = replace(LHV, plain_options=OPTIONS), Machine(cpus=1, model=lhv.SKYLAKE, ips=10_000_000)
    files: dict[str, Path | bytes] = {"EFI/bulkhead/bulkhead.conf": configuration(workload, ("log = debug",)).encode()}
    run = boot(context.places, workload, machine, context.directory(), lhv.TIMEOUT, files=files)
    results = lhv.results(run.outcome.console)
    passed = [result.name for result in results if result.verdict == "ok"]
    found = lhv.end_problems(run.outcome.console, results, 1) + bulkhead_problems(run) + problems(passed, run.outcome.log)
    if found:
        raise Failure("\n".join(found[:60]))
    names = {match[1].split()[0] for line in run.outcome.log if (match := LOGGED.search(line))}
    return f"{len(passed)} tests, {len(names)} of {len(table())} checks"


CASES = [Case("lhv-names-1", _names)]
