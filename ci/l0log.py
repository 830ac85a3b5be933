# SPDX-License-Identifier: BSD-2-Clause
"""Reads Bulkhead's log: lines `L0 CPU LEVEL WORD... KEY=VALUE...` on port 0xE9."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LINE = re.compile(r"L0 (\d+) (\w+) (.*)")


@dataclass
class Record:
    cpu: int
    level: str
    words: list[str] = field(default_factory=list)        # what isn't KEY=VALUE, in order
    fields: dict[str, str] = field(default_factory=dict)

    def about(self, *words: str) -> bool:
        return self.words[:len(words)] == list(words)

    def number(self, name: str) -> int:
        return int(self.fields.get(name, "0"), 0)


def parse(line: str) -> Record | None:
    """None for what is no line of the log, such as the emulator's own output."""
    match = LINE.fullmatch(line.strip())
    if not match:
        return None
    record = Record(int(match[1]), match[2])
    for word in match[3].split():
        name, equals, value = word.partition("=")
        if equals and name:
            record.fields[name] = value
        else:
            record.words.append(word)
    return record


def parse_all(lines: list[str]) -> list[Record]:
    return [record for line in lines if (record := parse(line))]
