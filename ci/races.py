# SPDX-License-Identifier: BSD-2-Clause
"""A partition's reply is rewritten by another CPU while the kernel decodes it (partitions/hostile/race.def): what the kernel acts on is what
it has checked. Seen by the partition in its VMCSs, by the guest in its registers, and from outside in memory and in the tree of EPT02."""

from __future__ import annotations

import re
import struct
import tomllib
from dataclasses import replace
from pathlib import Path

from boot import Places, boot, bulkhead_problems
from case import Case, Context, Failure, require
from emulator import Machine
from hostile import PROBE, attempts
from memory_guard import MemoryGuard
from ram import PAGE, Ram
from source_copy import Edit, built_copy

TIMEOUT = 240.0
TIMES, MUTATED_TIMES = 12, 48  # a second read goes wrong in one try of some ten
# CPUs take turns as often as the emulator can.
MACHINE = Machine(cpus=2, model="corei7_skylake_x", ips=10_000_000, quantum=1)
WORKLOAD = replace(PROBE, partitions=("hostile", "pauper", "hello", "ept"))

TREE = re.compile(r"probe finds tree (\d+): (0x[0-9a-f]+)\s*")
RACED = re.compile(r"probe raced (\w+) (\d+): (0x[0-9a-f]+)\s*")
EPT_RIGHTS, EPT_LARGE, EPT_ADDRESS = 7, 0x80, 0x000f_ffff_ffff_f000
MASKED = {"control", "groups", "in_bank", "target"}  # the kernel says nothing about the second value


def leaves(ram: Ram, table: int, level: int = 4) -> list[tuple[int, int]]:
    """Frames and rights of a tree of EPT."""
    found = []
    for entry in struct.unpack("<512Q", ram.read(table, PAGE)):
        if entry & EPT_RIGHTS and (level == 1 or entry & EPT_LARGE):
            found.append((entry & EPT_ADDRESS, entry & EPT_RIGHTS))
        elif entry & EPT_RIGHTS:
            found += leaves(ram, entry & EPT_ADDRESS, level - 1)
    return found


class _Guard(MemoryGuard):
    """Looks into the last race's tree, too."""
    tree = ""

    def line(self, source: str, line: str, seconds: float) -> None:
        if source == "com1" and (match := TREE.fullmatch(line)):
            self.tree = line
        super().line(source, line, seconds)

    def _look(self, name: str, ram: Ram) -> None:
        super()._look(name, ram)
        if name == "after" and self.after:
            self.problems += self._tree_problems(ram)

    def _tree_problems(self, ram: Ram) -> list[str]:
        match = TREE.fullmatch(self.tree)
        if not match or not int(match[2], 16):
            return ["the probe does not say where the tree is"]
        assert self.after
        asked, found = int(match[1]), leaves(ram, int(match[2], 16) & EPT_ADDRESS)
        guarded = {page.address for page in self.after.hidden.pages}
        inside = [frame for frame, _ in found if frame in self._hidden()]
        if not inside or len(inside) == len(found):
            return [f"{len(inside)} of {len(found)} leaves of the tree show hidden memory's decoy: both kinds were expected"]
        return [f"a leaf maps {frame:#x} with rights {rights}" for frame, rights in found
                if frame == asked or frame in guarded or not rights & 1]


def race(context: Context, places: Places, times: int, part: str = "") -> tuple[list[str], str]:
    """What was wrong, and what was done. Each value is read so many times, at least."""
    guard = _Guard(places, MACHINE, WORKLOAD.partitions, set(WORKLOAD.partitions) - {"hostile"})
    run = boot(places, replace(WORKLOAD, plain_options=f"twice {times} watched"), MACHINE, context.directory(part), TIMEOUT, stages=guard)
    console = run.outcome.console
    found = [line for line in console if line.startswith("probe ") and ("WRONG" in line or line.startswith("probe and"))]
    found += [line.strip() for line in run.outcome.log if " panic" in line]
    if not any(line.startswith("probe done") for line in console):
        found.append(f"the probe did not end well ({run.outcome.ending} {run.outcome.detail})")
    expected = re.compile(r"partition hostile (faulted|was not restarted)")
    found += [line for line in bulkhead_problems(run) if not expected.match(line)]
    tried = [attempt for attempt in attempts(run.outcome.log) if attempt.name == "race"]
    for attempt in tried:
        found += [f"race {attempt.what}: {fault[0]}" for fault in attempt.faults if not attempt.text or attempt.text not in fault[0]]
    counts = {match[1]: (int(match[2]), int(match[3], 16)) for line in console if (match := RACED.fullmatch(line))}
    found += [f"race {name}: the kernel read {first} times the first value, {second} times the second: one-sided"
              for name, (first, second) in counts.items() if not first or (not second and name not in MASKED)]
    found += guard.verdict()
    faults = sum(len(attempt.faults) for attempt in tried)
    return found, f"{len(counts)} races, {sum(map(sum, counts.values())):,} replies, {faults:,} faults, {guard.count():,} pages as before"


MUTATIONS = Path(__file__).parent / "races_mutations.toml"


def _mutated(places: Places, mutation: dict[str, str]) -> Places:
    """Bulkhead from a copy of the sources with that change."""
    return built_copy(places, "races", [Edit(mutation["file"], mutation["from"], mutation["to"])], WORKLOAD.partitions)


def _mutations(context: Context) -> str:
    """The races are lost where the kernel reads twice."""
    mutations = tomllib.loads(MUTATIONS.read_text())["mutation"]
    for number, mutation in enumerate(mutations):
        found, _ = race(context, _mutated(context.places, mutation), MUTATED_TIMES, str(number))
        require(found, f"not noticed: {mutation['what']}")
    return f"{len(mutations)} mutations found"


def _races(context: Context) -> str:
    found, remark = race(context, context.places, TIMES)
    if found:
        raise Failure("\n".join(found[:40]))
    return remark


CASES = [Case("hostile-races", _races)]
MUTATION_CASES = [Case("races-mutations", _mutations)]
