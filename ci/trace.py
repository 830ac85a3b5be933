# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead trace`: boots a workload and shows every VM exit, message to a partition and fault of one as it comes, read from the emulator's memory: the guest's
time stands still meanwhile."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO

import emulator
import records
import run as run_command
import workload
from boot import Boot, Places, boot, problems
from emulator import Machine
from records import Event, Layout
from tracer import Traced, Tracer


@dataclass(frozen=True)
class Filter:
    """What is to be shown; None: everything."""
    cpus: frozenset[int] | None = None
    levels: frozenset[str] | None = None
    reasons: frozenset[str] | None = None
    partitions: frozenset[str] | None = None

    def wants(self, event: Event) -> bool:
        return ((self.cpus is None or event.cpu in self.cpus) and (self.levels is None or event.level in self.levels)
                and (self.reasons is None or event.reason in self.reasons) and (self.partitions is None or event.partition in self.partitions))


def text(event: Event) -> str:
    """One line; what isn't known of an event isn't in it."""
    line = f"{event.tsc:14} cpu{event.cpu} {event.level:3} {event.kind:7} {event.reason}{' (failed entry)' if event.failed else ''} rip={event.rip:#x}"
    if event.qualification:
        line += f" qualification={event.qualification:#x}"
    if event.partition:
        line += f" partition={event.partition}" + (f" status={event.status}" if event.status != "done" else "")
    return line


def as_json(event: Event) -> str:
    return json.dumps(asdict(event) | {"rip": hex(event.rip), "qualification": hex(event.qualification)})


class Output:
    """Writes what the filter wants; counts all."""

    def __init__(self, out: TextIO, wanted: Filter, form: Callable[[Event], str]):
        self.out, self.wanted, self.form = out, wanted, form
        self.events = self.shown = 0

    def give(self, events: list[Event]) -> None:
        self.events += len(events)
        lines = [self.form(event) + "\n" for event in events if self.wanted.wants(event)]
        self.shown += len(lines)
        self.out.write("".join(lines))


def traced_boot(places: Places, chosen: workload.Workload, machine: Machine, directory: Path, timeout: float, give: Callable[[list[Event]], None],
                say: Callable[[str], None] | None = None) -> tuple[Boot, Tracer]:
    machine = replace(machine, watched=True)
    tracer = Tracer(machine, directory, records.layout(places.build), give)
    try:
        result = boot(places, chosen, machine, directory, timeout, stages=Traced(tracer, say))
    finally:
        tracer.join()
    return result, tracer


def _names(value: str | None, known: list[str] | tuple[str, ...], what: str) -> frozenset[str] | None:
    if value is None:
        return None
    names = frozenset(value.split(","))
    if unknown := sorted(names - set(known)):
        raise SystemExit(f"bulkhead: no {what} {', '.join(unknown)}; there are {', '.join(name for name in known if not name.isdigit())}")
    return names


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bulkhead trace", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--workload", choices=sorted(workload.BY_NAME), default="kvm", help="default kvm")
    parser.add_argument("--cpus", type=int, default=1, choices=range(1, 9), metavar="N", help="of the machine: 1 to 8, default 1")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="S", help="seconds; default 600")
    parser.add_argument("--emulator", choices=("bochs", "kvm"), default="bochs")
    parser.add_argument("--cpu", metavar="A,B", help="show events of these CPUs only")
    parser.add_argument("--level", metavar="A,B", help=f"of these levels only: {', '.join(records.LEVELS)}")
    parser.add_argument("--reason", metavar="A,B", help="of these exit reasons only, as CPUID")
    parser.add_argument("--partition", metavar="A,B", help="of these partitions only: exits that became messages to them, further messages, faults")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there")
    return parser.parse_args()


def chosen_filter(options: argparse.Namespace, form: Layout, partitions: tuple[str, ...]) -> Filter:
    cpus = _names(options.cpu, [str(cpu) for cpu in range(options.cpus)], "CPU")
    return Filter(None if cpus is None else frozenset(map(int, cpus)), _names(options.level, records.LEVELS, "level"),
                  _names(options.reason, form.reasons, "exit reason"), _names(options.partition, partitions, "partition"))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    options = arguments()
    build = options.build.resolve()
    if options.emulator == "kvm":
        run_command.choose_emulator("kvm")
    chosen = workload.for_cpus(workload.BY_NAME[options.workload], options.cpus)
    wanted = chosen_filter(options, records.layout(build), chosen.partitions)
    machine = Machine(cpus=options.cpus, model=emulator.MODELS[options.emulator], emulator=options.emulator)
    directory = build / "run" / f"trace-{chosen.name}-{options.cpus}"
    with (options.output.open("w") if options.output else sys.stdout) as out:
        output = Output(out, wanted, as_json if options.json else text)
        result, tracer = traced_boot(Places(build, build), chosen, machine, directory, options.timeout, output.give, say)
    found = ([tracer.problem] if tracer.problem else []) + problems(result)
    if not tracer.rings:
        found.append("no event was traced")
    say(f"{output.events:,} events, {output.shown:,} of them shown; {tracer.lost:,} lost: a CPU's ring was full before it was read")
    for problem in found:
        say(f"FAILED: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(1)
