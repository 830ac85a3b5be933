# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead trace` on a real run: what was traced, exits and messages, is what Bulkhead counted."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections import Counter
from dataclasses import replace

from boot import boot, problems
from case import Case, Context, Failure, require
from emulator import Machine
from messages import OVERWRITTEN, WHOLE
from records import Event
from trace import Filter, output, read_file, traced_boot
from trace_text import as_json, from_json, text
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


def perfetto_problems(trace: object) -> list[str]:
    """By the format's description ("Trace Event Format": JSON object form): complete events and metadata alone, each with what its phase needs."""
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list) or trace.get("displayTimeUnit") not in ("ms", "ns"):
        return ["not the format's object"]
    found, named = [], set[tuple[object, object]]()
    for event in trace["traceEvents"]:
        numbers = [event.get(name) for name in ("pid", "tid", *(("ts", "dur") if event.get("ph") == "X" else ())) if name != "tid" or event.get("name") != "process_name"]
        if event.get("ph") not in ("X", "M") or not isinstance(event.get("name"), str) or not isinstance(event.get("args"), dict):
            found.append(f"not an event of a known phase: {event}")
        elif not all(type(number) in (int, float) and number >= 0 for number in numbers):
            found.append(f"a number is missing or negative: {event}")
        elif event["ph"] == "M":
            value = event["args"].get("sort_index" if event["name"] == "thread_sort_index" else "name")
            if event["name"] not in ("process_name", "thread_name", "thread_sort_index") or not isinstance(value, int if "index" in event["name"] else str):
                found.append(f"metadata that nobody knows: {event}")
            named.add((event["pid"], event.get("tid")))
        elif (event["pid"], event["tid"]) not in named:
            found.append(f"of a lane without a name: {event}")
    return found


def _perfetto(events: list[Event], wanted: list[Event]) -> list[str]:
    """What the trace makes for Perfetto: sound, each exit is there once, in its CPU's kernel lane, with the event's words."""
    out = io.StringIO()
    shown = output(out, Filter(), "perfetto")
    shown.give(events)
    shown.end("", 0)
    trace = json.loads(out.getvalue())
    found = perfetto_problems(trace)
    exits = Counter((event["pid"], event["name"], event["args"]["event"]) for event in trace["traceEvents"] if event.get("cat") == "kernel")
    expected = Counter((event.cpu, f"{event.level} {event.reason}", text(event).strip().split("\n")[0]) for event in wanted if event.kind == "exit")
    if lacking := expected - exits:
        found.append(f"{sum(lacking.values())} exits are not in it, as {next(iter(lacking))}")
    return found


def field_problems(events: list[Event], overwritten: int) -> list[str]:
    """Of what travelled: RIP and exit qualification as the event itself has them; L1's VMREAD with registers. None is shown that isn't known to be whole, and those
    that were overwritten are counted."""
    whole = [event for event in events if event.data == WHOLE]
    found = [f"{as_json(event)} has another RIP" for event in whole if event.fields.get("GUEST_RIP", event.rip) != event.rip]
    # Of an EPT violation the event has the page in its place.
    found += [f"{as_json(event)} has another qualification" for event in whole if event.kind == "exit" and event.reason != "EPT_VIOLATION" and
              event.fields.get("EXIT_QUALIFICATION", event.qualification) != event.qualification]
    found += [f"{as_json(event)} has another address" for event in whole if event.gpa() is not None and
              event.fields.get("GUEST_PHYSICAL_ADDR", event.gpa()) & ~0xfff != event.gpa()]
    found += [f"{as_json(event)} shows what is not there" for event in events if event.fields and event.data != WHOLE]
    gone = sum(event.data == OVERWRITTEN for event in events)
    if not overwritten - CPUS <= gone <= overwritten + CPUS:
        found.append(f"{gone} messages are shown as overwritten, {overwritten} counted")
    kinds = {(event.level, event.reason) for event in whole}
    for level, reason, name in (("L2", "CPUID", "GUEST_RIP"), ("L2", "EPT_VIOLATION", "GUEST_PHYSICAL_ADDR"), ("L1", "VMREAD", "rax")):
        if not any(event.level == level and event.reason == reason and name in event.fields for event in whole):
            found.append(f"no message of {level} {reason} came with its {name}: {sorted(kinds)}")
    if len(whole) < MESSAGES:
        found.append(f"the fields of {len(whole)} messages came")
    return found


CPUS = 2
MESSAGES = 20  # at least; how many of some thousand are still there when it is looked depends on the host


def _fields(context: Context) -> str:
    """What travelled with messages, on two CPUs, as lines, for Perfetto and as a timeline."""
    events: list[Event] = []
    run, tracer = traced_boot(context.places, replace(KVM, vcpus=1), Machine(cpus=CPUS), context.directory(), TIMEOUT, events.extend, fields=True)
    found = problems(run) + ([tracer.problem] if tracer.problem else []) + field_problems(events, tracer.overwritten)
    found += _perfetto(events, [event for event in events if event.kind == "exit" and event.cpu == 1])
    if [event for event in events if from_json(as_json(event)) != event]:
        found.append("an event isn't the same when it is read again")
    page = io.StringIO()
    shown = output(page, Filter(), "html", 0)
    shown.give(events)
    shown.end("", tracer.lost)
    if not re.search(r'GUEST_RIP=0x\w+', page.getvalue()):
        found.append("the timeline has no fields")
    if found:
        raise Failure("\n".join(found[:20]))
    whole = sum(event.data == WHOLE for event in events)
    return f"{whole:,} messages with what travelled, {tracer.overwritten:,} overwritten, {tracer.lost:,} events lost"


def _serial(context: Context) -> str:
    """bhctl's stream by the second serial port, read as it comes while the machine runs: behind what the firmware says there, each line is an event that the filter
    lets through (CPU 1 alone, and L2), and there are enough for a timeline and for Perfetto."""
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
    run = boot(context.places, replace(KVM, vcpus=2, tests=("trace_serial",)), Machine(cpus=2, com2=f"mode=file, dev={port}"), directory, TIMEOUT)
    reader.join(10)
    require(not reader.is_alive() and not refused, f"the port isn't read: {refused}")
    if found := problems(run):
        raise Failure("\n".join(found))
    counted = {row.reason: row.count for row in run.summary().exits if row.origin == "L2"}
    seen = Counter(event.reason for event in events if event.kind == "exit")
    require(len(events) > 30 and len(seen) > 2, f"{len(events)} events came by the port: {dict(seen)}")
    wrong = [as_json(event) for event in events if event.level != "L2" or event.cpu != 1] + [f"{reason}: {count} came, {counted.get(reason, 0)} counted"
                                                                         for reason, count in seen.items() if count > counted.get(reason, 0)]
    require(not wrong, "\n".join(wrong[:5]))
    times = [event.tsc for event in events]
    require(times == sorted(times), "events are not in the order of time")
    page = io.StringIO()
    shown = output(page, Filter(), "html")
    shown.give(events)
    shown.end("by the serial port", 0)
    require('"spans":[' in page.getvalue(), "there is no timeline of them")
    require(not (bad := _perfetto(events, events)), "\n".join(bad[:5]))
    return f"{len(events):,} events by the port, of {sum(counted.values()):,} exits of L2"


CASES = [Case("trace-kvm", _kvm), Case("trace-fields", _fields), Case("trace-serial", _serial)]
