# SPDX-License-Identifier: BSD-2-Clause
"""The commands of docs/pal-tutorial.md, and what it says that they print."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

TUTORIAL = Path(__file__).resolve().parents[1] / "docs/pal-tutorial.md"
PROMPT = re.compile(r"    (\S*)\$ (.+)")


@dataclass
class Command:
    prompt: str                      # "": where one builds; "pal": a system with trustvisor below
    text: str
    printed: list[str] = field(default_factory=list)

    def right(self, printed: list[str]) -> bool:
        """... stands for anything."""
        patterns = [".*".join(re.escape(part) for part in line.split("...")) for line in self.printed]
        return len(patterns) == len(printed) and all(re.fullmatch(*pair) for pair in zip(patterns, printed))


def commands(text: str) -> list[Command]:
    found: list[Command] = []
    inside = False
    for line in text.splitlines():
        if match := PROMPT.fullmatch(line):
            found.append(Command(match[1], match[2]))
        elif line.startswith("    ") and inside:
            found[-1].printed.append(line[4:])
        inside = line.startswith("    ")
    return found


def run(wanted: list[Command], folder: Path, environment: dict[str, str]) -> list[str]:
    """Has a shell there execute them; what is wrong: a command, and what it printed."""
    mark = "--- next ---"
    script = "\n".join(f"{command.text}\necho '{mark}'" for command in wanted)
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=os.environ | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    printed: list[list[str]] = [[]]
    for line in done.stdout.splitlines():
        if line == mark:
            printed.append([])
        else:
            printed[-1].append(line)
    wrong = [f"{command.text}\n  " + "\n  ".join(lines or ["(nothing)"]) for command, lines in zip(wanted, printed[:-1]) if not command.right(lines)]
    return wrong + [f"{command.text}\n  (not done)" for command in wanted[len(printed) - 1:]]
