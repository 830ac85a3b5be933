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
# Tests by the beginnings of their names: how many entries of each fail, and by which kinds of check.
TESTS = {"control.alone": (1, {"CONTROL"}), **{f"control.{bit}": (1, {"CONTROL"}) for bit in ("PIN.bit_31", "PROC.bit_0", "PROC2.bit_31", "EXIT.bit_31", "ENTRY.bit_31")},
         "entry.control": (1, {"CONTROL", "EVENT"}), "entry.host": (1, {"HOST"}), "entry.guest": (1, {"GUEST", "STATE"}),
         "list.bad_entry_load_and": (1, {"MSR"}), "list.bad_entry_load": (3, {"MSR"}), "mode.pae_reserved": (1, {"GUEST", "STATE"}),
         "host32.entry_checks": (7, {"HOST"}), "host32.rip_high": (1, {"HOST"})}
OPTIONS = "only=" + ",".join(TESTS)
# Checks that none of these entries fails by, and why. Unit nestvmx has each row of the table (`every_check_of_the_table_is_seen_to_fail`).
SILENT = {"host_32_ia32e": "in whatever mode L1 is, one of the two checks before it fails, too (SDM 3C 27.2.4)",
          **dict.fromkeys(("guest_debugctl", "guest_pending_step", "guest_pending_rtm"), "the emulator takes these bits (lhv_known.toml)"),
          "guest_blocking_enclave": "the emulator has no enclaves",
          "guest_rflags_vm": "the emulator takes it in 32-bit mode (lhv_known.toml), and in 64-bit mode the segments' check comes first",
          "list_length": "such a list is longer than what the CPU recommends", "list_memory": "such a list is not in memory: the emulator reads it all the same"}


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


def silent(log: list[str]) -> list[str]:
    """Each check of the table has its entry, but for those that are listed; and those have none."""
    names = {match[1].split()[0] for line in log if (match := LOGGED.search(line))}
    return [f"no entry fails by {name}" for name in table() if name not in names | set(SILENT)] + [f"{name} is listed as one that none fails by" for name in SILENT if name in names]


def _names(context: Context) -> str:
    workload, machine = replace(LHV, plain_options=OPTIONS), Machine(cpus=1, model=lhv.SKYLAKE, ips=10_000_000)
    files: dict[str, Path | bytes] = {"EFI/bulkhead/bulkhead.conf": configuration(workload, ("log = debug",)).encode()}
    run = boot(context.places, workload, machine, context.directory(), lhv.TIMEOUT, files=files)
    results = lhv.results(run.outcome.console)
    passed = [result.name for result in results if result.verdict == "ok"]
    found = lhv.end_problems(run.outcome.console, results, 1) + bulkhead_problems(run) + problems(passed, run.outcome.log) + silent(run.outcome.log)
    if found:
        raise Failure("\n".join(found[:60]))
    names = {match[1].split()[0] for line in run.outcome.log if (match := LOGGED.search(line))}
    return f"{len(passed)} tests, {len(names)} of {len(table())} checks"


CASES = [Case("lhv-names-1", _names)]
