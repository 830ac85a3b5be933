# SPDX-License-Identifier: BSD-2-Clause
"""Follows a run: which stages it has reached, when, and whether it can still succeed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import l0log

# Nothing comes after these; waiting for the time limit would only cost time.
HOPELESS = (
    re.compile(r"Kernel panic - not syncing"),
    re.compile(r"!!!! X64 Exception Type"),
    re.compile(r"^acpi: .+: \S"),
    re.compile(r"BdsDxe: failed to start|BdsDxe: No bootable option"),
    re.compile(r"L0 \d+ \w+ (panic:|stage panic)"),
)

LINGER = 2.0  # seconds


@dataclass
class Reached:
    name: str
    seconds: float
    text: str
    fields: dict[str, str]


def _fields(text: str) -> dict[str, str]:
    return dict(re.findall(r"([\w-]+)=(\S+)", text))


def _size(hidden: str) -> str:
    first, _, last = hidden.partition("-")
    return f"{(int(last, 0) - int(first, 0)) >> 10:,} KiB"


@dataclass(frozen=True)
class Sign:
    """A line that says that a stage is reached, and how to say so to the user."""
    name: str
    source: str
    pattern: re.Pattern[str]
    describe: Callable[[dict[str, str]], str]


SIGNS = (
    Sign("firmware", "com1", re.compile(r"BdsDxe: starting"), lambda f: "firmware: OVMF starts from the EFI system partition"),
    Sign("refused", "com1", re.compile(r"^bulkhead: (?!running on |is running |last run: |DMA: )(.*)"),
         lambda f: f"Bulkhead does not start: {f['text']}"),
    Sign("dma", "com1", re.compile(r"^bulkhead: DMA: (.*)"), lambda f: f"devices: {f['text']}"),
    Sign("last-run", "com1", re.compile(r"^bulkhead: last run: ((?:ended|partitions faulted) .*)"), lambda f: f"the last run {f['text']}"),
    Sign("launched", "e9", re.compile(r"L0 \d+ \w+ stage launched (.*)"),
         lambda f: f"Bulkhead: launched on {f.get('cpus')} CPUs, hides {f.get('hidden')}"
                   + (f" ({_size(f['hidden'])})" if "-" in f.get("hidden", "") else "")),
    Sign("partition", "e9", re.compile(r"L0 \d+ \w+ stage partition (.*)"),
         lambda f: f"partition {f.get('name')}: {f.get('state')}"),
    Sign("linux", "com1", re.compile(r"^bh: stage linux (.*)"),
         lambda f: f"Linux: {f.get('release')} on {f.get('cpus')} CPUs, {int(f.get('memory_kb', '0')) >> 10} MiB"),
    Sign("kvm", "com1", re.compile(r"^bh: stage kvm"), lambda f: "KVM: loaded, its guest starts"),
    Sign("l2-linux", "com1", re.compile(r"^L2: bh: stage linux (.*)"), lambda f: f"L2 in QEMU: Linux {f.get('release')} on {f.get('cpus')} CPUs"),
    Sign("l2-kvm", "com1", re.compile(r"^L2: bh: stage kvm"), lambda f: "L2: KVM is loaded, its guest, L3, starts"),
    Sign("l2-shell", "com1", re.compile(r"^L2: bh: shell"), lambda f: "L2: a shell"),
    Sign("guest", "com1", re.compile(r"guest 0: 64-bit mode"), lambda f: "KVM guest: in 64-bit mode"),
    Sign("vmm-pass", "com1", re.compile(r"vmm: PASS (.*)"),
         lambda f: f"KVM guest: done, right results on {f.get('vcpus')} vCPUs"),
    Sign("vmm-fail", "com1", re.compile(r"vmm: FAIL (.*)"), lambda f: "KVM guest: FAILED"),
    Sign("fault", "e9", re.compile(r"L0 \d+ \w+ fault (partition=\S+ vector=.*)"),
         lambda f: f"partition {f.get('partition')}: fault, vector {f.get('vector')} at {f.get('rip')}"),
    Sign("restart", "e9", re.compile(r"L0 \d+ \w+ restart (.*)"), lambda f: f"partition {f.get('partition')}: restarted"),
    Sign("power-off", "e9", re.compile(r"L0 \d+ \w+ stage power-off"), lambda f: "power-off"),
    Sign("reset", "e9", re.compile(r"L0 \d+ \w+ stage reset"), lambda f: "reset"),
)


class Stages:
    """Watches an emulator. `say` gets each stage as it is reached, `verbose` every line; `last` ends the run."""

    def __init__(self, say: Callable[[str], None] | None = None, verbose: Callable[[str], None] | None = None,
                 keep_going: bool = False, last: re.Pattern[str] | None = None):
        self.say, self.verbose, self.keep_going = say, verbose, keep_going
        self.last = last
        self.reached: list[Reached] = []
        self.hopeless = ""
        self.end = float("inf")

    def started(self, pid: int) -> None:
        """Nothing to do with the process itself."""

    def line(self, source: str, line: str, seconds: float) -> None:
        if self.verbose and (source == "com1" or l0log.parse(line)):
            self.verbose(f"{seconds:7.1f} s  {source:4}  {line}")
        for sign in SIGNS:
            if sign.source != source or not (match := sign.pattern.search(line)):
                continue
            text = match[1].rstrip() if sign.pattern.groups else ""
            stage = Reached(sign.name, seconds, text, _fields(text))
            self.reached.append(stage)
            if self.say:
                self.say(f"{seconds:7.1f} s  {sign.describe(stage.fields | {'text': text})}")
        if not self.hopeless and any(pattern.search(line) for pattern in HOPELESS):
            self.hopeless = line
            if not self.keep_going:
                self.end = seconds + LINGER
        if self.last and self.last.search(line):
            self.end = seconds + LINGER

    def over(self, seconds: float) -> bool:
        """Whether to end the run: a little after the hopeless line, so that what follows it is kept."""
        return seconds > self.end

    def find(self, name: str) -> list[Reached]:
        return [stage for stage in self.reached if stage.name == name]
