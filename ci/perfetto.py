# SPDX-License-Identifier: BSD-2-Clause
"""A trace in the JSON form that Perfetto and Chrome's about:tracing read. Their microsecond is 1,000 ticks of the time-stamp counter."""

from __future__ import annotations

import json
from typing import TextIO

from records import Event
from spans import Span, lanes
from trace_text import text

TICKS = 1000


def _message(event: Event) -> dict[str, object]:
    """What travelled with it; 64-bit numbers don't fit JSON's."""
    return {"fields": {name: hex(value) for name, value in event.fields.items()}} if event.fields else {"fields": event.data} if event.data else {}


def _event(span: Span, lane: int) -> dict[str, object]:
    args = {"event": text(span.event).strip().split("\n")[0], **_message(span.event)} if span.event else {}
    return {"name": span.name, "cat": span.lane, "ph": "X", "ts": span.start / TICKS, "dur": span.ticks / TICKS, "pid": span.cpu, "tid": lane, "args": args}


def write(out: TextIO, spans: list[Span]) -> None:
    numbers = {lane: i for i, lane in enumerate(lanes(spans))}
    events: list[dict[str, object]] = [{"name": "process_name", "ph": "M", "pid": cpu, "args": {"name": f"CPU {cpu}"}}
                                       for cpu in sorted({cpu for cpu, _ in numbers})]
    for (cpu, lane), number in numbers.items():
        events += [{"name": "thread_name", "ph": "M", "pid": cpu, "tid": number, "args": {"name": lane}},
                   {"name": "thread_sort_index", "ph": "M", "pid": cpu, "tid": number, "args": {"sort_index": number}}]
    events += [_event(span, numbers[span.cpu, span.lane]) for span in spans]
    json.dump({"displayTimeUnit": "ns", "traceEvents": events}, out)
