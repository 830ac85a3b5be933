# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead trace` on a real run: what was traced, exits and messages, is what Bulkhead counted."""

from __future__ import annotations

import io
import json
import os
import threading
from collections import Counter
from dataclasses import replace

from boot import boot, problems
from case import Case, Context, Failure, require
from emulator import Machine
from records import Event
from trace import Filter, output, read_file, traced_boot
from trace_text import as_json
from workload import KVM

TIMEOUT = 300.0
FAULTED = "the partition faulted"  # status.def


def compare(traced: Counter[tuple[str, str]], counted: Counter[tuple[str, str]], lost: int) -> list[str]:
    """No exit was traced that wasn't counted, but for the one that ends the machine; and those that are missing are known to be lost."""
    last = ("L1", "IO")
    found = [f"{level} {reason}: {count} traced, {counted[level, reason]} counted" for (level, reason), count in sorted(traced.items())
             if count > counted[level, reason] + ((level, reason) == last)]
    missing = sum((counted - traced).values())
    if missing > lost:
        found.append(f"{missing} exits are missing, {lost} are known to be lost: {dict(counted - traced)}")
    return found


def wrong_message(event: Event) -> str:
    """What an event that tells of a message doesn't say, or says wrongly."""
    if event.level == "L2" and not event.partition:
        return "names no partition"
    if event.reason == "EPT_VIOLATION" and event.level == "L2" and event.kind == "exit" and (event.partition != "ept" or not event.qualification & 7):
        return "is not ept's with what was tried"  # SDM 3C 28.2.1: bits 2:0, one of them is set
    if event.kind == "message" and not event.qualification:
        return "has no number"
    return "" if event.status in ("", "done", FAULTED) else f"has status {event.status}"


def _kvm(context: Context) -> str:
    traced: Counter[tuple[str, str]] = Counter()
    messages: Counter[str] = Counter()
    faults: list[str] = []
    wrong: list[str] = []
    kinds: Counter[str] = Counter()
    times: list[int] = []
    out = io.StringIO()
    shown = output(out, Filter(levels=frozenset({"L2"}), reasons=frozenset({"CPUID"})), "json")

    def give(events: list[Event]) -> None:
        shown.give(events)
        traced.update((event.level, event.reason) for event in events if event.kind == "exit")
        kinds.update(event.kind for event in events)
        messages.update(event.partition for event in events if event.kind in ("exit", "message") and event.partition)
        faults.extend(f"{event.kind} {event.partition}" for event in events if event.status == FAULTED)
        wrong.extend(f"{as_json(event)} {what}" for event in events if (what := wrong_message(event)))
        times.extend(event.tsc for event in events)

    run, tracer = traced_boot(context.places, replace(KVM, vcpus=1, inject="ept 40 ud"), Machine(cpus=1), context.directory(), TIMEOUT, give)
    found = problems(run) + ([tracer.problem] if tracer.problem else [])
    counted = Counter({(row.origin, row.reason): row.count for row in run.summary().exits})
    found += compare(traced, counted, tracer.lost)
    if times != sorted(times):
        found.append("events are not in the order of time")
    for name in ("nestvmx", "ept"):
        sent = run.summary().message_count(name)
        if not sent - tracer.lost <= messages[name] <= sent:
            found.append(f"{messages[name]} messages to {name} were traced, {sent} counted, {tracer.lost} events lost")
    found += wrong[:5]
    if sorted(faults) != ["exit ept", "fault ept"]:
        found.append(f"of a message that faults, what was traced as such is: {', '.join(faults)}")
    total = sum(counted.values())
    if tracer.lost * 20 > total:
        found.append(f"{tracer.lost} events were lost, {total} exits counted")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    if any((event["level"], event["reason"]) != ("L2", "CPUID") for event in lines) or len(lines) < traced["L2", "CPUID"]:
        found.append(f"{len(lines)} lines are shown of {traced['L2', 'CPUID']} CPUID exits of L2")
    for level, reason in (("L2", "CPUID"), ("L1", "CPUID"), ("L1", "VMRESUME")):
        if not traced[level, reason]:
            found.append(f"no {reason} of {level} was traced")
    if found:
        raise Failure("\n".join(found[:20]))
    require(kinds["exit"] > 0, "no exit was traced")
    return f"{sum(kinds.values()):,} events, {tracer.lost:,} lost, of {total:,} exits"


def _serial(context: Context) -> str:
    """bhctl's stream by the second serial port, read as it comes while the machine runs: behind what the firmware says there, each line is an event that the filter
    lets through, and there are enough for a timeline."""
    directory = context.directory()
    directory.mkdir(parents=True, exist_ok=True)
    port = directory / "com2"
    port.unlink(missing_ok=True)
    os.mkfifo(port)
    events: list[Event] = []
    refused: list[str] = []

    def read() -> None:
        try:
            read_file(port, events.extend)
        except SystemExit as error:
            refused.append(str(error))
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    run = boot(context.places, replace(KVM, vcpus=1, tests=("trace_serial",)), Machine(cpus=1, com2=f"mode=file, dev={port}"), directory, TIMEOUT)
    reader.join(10)
    require(not reader.is_alive() and not refused, f"the port isn't read: {refused}")
    if found := problems(run):
        raise Failure("\n".join(found))
    counted = {row.reason: row.count for row in run.summary().exits if row.origin == "L2"}
    seen = Counter(event.reason for event in events if event.kind == "exit")
    require(len(events) > 100 and len(seen) > 2, f"{len(events)} events came by the port: {dict(seen)}")
    wrong = [as_json(event) for event in events if event.level != "L2"] + [f"{reason}: {count} came, {counted.get(reason, 0)} counted"
                                                                         for reason, count in seen.items() if count > counted.get(reason, 0)]
    require(not wrong, "\n".join(wrong[:5]))
    times = [event.tsc for event in events]
    require(times == sorted(times), "events are not in the order of time")
    page = io.StringIO()
    shown = output(page, Filter(), "html")
    shown.give(events)
    shown.end("by the serial port", 0)
    require('"spans":[' in page.getvalue(), "there is no timeline of them")
    return f"{len(events):,} events by the port, of {sum(counted.values()):,} exits of L2"


CASES = [Case("trace-kvm", _kvm), Case("trace-serial", _serial)]
