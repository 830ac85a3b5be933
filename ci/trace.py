# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead trace`: boots a workload and shows every VM exit, message to a partition and fault of one as it comes, read from the emulator's memory: the guest's
time stands still meanwhile."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import emulator
import perfetto
import records
import run as run_command
import timeline
import workload
from boot import Boot, Places, boot, problems
from costs import Costs
from emulator import Machine
from records import Event, Layout
from spans import Span, Spans
from trace_text import as_json, from_json, text
from tracer import Traced, Tracer


CPU_MAX = 64


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


class Lines:
    """Writes what the filter wants as it comes, a line each."""

    def __init__(self, out: TextIO, wanted: Filter, form: Callable[[Event], str]):
        self.out, self.wanted, self.form = out, wanted, form
        self.events = self.shown = 0

    def give(self, events: list[Event]) -> None:
        self.events += len(events)
        lines = [self.form(event) + "\n" for event in events if self.wanted.wants(event)]
        self.shown += len(lines)
        self.out.write("".join(lines))

    def end(self, title: str, lost: int) -> None:
        pass


class Picture:
    """Collects what the filter wants, and writes it at the end: for Perfetto, or as a timeline."""

    def __init__(self, out: TextIO, wanted: Filter, form: str, last: int = timeline.LAST):
        self.out, self.wanted, self.form, self.last = out, wanted, form, last
        self.spans, self.costs, self.found = Spans(), Costs(), list[Span]()
        self.events = self.shown = 0

    def _take(self, spans: list[Span]) -> None:
        """A level that ran is shown whatever was wanted of the events, if its CPU is."""
        self.found += [span for span in spans if (self.wanted.wants(span.event) if span.event else self.wanted.cpus is None or span.cpu in self.wanted.cpus)]

    def give(self, events: list[Event]) -> None:
        self.events += len(events)
        wanted = [event for event in events if self.wanted.wants(event)]
        self.shown += len(wanted)
        self.costs.give(wanted)
        self._take(self.spans.give(events))

    def end(self, title: str, lost: int) -> None:
        self._take(self.spans.rest())
        if self.form == "perfetto":
            perfetto.write(self.out, self.found)
        else:
            timeline.write(self.out, title, self.found, self.costs, lost, self.last)


def output(out: TextIO, wanted: Filter, form: str, last: int = timeline.LAST) -> Lines | Picture:
    forms = {"text": text, "json": as_json}
    return Lines(out, wanted, forms[form]) if form in forms else Picture(out, wanted, form, last)


def traced_boot(places: Places, chosen: workload.Workload, machine: Machine, directory: Path, timeout: float, give: Callable[[list[Event]], None],
                say: Callable[[str], None] | None = None, last: re.Pattern[str] | None = None, fields: bool = False) -> tuple[Boot, Tracer]:
    machine = replace(machine, watched=True)
    tracer = Tracer(machine, directory, records.layout(places.build), give, fields)
    try:
        result = boot(places, chosen, machine, directory, timeout, stages=Traced(tracer, say, last))
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
    parser.add_argument("--format", choices=("text", "json", "perfetto", "html"), default="text", help="lines of text; a JSON object a line; JSON for "
                        "Perfetto and Chrome; a timeline in one HTML file")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("--fields", action="store_true", help="and what travelled with each message: registers and VMCS fields by name")
    parser.add_argument("--last", type=int, default=timeline.LAST, metavar="N", help=f"html: the last N spans; default {timeline.LAST:,}, 0 for all")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="no boot: the events of a file that --json, or bhctl trace --json, "
                        "wrote, or as they come by a serial port")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there")
    return parser.parse_args()


def chosen_filter(options: argparse.Namespace, form: Layout, partitions: tuple[str, ...]) -> Filter:
    cpus = _names(options.cpu, [str(cpu) for cpu in range(options.cpus)], "CPU")
    return Filter(None if cpus is None else frozenset(map(int, cpus)), _names(options.level, records.LEVELS, "level"),
                  _names(options.reason, form.reasons, "exit reason"), _names(options.partition, partitions, "partition"))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _events(source: Path) -> Iterator[Event]:
    """Those of a file or a serial port. What comes before the first of them is something else's, as a firmware's on the same port; a last line may be cut off."""
    first, begun = "", False
    with source.open(errors="replace") as lines:
        for i, line in enumerate(lines, 1):
            try:
                yield from_json(line)
                begun = True
            except ValueError as error:
                first = first or f"bulkhead: {source}:{i}: {error}"
                if begun and line.endswith("\n"):
                    raise SystemExit(f"bulkhead: {source}:{i}: {error}") from None
    if first and not begun:
        raise SystemExit(first)


def read_file(source: Path, give: Callable[[list[Event]], None]) -> None:
    """All events of a file, in the order of time: bhctl writes them CPU by CPU. Of what isn't a file, as a serial port, each as it comes."""
    try:
        if source.is_file():
            give(sorted(_events(source), key=lambda event: event.tsc))
        else:
            for event in _events(source):
                give([event])
    except OSError as error:
        raise SystemExit(f"bulkhead: {source}: {error.strerror}") from None
    except KeyboardInterrupt:  # it is how one ends what has no end
        pass


def from_file(options: argparse.Namespace, form: Layout) -> int:
    known = tuple(sorted({name for item in workload.BY_NAME.values() for name in item.partitions}))
    options.cpus = CPU_MAX
    with (options.output.open("w") if options.output else sys.stdout) as out:
        shown = output(out, chosen_filter(options, form, known), options.format, options.last)
        read_file(options.source, shown.give)
        shown.end(f"Bulkhead: {options.source.name}", 0)
    say(f"{shown.events:,} events, {shown.shown:,} of them shown")
    return 0


def main() -> int:
    options = arguments()
    build = options.build.resolve()
    if options.source:
        return from_file(options, records.layout(build))
    if options.emulator == "kvm":
        run_command.choose_emulator("kvm")
    chosen = workload.for_cpus(workload.BY_NAME[options.workload], options.cpus)
    wanted = chosen_filter(options, records.layout(build), chosen.partitions)
    machine = Machine(cpus=options.cpus, model=emulator.MODELS[options.emulator], emulator=options.emulator)
    directory = build / "run" / f"trace-{chosen.name}-{options.cpus}"
    with (options.output.open("w") if options.output else sys.stdout) as out:
        shown = output(out, wanted, options.format, options.last)
        result, tracer = traced_boot(Places(build, build), chosen, machine, directory, options.timeout, shown.give, say,
                                     fields=options.fields)
        shown.end(f"Bulkhead: workload {chosen.name} on {options.cpus} CPU{'s'[:options.cpus > 1]}", tracer.lost)
    found = ([tracer.problem] if tracer.problem else []) + problems(result)
    if not tracer.rings:
        found.append("no event was traced")
    say(f"{shown.events:,} events, {shown.shown:,} of them shown; {tracer.lost:,} lost: a CPU's ring was full before it was read")
    if options.fields:
        say(f"of {tracer.overwritten:,} messages the fields were overwritten before they could be read")
    for problem in found:
        say(f"FAILED: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(1)
