# SPDX-License-Identifier: BSD-2-Clause
"""Thousands of faults in nestvmx, ept and trustvisor at the same time, at instructions in no order, while KVM runs two L2s and PALs work: each costs a restart. Where a
message fails twice its owner pays: an L2 ends, or a PAL. Nobody else does, and what a PAL keeps is seen from outside in its own memory alone."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from math import gcd

import caps
from boot import boot, problems
from case import Case, Context, Failure, require
from containment import vm_end
from emulator import Machine
from pal_suite import FACTOR, PAGE_WORDS
from memory_hash import Hidden, space_pages, spaces
from ram import PAGE, Ram, find_all
from watch import Watch
from workload import LINUX, Workload

PARTITIONS = ("trustvisor", "nestvmx", "ept")
ANY = 1_000_000      # more than there are messages
SPAN = {"trustvisor": 3000, "nestvmx": 1500, "ept": 1250}  # nearly all of their messages have fewer instructions
FIRST = {"trustvisor": 10, "nestvmx": 300, "ept": 100}     # behind what comes before the first L2 and the first PAL
TWICE = "ud-twice"
REFUSED = "refused"
# CAVEATS: Linux gave a program a page that a VMCS02 still names as an L2's APIC page.
PINNED = "not registered: another CPU holds the object"
PAL_ENDED = "0xdead0002"  # guests/pal_demo/pal_functions.h: PAL_NOT_ISOLATED


@dataclass(frozen=True)
class Campaign:
    name: str
    kinds: dict[str, str]     # of faults, in each partition
    spacing: dict[str, int]   # messages between them
    vms: int                  # one after the other, two at a time
    least: int                # faults that happen
    seed: int
    cpus: int = 2
    model: str = "broadwell_ult"
    timeout: float = 240.0

    def inject(self) -> str:
        chance = random.Random(self.seed)
        each = []
        for partition in PARTITIONS:
            span = SPAN[partition]
            stride = chance.choice([n for n in range(span // 4, span) if gcd(n, span) == 1])
            each.append(f"{partition} {FIRST[partition]} {self.kinds[partition]} 1 {ANY} {span} {self.spacing[partition]} {stride}")
        return ", ".join(each)

    def workload(self) -> Workload:
        return replace(LINUX, name="campaign", partitions=PARTITIONS, tests=("campaign", "self"),
                       settings=(("vms", self.vms), ("iterations", ITERATIONS), ("memory_percent", 60)), inject=self.inject())

    def twice(self) -> bool:
        return TWICE in self.kinds.values()


ITERATIONS = 2
LEAST_SHARE = 10  # of the faults, in each partition: one of so many
LOOKS = 12
KEPT = re.compile(r"keeper: seed (0x[0-9a-f]{16}) page (0x[0-9a-f]{16})")


class _Looker(Watch):
    """Looks through all of RAM a few times, between one restart of a partition and another. A PAL's secret may be in its page, and in hidden memory where the kernel
    and trustvisor keep its registers; not in L1's memory, which is also the L2s', nor in another partition's."""

    def __init__(self, machine: Machine, every: int) -> None:
        super().__init__(machine, lambda name, ram: None)
        self.every, self.restarts, self.looks = every, 0, 0
        self.kept: dict[int, set[int]] = {}  # pages of each secret's PAL
        self.seen: Counter[int] = Counter()  # words of a secret in its page, in all looks
        self.constants = caps.constants("layout", "cap")
        self.foreign: list[str] = []
        self.partitions: set[str] = set()  # whose pages were looked into
        self.hidden: Counter[int] = Counter()

    def line(self, source: str, line: str, seconds: float) -> None:
        super().line(source, line, seconds)
        if source == "com1" and (match := KEPT.search(line)):
            self.kept.setdefault(int(match[1], 16), set()).add(int(match[2], 16))
        if source == "e9" and " restart partition=" in line:
            self.restarts += 1

    def over(self, seconds: float) -> bool:
        if self.kept and self.process and self.looks < LOOKS and self.restarts >= self.every * (self.looks + 1):
            self.looks += 1
            with self.memory() as ram:
                self._look_for_secrets(ram)
        return super().over(seconds)

    def _look_for_secrets(self, ram: Ram) -> None:
        first, _, end = self.find("launched")[0].fields["hidden"].partition("-")
        hidden = Hidden(ram, range(int(first, 0), int(end, 0)))
        others = {page.address: page.name for space in spaces(hidden, self.constants).values() if space.name != PARTITIONS[0]
                  for page in space_pages(hidden, space, self.constants, True)}
        self.partitions |= {name.split(":")[0] for name in others.values()}
        for seed, pages in self.kept.items():
            secret = (FACTOR * seed % (1 << 64)).to_bytes(8, "little")
            for at in find_all(ram, secret):
                page = at // PAGE * PAGE
                if page in pages:
                    self.seen[seed] += 1
                elif at in hidden.within and page not in others:
                    self.hidden[seed] += 1
                else:
                    self.foreign.append(f"look {self.looks}: the secret of PAL {seed} is at {at:#x}, {others.get(page, 'memory of L1')}")


FAULT = re.compile(r"L0 (\d+) error fault partition=(\S+) vector=\S+ .* sequence=(\d+) kind=(\w+) reason=(\S+) attempt=(\d+) ")


@dataclass(frozen=True)
class Outcome:
    """Of the faults in one partition, by the reason of the exit (of a call: CALL)."""
    faults: Counter[str]
    twice: Counter[str]  # messages that failed again


def outcomes(log: list[str]) -> dict[str, Outcome]:
    found = {partition: Outcome(Counter(), Counter()) for partition in PARTITIONS}
    last: dict[tuple[str, str], tuple[int, str]] = {}  # sequence and attempt of the last fault, of CPU and partition
    for line in log:
        if not (match := FAULT.match(line)):
            continue
        cpu, partition, sequence, kind, reason, attempt = match.groups()
        outcome = found[partition]
        reason = kind if reason == "-" else reason
        outcome.faults[reason] += 1
        before = last.get((cpu, partition), (-ANY, "-"))
        # Between the two attempts the partition may have got MSG_INIT.
        if attempt == "1" and before[1] == "0" and int(sequence) - before[0] <= 2:
            outcome.twice[reason] += 1
        last[cpu, partition] = (int(sequence), attempt)
    return found


# L1's instructions: they end by VMfail where their message fails twice, and so may the L2 that they were for; those that invalidate do it.
INSTRUCTIONS = {"VMCLEAR", "VMPTRLD", "VMREAD", "VMWRITE", "VMLAUNCH", "VMRESUME"}
HARMLESS = {"INVEPT", "INVVPID"}


def _sections(console: list[str]) -> dict[str, tuple[list[str], int]]:
    """What each virtual machine and each program said, and its status."""
    text = "\n".join(console)
    return {name: (said.splitlines(), int(status))
            for name, said, status in re.findall(r"^bh: (\S+-\d+|vm-\S+) begin\n(.*?)^bh: \1 end status=(\d+)$", text, re.MULTILINE | re.DOTALL)}


def machine_ends(console: list[str]) -> Counter[str]:
    """How the virtual machines ended. One that doesn't complain must have the right results."""
    found: Counter[str] = Counter()
    for name, (lines, status) in _sections(console).items():
        if not name.startswith("vm-"):
            continue
        found[vm_end(name, lines, status, ITERATIONS)] += 1
    return found


def pal_ends(console: list[str]) -> Counter[str]:
    """How the programs with PALs ended: well; without the PAL, which has ended; or with something wrong."""
    good = sum(int(match[1]) for line in console if (match := re.match(r"bh: (?:keeper|args64|args32) good=(\d+)", line)))
    found = Counter({"passed": good})
    for name, (lines, status) in _sections(console).items():
        if name.startswith("vm-"):
            continue
        said = " / ".join(lines)
        if status == 139:
            found["killed"] += 1  # #GP in a call or a hypercall
        elif re.search(r"fail: registration: 0x4|no PAL: trustvisor refuses", said):
            found[REFUSED] += 1
        elif PAL_ENDED in said or "registration" in said:
            found["PAL ended"] += 1
        else:
            raise Failure(f"program {name} ended with status {status}: {said}")
    return found


def table(campaign: Campaign, found: dict[str, Outcome], machines: Counter[str], pals: Counter[str]) -> list[str]:
    lines = [f"{'partition':12} {'kind':10} {'faults':>7} {'failed twice':>13}"]
    lines += [f"{partition:12} {campaign.kinds[partition]:10} {outcome.faults.total():7,} {outcome.twice.total():13,}" for partition, outcome in found.items()]
    for what, ends in (("virtual machines", machines), ("programs with PALs", pals)):
        lines.append(f"{what}: " + ", ".join(f"{count:,} {end}" for end, count in ends.most_common()))
    for partition, outcome in found.items():
        lines.append(f"{partition} at: " + ", ".join(f"{reason} {count:,}" for reason, count in outcome.faults.most_common()))
        if outcome.twice:
            lines.append(f"{partition} twice at: " + ", ".join(f"{reason} {count:,}" for reason, count in outcome.twice.most_common()))
    return lines


def unpaid(found: dict[str, Outcome], machines: Counter[str], pals: Counter[str], pinned: int) -> list[str]:
    """What was lost without a message that failed twice. By triple faults L2s pay for their own exits; otherwise, for their hypervisor's instructions."""
    twice = found["nestvmx"].twice + found["ept"].twice
    l2s = sum(count for reason, count in twice.items() if reason not in INSTRUCTIONS | HARMLESS)
    l1s = sum(count for reason, count in twice.items() if reason in INSTRUCTIONS)
    triple = machines["triple-fault"]
    other = machines.total() - machines["passed"] - triple
    lost = pals.total() - pals["passed"] - pals[REFUSED]
    said = []
    if triple > l2s:
        said.append(f"{triple} virtual machines ended by a triple fault, {l2s} messages of L2s failed twice")
    if other > l1s + l2s:
        said.append(f"{other} virtual machines ended otherwise, {l1s + l2s} messages failed twice")
    if lost > found["trustvisor"].twice.total():
        said.append(f"{lost} programs lost a PAL, {found['trustvisor'].twice.total()} messages failed twice")
    if pals[REFUSED] > pinned:
        said.append(f"{pals[REFUSED]} programs were refused a PAL, {pinned} of them for a page that still was an L2's")
    return said


def spared(campaign: Campaign, found: dict[str, Outcome]) -> list[str]:
    """Partitions of whose messages hardly one had a fault: those of the others don't speak for them."""
    least = campaign.least // LEAST_SHARE
    return [f"only {outcome.faults.total()} faults happened in {name}" for name, outcome in found.items() if outcome.faults.total() < least]


def _campaign(campaign: Campaign, context: Context) -> str:
    machine = Machine(cpus=campaign.cpus, model=campaign.model)
    looker = _Looker(machine, campaign.least // LOOKS // campaign.cpus)
    run = boot(context.places, campaign.workload(), machine, context.directory(), campaign.timeout, stages=looker)
    found, machines, pals = outcomes(run.outcome.log), machine_ends(run.outcome.console), pal_ends(run.outcome.console)
    told = table(campaign, found, machines, pals)
    told.append(f"{looker.looks} looks at all of RAM: {sum(looker.seen.values()):,} words of secrets in their PALs' pages, {sum(looker.hidden.values()):,} in registers that "
                f"the kernel and trustvisor keep, {len(looker.foreign)} elsewhere")
    (context.directory() / "table.txt").write_text("\n".join(told) + "\n")
    pinned = sum(PINNED in line for line in run.outcome.log)
    wrong = problems(run) + looker.foreign + unpaid(found, machines, pals, pinned) + [line for line in run.outcome.console if re.search(r"\b(BUG|Oops):", line)]
    if machines.total() != 2 * campaign.vms:
        wrong.append(f"{machines.total()} of {2 * campaign.vms} virtual machines ended")
    faults = sum(outcome.faults.total() for outcome in found.values())
    if faults < campaign.least:
        wrong.append(f"only {faults} faults happened")
    wrong += spared(campaign, found)
    if not pals["passed"] or not machines["passed"]:
        wrong.append("no PAL or no virtual machine ended well")
    if not looker.looks or max(looker.seen.values(), default=0) < PAGE_WORDS - 1:  # a word may be at work
        wrong.append(f"in {looker.looks} looks at memory no secret was seen in its PAL's page")
    if missing := [name for name in PARTITIONS[1:] if f"partition {name}" not in looker.partitions]:
        wrong.append(f"the pages of {missing} were not found")
    if campaign.twice() and not sum(outcome.twice.total() for outcome in found.values()):
        wrong.append("no message failed twice")
    if wrong:
        raise Failure("\n".join(wrong[:40] + told))
    return f"{faults:,} faults; {machines.total()} virtual machines, {pals.total()} programs with PALs: " \
        f"{machines.total() - machines['passed']} and {pals.total() - pals['passed'] - pals[REFUSED]} ended by messages that failed twice, {pals[REFUSED]} refused; " \
        f"{looker.looks} looks"


def _kinds(trustvisor: str, nestvmx: str, ept: str) -> dict[str, str]:
    return {"trustvisor": trustvisor, "nestvmx": nestvmx, "ept": ept}


def _spacing(trustvisor: int, nestvmx: int, ept: int) -> dict[str, int]:
    return {"trustvisor": trustvisor, "nestvmx": nestvmx, "ept": ept}


NIGHT = 1200.0
CASES = [Case("campaign-short", partial(_campaign, Campaign("short", _kinds("ud", "pf", "ud"), _spacing(7, 29, 17), 1, 200, 1)))]
# Together more than 10,000.
OFTEN = _spacing(5, 13, 13)
NIGHT_CASES = [Case(f"campaign-{plan.name}", partial(_campaign, plan)) for plan in (
    Campaign("ud", _kinds("ud", "ud", "ud"), OFTEN, 5, 3000, 2, timeout=NIGHT),
    Campaign("pf", _kinds("pf", "pf", "pf"), OFTEN, 5, 3000, 3, timeout=NIGHT),
    Campaign("mixed", _kinds("ud", "bad-reply", "pf"), OFTEN, 5, 3500, 4, timeout=NIGHT),
    Campaign("mixed-4", _kinds("bad-reply", "pf", "bad-reply"), OFTEN, 5, 3500, 5, cpus=4, timeout=NIGHT),
    Campaign("twice", _kinds(TWICE, TWICE, TWICE), _spacing(97, 2003, 997), 10, 40, 6, timeout=NIGHT))]
