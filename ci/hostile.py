# SPDX-License-Identifier: BSD-2-Clause
"""Partitions that try what they must not, a partition that watches, and many faults: the machine and L1 go on after each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial

import lhv
from boot import Boot, boot, bulkhead_problems, problems
from case import Case, Context, Failure, require
from emulator import Machine
from memory_guard import MemoryGuard
from watch import Resets
from workload import KVM, LHV, MARKER, Workload, configuration

TIMEOUT = 240.0
# One CPU, and the model with the most features: more instructions to try.
MACHINE = Machine(cpus=1, model="corei7_skylake_x", ips=10_000_000)
PROBE = Workload("probe", next="\\EFI\\probe\\probe.efi", next_file="ci/guests/probe/probe.efi")

TRY = re.compile(r"L0 \d+ info hostile: try (hostile|pauper|thief) (\w+) (\d+) (\S+) expect=(-?\d+) text=(.*)")
END = re.compile(r"L0 \d+ info hostile: try end")
FAULT = re.compile(r"L0 \d+ error fault partition=(\S+) vector=(-?\d+) .*")
RESTART = re.compile(r"L0 \d+ warn restart partition=(\S+) ")
PARK = re.compile(r"L0 \d+ error park partition=(\S+): ")
FAULTS = -1  # attempt.h's EXPECT_FAULTS
RICH, POOR, SECRET_SEED = 1, 2, 0x9e3779b97f4a7c15  # attempt.h
# Ways to reset the machine (ci/guests/probe/reset.c).
SCRUBS = {"hostile-scrub": "port", "hostile-scrub-keyboard": "keyboard", "hostile-scrub-triple": "triple"}
SECRET_PLACES = 5  # where keep_secret leaves its secret
# How often the attempts fault that end in another way.
OTHER_FAULTS = {"call_faults_once": 1, "call_faults_twice": 2, "call_verdict": 1, "fault_twice": 2, "applied_refused_twice": 2, "never_replies_twice": 2, "fault_thrice": 3, "fault_in_init": 2}
PARKS = {"fault_thrice": "pauper", "fault_in_init": "hostile"}


@dataclass
class Attempt:
    who: str
    name: str
    parameter: str
    what: str
    expect: int
    text: str
    faults: list[re.Match[str]] = field(default_factory=list)
    restarts: int = 0
    parked: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.who} {self.name} {self.parameter}" + (f" {self.what}" if self.what != "-" else "")

    def problem(self) -> str | None:
        wanted = 1 if self.expect == FAULTS else OTHER_FAULTS.get(self.name, 0)
        if len(self.faults) != wanted:
            return f"{self}: {len(self.faults)} faults in the log, {wanted} expected"
        if self.restarts != wanted - (self.name == "fault_in_init"):
            return f"{self}: {self.restarts} restarts after {wanted} faults"
        if self.parked != ([PARKS[self.name]] if self.name in PARKS else []):
            return f"{self}: parked {self.parked}"
        alternatives = [text for text in self.text.split("|") if text]
        for fault in self.faults:
            if alternatives and not any(re.search(re.escape(text) + r"(?!\d)", fault[0]) for text in alternatives):
                return f"{self}: {fault[0]}, expected {self.text}"
        return None


def attempts(log: list[str]) -> list[Attempt]:
    """What was tried, each with the lines of the log that follow it."""
    found: list[Attempt] = []
    for line in log:
        if match := TRY.fullmatch(line.strip()):
            found.append(Attempt(match[1], match[2], match[3], match[4], int(match[5]), match[6]))
        elif found and (match := FAULT.match(line)):
            found[-1].faults.append(match)
        elif found and RESTART.match(line):
            found[-1].restarts += 1
        elif found and (match := PARK.match(line)):
            found[-1].parked.append(match[1])
    return found


def _probe(context: Context, workload: Workload, guard: MemoryGuard | None = None) -> Boot:
    run = boot(context.places, workload, MACHINE, context.directory(), TIMEOUT, stages=guard)
    lines = [line for line in run.outcome.console if line.startswith("probe ")]
    found = [line for line in lines if "WRONG" in line or line.startswith("probe and")]
    if "probe done" not in lines:
        found.append(f"the probe did not end well ({run.outcome.ending})")
    expected = re.compile(r"partition \S+ (faulted|was not restarted)")
    found += [line for line in bulkhead_problems(run) if not expected.match(line)]
    found += [line.strip() for line in run.outcome.log if " panic" in line]
    if not run.outcome.clean():
        found.append(f"the machine did not power off by itself: {run.outcome.ending} {run.outcome.detail}".rstrip())
    if guard:
        found += guard.verdict()
    if found:
        raise Failure("\n".join(found[:40]))
    return run


def _guard(context: Context, workload: Workload, busy: set[str]) -> MemoryGuard:
    """All partitions' memory is compared, but for what those that are `busy` may write."""
    return MemoryGuard(context.places, MACHINE, workload.partitions, set(workload.partitions) - busy)


def _hostile(context: Context) -> str:
    workload = replace(PROBE, partitions=("hostile", "pauper", "hello", "ept"), plain_options="hostile watched")
    guard = _guard(context, workload, {"hostile", "pauper"})
    run = _probe(context, workload, guard)
    tried = attempts(run.outcome.log)
    if wrong := [problem for attempt in tried if (problem := attempt.problem())]:
        raise Failure("\n".join(wrong[:40]))
    require(len({attempt.name for attempt in tried}) > 80, "attempts are missing in the log")
    forged = [line for line in run.outcome.log if "partition=nobody" in line and "hostile: forged" not in line]
    require(not forged, "a partition wrote a line of the log that is not its own")
    return f"{len(tried):,} attempts, {sum(len(attempt.faults) for attempt in tried):,} faults, {guard.count():,} pages as before"


def _theft(context: Context) -> str:
    """A partition that may take L1's pages, as trustvisor may, gets none but those, and nothing of an L2's."""
    workload = replace(PROBE, partitions=("hostile", "thief", "ept"), plain_options="pages watched")
    guard = _guard(context, workload, {"hostile", "thief"})
    run = _probe(context, workload, guard)
    tried = attempts(run.outcome.log)
    if wrong := [problem for attempt in tried if (problem := attempt.problem())]:
        raise Failure("\n".join(wrong[:40]))
    require(len({attempt.name for attempt in tried if attempt.who == "thief"}) > 15, "attempts are missing in the log")
    return f"{len(tried):,} attempts, {sum(len(attempt.faults) for attempt in tried):,} faults, {guard.count():,} pages as before"


def _crashes(kind: str, context: Context) -> str:
    """Faults at every instruction of hello's messages: each message is answered all the same, and L1's memory and
    other partitions' stay as they were."""
    messages, faults = 32_000, 1000
    workload = replace(PROBE, partitions=("hello", "hostile", "pauper", "ept"), plain_options=f"crashes {messages} watched",
                       inject=f"hello 10 {kind} 1 {faults}")
    guard = _guard(context, workload, {"hello"})
    run = _probe(context, workload, guard)
    injected = [line for line in run.outcome.log if re.match(r"L0 \d+ warn inject partition=hello ", line)]
    found = [match for line in run.outcome.log if (match := FAULT.match(line))]
    require(all(match[1] == "hello" for match in found), "another partition faulted")
    require(len(injected) == faults, f"{len(injected)} of {faults} faults were injected")
    require(len(found) == faults, f"{len(found)} of {faults} injected faults happened")
    require(sum(RESTART.match(line) is not None for line in run.outcome.log) == faults, "not one restart for each fault")
    return f"{faults:,} faults in {messages:,} messages, {guard.count():,} pages as before"


def _crashes_kvm(partition: str, context: Context) -> str:
    """Faults while 4 CPUs are in the partition: its messages on the others end in their midst, too. L2's results must be right."""
    run = boot(context.places, replace(KVM, vcpus=4, inject=f"{partition} 300 ud 1 400"), Machine(cpus=4), context.directory(), TIMEOUT)
    if found := problems(run):
        raise Failure("\n".join(found))
    faults = sum(FAULT.match(line) is not None for line in run.outcome.log)
    require(faults > 50, f"only {faults} faults")
    return f"{faults} faults; L2's results are right"


def _silence(cpus: int, context: Context) -> str:
    """A partition that never replies is stopped by another CPU, or on a single one by the NMI of a performance counter, restarted, and its message tried again."""
    workload = replace(PROBE, partitions=("hostile", "pauper"), plain_options="silence")
    conf = configuration(workload, ("watchdog = 4",)).encode()
    run = boot(context.places, workload, replace(MACHINE, cpus=cpus, counts=cpus == 1), context.directory(), TIMEOUT,
               files={"EFI/bulkhead/bulkhead.conf": conf})
    lines = [line for line in run.outcome.console if line.startswith("probe ")]
    if found := [line for line in lines if "WRONG" in line or line.startswith("probe and")]:
        raise Failure("\n".join(found))
    require("probe done" in lines, f"the probe did not end well ({run.outcome.ending})")
    tried = attempts(run.outcome.log)
    if wrong := [problem for attempt in tried if (problem := attempt.problem())]:
        raise Failure("\n".join(wrong))
    require(len(tried) == 6, f"{len(tried)} attempts, expected 6")
    counter = [line for line in run.outcome.console if line.startswith("bulkhead: running on ") and line.endswith(", a counter as watchdog")]
    require(len(counter) == (cpus == 1), f"the loader's line is {counter}")
    ticks = sum(row.count for row in run.summary().exits if row.reason == "PREEMPTION_TIMER")
    return f"{sum(len(attempt.faults) for attempt in tried)} messages ended, {ticks} ticks"


def _secret(who: int) -> bytes:
    return (SECRET_SEED * (2 + who) % (1 << 64)).to_bytes(8, "little")


def _scrub(how: str, context: Context) -> str:
    """What has the right to keep secrets is scrubbed before a reset. What hasn't shows that a reset alone leaves memory as it is."""
    resets = Resets(MACHINE, context.directory() / "esp.img", {who: _secret(who) for who in (RICH, POOR)})
    workload = replace(PROBE, partitions=("hostile", "pauper"), plain_options=f"reset watched {how}")
    run = boot(context.places, workload, MACHINE, context.directory(), TIMEOUT, stages=resets)
    require(bool(resets.before), "the partitions do not keep their secrets")
    require(bool(resets.after), "the machine did not start anew")
    before, after = ({who: len(found) for who, found in places.items()} for places in (resets.before, resets.after))
    require(min(before.values()) >= SECRET_PLACES, f"{before} places with a secret, {SECRET_PLACES} at least expected")
    require(any("scrub partition=hostile" in line for line in run.outcome.log), "no line says that hostile's memory was scrubbed")
    require(after[RICH] == 0, f"{after[RICH]} of {before[RICH]} places still hold hostile's secret after the reset")
    require(after[POOR] > 0, "pauper's secret is gone as well: this reset shows nothing")
    return f"{before[RICH]} places with a secret before, none after; without the right {before[POOR]} and {after[POOR]}"


def _self_call(context: Context) -> str:
    """A partition that could call itself isn't loaded: Bulkhead refuses, the next image starts without it."""
    line = "it calls a partition that isn't loaded, or itself"
    run = boot(context.places, replace(MARKER, partitions=("narcissus",)), MACHINE, context.directory(), TIMEOUT)
    require(any(line in text for text in run.outcome.log + run.outcome.console), f"no line says: {line}")
    require(not run.stages.find("launched"), "Bulkhead launched")
    require(any("marker: started" in text for text in run.outcome.console), "the next image was not started")
    return ""


def _observe(context: Context) -> str:
    _probe(context, replace(PROBE, partitions=("observe",), plain_options="observe"))
    return ""


def _observe_kvm(context: Context) -> str:
    """All that a KVM guest causes is counted."""
    workload = replace(KVM, partitions=("nestvmx", "ept", "observe"))
    run = boot(context.places, workload, Machine(cpus=2), context.directory(), TIMEOUT)
    if found := problems(run):
        raise Failure("\n".join(found))
    costs = run.summary()
    exits = costs.exit_count("L1") + costs.exit_count("L2")
    messages = costs.message_count("observe")
    # NMIs of shoot-downs and the kernel's own steps are nobody's events.
    require(0.95 * exits < messages <= exits + 1, f"{messages} of {exits} exits were shown")
    return f"{messages:,} of {exits:,} exits"


def _observe_lhv(context: Context) -> str:
    """L2's exits that L1 gets, those that L0 resolves, and L1's entries, each by its reason (ci/guests/lhv/observe.c)."""
    chosen = replace(LHV, name="lhv-observe", partitions=("nestvmx", "ept", "observe"), plain_options="only=observe")
    run = boot(context.places, chosen, MACHINE, context.directory(), TIMEOUT)
    found = lhv.results(run.outcome.console)
    if wrong := bulkhead_problems(run) + lhv.end_problems(run.outcome.console, found, 1) + [str(result) for result in found if result.verdict != "ok"]:
        raise Failure("\n".join(wrong))
    return f"{len(found)} tests passed"


CASES = [Case("hostile-attempts", _hostile), Case("hostile-theft", _theft), *(Case(name, partial(_scrub, how)) for name, how in SCRUBS.items()), Case("hostile-silence", partial(_silence, 2)), Case("hostile-silence-1", partial(_silence, 1)), Case("hostile-self-call", _self_call)] + [Case(f"hostile-crashes-{kind}", partial(_crashes, kind)) for kind in ("ud", "pf")]
CASES += [Case(f"hostile-crashes-{partition}-4", partial(_crashes_kvm, partition)) for partition in ("nestvmx", "ept")]
OBSERVE_CASES = [Case("observe-counters", _observe), Case("observe-kvm", _observe_kvm), Case("observe-lhv", _observe_lhv)]
