# SPDX-License-Identifier: BSD-2-Clause
"""What each CPU did when: spans of time in lanes, made from the events of the trace. Lanes are the levels, the kernel, and each partition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from records import LEVELS, Event

KERNEL = "kernel"


@dataclass(frozen=True)
class Span:
    cpu: int
    lane: str
    name: str
    start: int
    ticks: int
    event: Event | None = None  # None: a level that ran


def _messages(events: list[Event], end: int) -> Iterator[Span]:
    """Of one exit and what came of it. A message whose cost isn't recorded lasts until the next one that isn't called from it, or the exit's end."""
    told = [event for event in events if event.partition and event.kind in ("exit", "message")]
    for i, event in enumerate(told):
        until = event.tsc + event.ticks if event.kind == "message" and event.ticks else next(
            (later.tsc for later in told[i + 1:] if not later.ticks), end)
        yield Span(event.cpu, event.partition, event.reason, event.tsc, max(until - event.tsc, 0), event)
    for event in events:
        if event.kind == "fault":
            yield Span(event.cpu, event.partition or KERNEL, f"fault: {event.reason}", event.tsc, 0, event)


class Spans:
    """Takes events in the order of time, gives a CPU's spans as soon as it is known where they end."""

    def __init__(self) -> None:
        self.open: dict[int, list[Event]] = {}  # by CPU: the last exit and what came of it

    def _close(self, cpu: int, now: int) -> list[Span]:
        events = self.open.pop(cpu, [])
        if not events or events[0].kind != "exit":
            return []
        exit = events[0]
        end = exit.tsc + exit.ticks if exit.ticks else max(event.tsc + event.ticks for event in events)
        found = [Span(cpu, KERNEL, f"{exit.level} {exit.reason}", exit.tsc, end - exit.tsc, exit), *_messages(events, end)]
        if exit.to and now > end:
            found.append(Span(cpu, exit.to, exit.to, end, now - end))
        return found

    def give(self, events: list[Event]) -> list[Span]:
        found = []
        for event in events:
            if event.kind == "exit":
                found += self._close(event.cpu, event.tsc)
                self.open[event.cpu] = [event]
            else:
                self.open.setdefault(event.cpu, []).append(event)
        return found

    def rest(self) -> list[Span]:
        """When there will be no more."""
        return [span for cpu in sorted(self.open) for span in self._close(cpu, 0)]


def lanes(spans: list[Span]) -> list[tuple[int, str]]:
    """CPU by CPU: L2s above L1 above the kernel, then partitions."""
    order = [*reversed(LEVELS[:2]), *LEVELS[2:], KERNEL]
    found = {(span.cpu, span.lane) for span in spans}
    return sorted(found, key=lambda lane: (lane[0], order.index(lane[1]) if lane[1] in order else len(order), lane[1]))
