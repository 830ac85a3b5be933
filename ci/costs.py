# SPDX-License-Identifier: BSD-2-Clause
"""What exits of each kind cost, and how often L2s found their pages in EPT02, by the events of the trace."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from records import LEVELS, Event


@dataclass
class Costs:
    by_kind: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    runs: int = 0        # times that an L2 ran until an exit of its own
    violations: int = 0  # of these exits: EPT02 lacked the page,
    filled: int = 0      # ...EPT12 had it: L2 went on without its hypervisor

    def give(self, events: list[Event]) -> None:
        for event in events:
            if event.kind != "exit":
                continue
            if event.ticks:
                self.by_kind[event.level, event.reason].append(event.ticks)
            if event.level == "L2":
                self.runs += 1
                self.violations += event.reason == "EPT_VIOLATION"
                self.filled += event.reason == "EPT_VIOLATION" and event.to == "L2"

    def rows(self) -> list[dict[str, object]]:
        """Each kind of exit, what cost most first; `buckets`: how many took 2 ** n to 2 ** (n + 1) - 1 ticks, by n."""
        found = []
        for (level, reason), ticks in self.by_kind.items():
            ordered, buckets = sorted(ticks), defaultdict(int)
            for one in ordered:
                buckets[one.bit_length() - 1] += 1
            found.append({"level": level, "reason": reason, "count": len(ordered), "sum": sum(ordered), "median": ordered[len(ordered) // 2],
                          "p90": ordered[len(ordered) * 9 // 10], "most": ordered[-1], "buckets": dict(buckets)})
        known = {level: i for i, level in enumerate(LEVELS)}
        return sorted(found, key=lambda row: (-int(str(row["sum"])), known.get(str(row["level"]), 9), str(row["reason"])))

    def hit_rate(self) -> float | None:
        """The share of L2's runs that didn't end because EPT02 lacked a page that EPT12 has. None: no L2 ran."""
        return 1 - self.filled / self.runs if self.runs else None
