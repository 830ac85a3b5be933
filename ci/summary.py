# SPDX-License-Identifier: BSD-2-Clause
"""What a run cost: exits by origin and reason, messages by partition, instructions in L0, memory of L0."""

from __future__ import annotations

from dataclasses import dataclass, field

from l0log import Record


@dataclass
class Exits:
    origin: str
    reason: str
    count: int
    l0_instr: int
    vmreads: int
    vmwrites: int


@dataclass
class Messages:
    partition: str
    count: int
    instr: int


@dataclass
class Summary:
    exits: list[Exits] = field(default_factory=list)
    messages: list[Messages] = field(default_factory=list)
    l0_instr: int = 0
    total_tsc: int = 0
    memory_bytes: int = 0
    pool_free: int = 0

    def exit_count(self, origin: str) -> int:
        return sum(row.count for row in self.exits if row.origin == origin)

    def message_count(self, partition: str) -> int:
        return sum(row.count for row in self.messages if row.partition == partition)


def read(records: list[Record]) -> Summary:
    summary = Summary()
    for record in records:
        f, n = record.fields, record.number
        if record.about("stat", "exit"):
            summary.exits.append(Exits(f.get("origin", "?"), f.get("reason", "?"), n("count"), n("l0_instr"),
                                       n("vmreads"), n("vmwrites")))
        elif record.about("stat", "message"):
            summary.messages.append(Messages(f.get("partition", "?"), n("count"), n("instr")))
        elif record.about("stat", "memory"):
            summary.memory_bytes, summary.pool_free = n("bytes"), n("pool_free")
        elif record.about("stat", "l0"):
            summary.total_tsc = n("total_tsc")
    summary.l0_instr = sum(row.l0_instr for row in summary.exits)
    return summary


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]], left: int) -> list[str]:
    """The first `left` columns are words, the others are numbers."""
    text = [head] + [tuple(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in text) for i in range(len(head))]
    return ["  " + "  ".join(cell.ljust(width) if i < left else cell.rjust(width)
                             for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in text]


def render(summary: Summary) -> list[str]:
    if not summary.exits and not summary.messages:
        return ["Bulkhead reported no statistics."]
    order = sorted(summary.exits, key=lambda row: (row.origin, -row.count))
    lines = ["Exits:"]
    lines += _table(("origin", "reason", "count", "L0 instructions", "VMREADs", "VMWRITEs"),
                    [(row.origin, row.reason, row.count, row.l0_instr, row.vmreads, row.vmwrites) for row in order], 2)
    lines.append("Messages:")
    lines += _table(("partition", "count", "instructions"),
                    [(row.partition, row.count, row.instr) for row in summary.messages], 1)
    share = f" ({100 * summary.l0_instr / summary.total_tsc:.2f} % of the run)" if summary.total_tsc else ""
    lines.append(f"Instructions spent in L0: {summary.l0_instr:,}{share}")
    lines.append(f"Memory used by L0: {summary.memory_bytes / 1024:,.0f} KiB, {summary.pool_free / 1024:,.0f} KiB of it free")
    return lines
