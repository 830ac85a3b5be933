# SPDX-License-Identifier: BSD-2-Clause
"""lhv.efi on the bare emulator and on Bulkhead: every test passes, but for those that lhv_known.toml lists with a reason."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from boot import Boot, boot, bulkhead_problems, inner_problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import LHV, Workload

TIMEOUT, NIGHT_TIMEOUT = 240.0, 900.0
KNOWN = Path(__file__).parent / "lhv_known.toml"
SKIPS = Path(__file__).parent / "lhv_skips.toml"
SKYLAKE, IVY_BRIDGE = "corei7_skylake_x", "corei7_ivy_bridge_3770k"  # with and without VMCS shadowing
LINE = re.compile(r"lhv: (ok|FAIL|skip) ((?:\w+\.)+\w+)@(\d+) ?(.*)")
DONE = re.compile(r"lhv: done cpus=(\d+) ok=(\d+) fail=(\d+) skip=(\d+)")
HIDDEN_FOUND = re.compile(r"lhv: hidden first=(0x[0-9a-f]+) end=(0x[0-9a-f]+)")
ERROR = re.compile(r"lhv: error (.*)")
# Reasons for a skip: a control that vmx_control.def doesn't offer L1, or a test that the emulator doesn't survive.
CONTROLS = Path(__file__).parents[1] / "subprojects/caps/include/caps/vmx_control.def"
HIDDEN = re.compile(r"CONTROL\(\w+,\s*(\w+),.*,\s*0\)")
# What L1 sees of the machine: on the bare emulator, or on Bulkhead.
BARE, BULKHEAD = "bare", "bulkhead"


@dataclass(frozen=True)
class Known:
    """A failure (or a skip that the bare machine doesn't have) that is expected, and why."""
    test: str    # a pattern of names
    on: str      # bare: the emulator isn't as the SDM says; bulkhead: Bulkhead isn't; both
    reason: str
    model: str = "*"
    outcome: str = "FAIL"
    options: str = "*"

    def applies(self, name: str, where: str, model: str, options: str) -> bool:
        return (fnmatchcase(name, self.test) and self.on in (where, "both") and fnmatchcase(model, self.model)
                and fnmatchcase(options, self.options))


@dataclass(frozen=True)
class Skip:
    """Tests that can't run on the bare machine, with the words in which they say why. All fields but `why` are patterns."""
    why: str
    tests: tuple[str, ...]
    model: str = "*"
    options: str = "*"
    cpu: str = "*"   # on which CPU
    cpus: str = "*"  # of how many

    def applies(self, model: str, options: str, cpus: int) -> bool:
        return fnmatchcase(model, self.model) and fnmatchcase(options, self.options) and fnmatchcase(str(cpus), self.cpus)

    def covers(self, pattern: str, result: Result) -> bool:
        return result.remark == self.why and fnmatchcase(result.cpu, self.cpu) and fnmatchcase(result.name, pattern)


@dataclass(frozen=True)
class Result:
    verdict: str
    name: str
    cpu: str
    remark: str

    def __str__(self) -> str:
        return f"{self.verdict} {self.name}@{self.cpu} {self.remark}".rstrip()


def known() -> list[Known]:
    with KNOWN.open("rb") as file:
        return [Known(**row) for row in tomllib.load(file).get("known", [])]


def skips() -> list[Skip]:
    with SKIPS.open("rb") as file:
        return [Skip(**(row | {"tests": tuple(row["tests"])})) for row in tomllib.load(file).get("skip", [])]


def results(lines: list[str]) -> list[Result]:
    return [Result(match[1], match[2], match[3], match[4].strip()) for line in lines if (match := LINE.fullmatch(line.strip()))]


def end_problems(lines: list[str], found: list[Result], cpus: int) -> list[str]:
    """Whether the guest came to its end, and no line is missing."""
    problems = [match[1] for line in lines if (match := ERROR.match(line))]
    done = next((match for line in lines if (match := DONE.match(line))), None)
    if done is None:
        return problems + ["it did not come to its end; the last line: " + next((line for line in reversed(lines) if "lhv: " in line), "none")]
    if not found:
        problems.append("no test ran")
    if int(done[1]) != cpus:
        problems.append(f"{done[1]} of {cpus} CPUs took part")
    count = {verdict: sum(result.verdict == verdict for result in found) for verdict in ("ok", "FAIL", "skip")}
    if [int(done[n]) for n in (2, 3, 4)] != list(count.values()):
        problems.append(f"its count is {done[0]}, its lines are {count}")
    return problems


def hidden_controls() -> set[str]:
    return set(HIDDEN.findall(CONTROLS.read_text()))


def skip_problems(found: list[Result], model: str, options: str, cpus: int, rows: list[Skip]) -> list[str]:
    """On the bare machine: a skip that isn't listed, and a pattern of the list (of a whole run) that stands for none. So no test goes without a word."""
    patterns = [(row, pattern) for row in rows if row.applies(model, options, cpus) for pattern in row.tests]
    skipped = [result for result in found if result.verdict == "skip"]
    problems = [f"{result}: not in {SKIPS.name}" for result in skipped if not any(row.covers(pattern, result) for row, pattern in patterns)]
    if "only=" not in options:
        problems += [f"{SKIPS.name} has {pattern} ({row.why}), but nothing is skipped so" for row, pattern in patterns
                     if not any(row.covers(pattern, result) for result in skipped)]
    return problems


def differences(bare: list[Result], found: list[Result], model: str, options: str, rows: list[Known], hidden: set[str]) -> list[str]:
    """Tests that fail on both sides for the same reason fail by the same values; what is skipped on both is skipped in the same words."""
    def remarks(of: list[Result], verdict: str) -> dict[tuple[str, str], set[str]]:
        said: dict[tuple[str, str], set[str]] = {}
        for result in of:
            if result.verdict == verdict:
                said.setdefault((result.name, result.cpu), set()).add(result.remark)
        return said

    def other(verdict: str) -> list[tuple[str, str, set[str], set[str]]]:
        before, now = remarks(bare, verdict), remarks(found, verdict)
        return [(*key, before[key], now[key]) for key in before if key in now and now[key] != before[key]]

    both = [row for row in rows if row.on == "both"]
    problems = [f"{name}@{cpu} fails by {sorted(now)}, on the bare machine by {sorted(before)}" for name, cpu, before, now in other("FAIL")
                if any(row.applies(name, BARE, model, options) for row in both)]
    problems += [f"{name}@{cpu} is skipped with {sorted(now)}, on the bare machine with {sorted(before)}" for name, cpu, before, now in other("skip")
                 if not all(remark.removeprefix("not offered: ") in hidden for remark in now)]
    return problems


def may_skip(result: Result, where: str, skipped: set[str], hidden: set[str]) -> bool:
    """`skipped`: what was skipped on the bare machine, which is its CPU's business."""
    if where == BARE or result.name in skipped or result.remark.startswith("emulator: "):
        return True
    return result.remark.removeprefix("not offered: ") in hidden


def judge(found: list[Result], where: str, model: str, options: str, rows: list[Known], skipped: set[str]) -> list[str]:
    """What isn't as it should be."""
    problems, hidden = [], hidden_controls()
    for result in found:
        row = next((row for row in rows if row.applies(result.name, where, model, options)), None)
        if row is not None and row.outcome == "FAIL" and result.verdict == "skip":
            row = None  # it wasn't tried; whether that may be is the same question as for all others
        if row is not None and result.verdict == "ok":
            problems.append(f"{result}: listed as a known failure ({row.reason}), but it passes")
        elif row is not None and result.verdict != row.outcome:
            problems.append(f"{result}: listed as {row.outcome}")
        elif row is None and (result.verdict == "FAIL" or (
                result.verdict == "skip" and not may_skip(result, where, skipped, hidden))):
            problems.append(str(result))
    return problems


def run_problems(run: Boot) -> list[str]:
    """Of one run by itself (`bulkhead run`): what it skips it may skip."""
    found, where = results(run.outcome.console), BULKHEAD if run.bulkhead else BARE
    skipped = {result.name for result in found if result.verdict == "skip"}
    return end_problems(run.outcome.console, found, run.machine.cpus) + judge(found, where, run.machine.model, run.workload.plain_options, known(), skipped)


def hidden_problems(run: Boot) -> list[str]:
    """The tests of hidden memory are about that which Bulkhead hides."""
    match = next((match for line in run.outcome.console if (match := HIDDEN_FOUND.match(line))), None)
    if match is None:
        return ["it found no hidden memory"]
    launched = run.stages.find("launched")[0].fields.get("hidden", "0-0")
    first, _, end = launched.partition("-")
    return [] if int(first, 0) <= int(match[1], 16) < int(match[2], 16) <= int(end, 0) else [f"what it takes for hidden memory is not {launched}"]


def _run(context: Context, machine: Machine, options: str, bulkhead: bool, chosen: Workload = LHV, timeout: float = TIMEOUT) -> tuple[Boot, list[Result]]:
    workload = replace(chosen, plain_options=options)
    run = boot(context.places, workload, machine, context.directory(BULKHEAD if bulkhead else BARE), timeout, bulkhead)
    found = results(run.outcome.console)
    problems = end_problems(run.outcome.console, found, machine.cpus)
    if bulkhead:
        problems += bulkhead_problems(run) + (inner_problems(run) if chosen.inner else hidden_problems(run))
    if not run.outcome.clean():
        problems.append(f"the machine did not power off by itself: {run.outcome.ending} {run.outcome.detail}".rstrip())
    if problems:
        raise Failure("\n".join(problems))
    return run, found


def _lhv(model: str, cpus: int, options: str, bulkhead: bool, context: Context, timeout: float = TIMEOUT) -> str:
    machine = Machine(cpus=cpus, model=model, ips=10_000_000)
    rows = known()
    _, bare = _run(context, machine, options, False, timeout=timeout)
    skipped = {result.name for result in bare if result.verdict == "skip"}
    problems = judge(bare, BARE, model, options, rows, skipped) + skip_problems(bare, model, options, cpus, skips())
    found = bare
    if bulkhead and not problems:
        _, found = _run(context, machine, options, True, timeout=timeout)
        missing = {(result.name, result.cpu) for result in bare} - {(result.name, result.cpu) for result in found}
        problems = judge(found, BULKHEAD, model, options, rows, skipped) + [f"{name}@{cpu} did not run" for name, cpu in sorted(missing)]
        problems += differences(bare, found, model, options, rows, hidden_controls())
    if problems:
        raise Failure("\n".join(problems[:60]))
    count = {verdict: sum(result.verdict == verdict for result in found) for verdict in ("ok", "FAIL", "skip")}
    return f"{count['ok']:,} passed, {count['FAIL']} known failures, {count['skip']} skipped"


def inner(chosen: Workload, cpus: int, options: str, at_least: int, context: Context) -> str:
    """On a Bulkhead that runs on another, or on a third. What each of them lacks is lacking there; judged as on one. `at_least` so many tests
    must pass: no run on the bare machine says what may be skipped."""
    machine = Machine(cpus=cpus)
    _, found = _run(context, machine, options, True, chosen, NIGHT_TIMEOUT)
    problems = judge(found, BULKHEAD, machine.model, options, known(), {result.name for result in found if result.verdict == "skip"})
    passed = sum(result.verdict == "ok" for result in found)
    require(passed >= at_least, f"only {passed} tests passed")
    if problems:
        raise Failure("\n".join(problems[:60]))
    return f"{passed:,} passed, {sum(result.verdict == 'FAIL' for result in found)} known failures"


def _cases(suite: str, bulkhead: bool) -> list[Case]:
    found = [Case(f"{suite}-{cpus}", partial(_lhv, SKYLAKE, cpus, "random=100" if cpus == 1 else "", bulkhead)) for cpus in (1, 2, 4)]
    found.append(Case(f"{suite}-ivy-1", partial(_lhv, IVY_BRIDGE, 1, "", bulkhead)))
    found.append(Case(f"{suite}-noept-1", partial(_lhv, SKYLAKE, 1, "noept novpid", bulkhead)))
    return found


CASES = _cases("lhv", True) + [
    Case(f"lhv-abort-{name}-2", partial(_lhv, SKYLAKE, 2, f"only=abort abort={number}", True)) for number, name in ((1, "store"), (2, "load"), (3, "pdpte"))]
BARE_CASES = _cases("lhv-bare", False)
NIGHT_CASES = [Case("lhv-long-4", partial(_lhv, SKYLAKE, 4, "iterations=3 random=400", True, timeout=NIGHT_TIMEOUT)),
               # The day's seed is 1.
               *(Case(f"lhv-fuzz-{cpus}", partial(_lhv, SKYLAKE, cpus, f"only=fuzz fuzz=1000 seed={1000 + cpus}", True, timeout=NIGHT_TIMEOUT)) for cpus in (1, 2, 4))]
