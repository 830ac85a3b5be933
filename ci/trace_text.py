# SPDX-License-Identifier: BSD-2-Clause
"""Events of the trace as lines of text and as JSON, and back. `bhctl trace` makes the same lines (partitions/report/bhctl/event.c)."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from messages import OVERWRITTEN, SECRET
from records import ABSENT, Event


FIELDS_A_LINE = 4
INDENT = "\n" + " " * 15
GONE = {OVERWRITTEN: "its fields were overwritten before they could be read", SECRET: "its fields are not shown: PALs' secrets may be among them"}


def _fields(event: Event) -> str:
    """What travelled with its message, on lines of its own."""
    if event.data in GONE:
        return INDENT + GONE[event.data]
    pairs = [f"{name}={value:#x}" for name, value in event.fields.items()]
    return "".join(INDENT + " ".join(pairs[i:i + FIELDS_A_LINE]) for i in range(0, len(pairs), FIELDS_A_LINE))


def _dma(event: Event) -> str:
    """A device's request that a VT-d unit has refused: rip is the page, qualification the upper half of the unit's record (caps/records.h)."""
    record = event.qualification
    source, reads = record & 0xffff, record >> 62 & 1
    return (f"{event.tsc:14} CPU{event.cpu} dma {source >> 8:02x}:{source >> 3 & 31:02x}.{source & 7} {'reads' if reads else 'writes'} {event.rip:#x}, "
            f"reason {record >> 32 & 0xff:#x}")


def text(event: Event) -> str:
    """One line, and what travelled with its message on more; what isn't known of an event isn't in it."""
    if event.kind == "dma":
        return _dma(event)
    exited = event.kind == "exit"
    line = f"{event.tsc:14} CPU{event.cpu} {event.level}" + (f"->{event.to}" if event.to else "")
    line += f" {'' if exited else event.kind + ' '}{event.reason}{' (failed entry)' if event.failed else ''}"
    gpa, qualification = event.gpa(), event.qualification
    if gpa is not None:
        line += f" gpa={gpa:#x}"
        qualification &= 0xfff
    line += "" if event.hidden() else f" rip={event.rip:#x}"
    if qualification:
        line += f" number={qualification}" if event.kind == "message" else f" qualification={qualification:#x}"
    if event.partition:
        line += f" {event.partition}" + (f": {event.status}" if event.status != "done" else "")
    return line + (f" {event.ticks} instr" if event.ticks else "") + _fields(event)


def as_json(event: Event) -> str:
    """What an event of its kind doesn't have is not in it."""
    found = asdict(event) | {"rip": hex(event.rip), "qualification": hex(event.qualification), "fields": {name: hex(value) for name, value in event.fields.items()}}
    return json.dumps({name: value for name, value in found.items() if name not in ABSENT.get(event.kind, {})})


def from_json(line: str) -> Event:
    """ValueError: it isn't an event's line."""
    data = json.loads(line)
    names = {field.name: field.type for field in fields(Event)}
    absent = ABSENT.get(str(data.get("kind")), {}) if isinstance(data, dict) else {}
    if not isinstance(data, dict) or set(data) != set(names) - set(absent):
        raise ValueError(f"not an event: {line.strip()[:80]}")
    data |= absent
    data |= {name: int(str(data[name]), 0) for name in ("rip", "qualification")}
    if isinstance(data["fields"], dict):
        data["fields"] = {str(name): int(str(value), 0) for name, value in data["fields"].items()}
    kinds = {"int": int, "str": str, "bool": bool, "dict[str, int]": dict}
    if wrong := [name for name, kind in names.items() if type(data[name]) is not kinds[str(kind)]]:
        raise ValueError(f"not an event, by its {wrong[0]}: {line.strip()[:80]}")
    return Event(**data)
