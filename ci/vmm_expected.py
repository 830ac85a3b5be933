# SPDX-License-Identifier: BSD-2-Clause
"""Works out what the KVM guest must have computed, from its description (guests/vmm/contract.h) and not from its code."""

from __future__ import annotations

import re
import struct

MASK = (1 << 64) - 1
TOUCH_PAGES = 256
WINDOW_PAGES = 16
CPUID_LOOPS = 50
CPUID_BASE = 0x62756c6b + 0x68656164
PRIMES_BELOW_2000 = 303


def _checksum(vcpu: int, iterations: int) -> int:
    total = 0
    for iteration in range(iterations):
        for discarded in (False, True, False):
            for page in range(TOUCH_PAGES):
                value = ((page + 1) * 0x9e3779b97f4a7c15 & MASK) ^ vcpu << 32 ^ iteration
                total = (total * 31 + (0 if discarded and page % 2 else value)) & MASK
    return total


def _window(vcpu: int, iterations: int) -> int:
    total = 0
    for turn in range(2 * iterations):
        for page in range(WINDOW_PAGES):
            value = ((page + 1) * 0xc2b2ae3d27d4eb4f & MASK) ^ vcpu << 48 ^ (turn % 2) << 16
            total = (total * 31 + value) & MASK
    return total


def series() -> int:
    total = 0.0
    for k in range(1, 1001):
        total += 1.0 / (float(k) * float(k))
    return struct.unpack("<Q", struct.pack("<d", total))[0]


def expected(vcpu: int, vcpus: int, iterations: int) -> dict[str, int]:
    return {
        "primes": PRIMES_BELOW_2000 * iterations,
        "series": series(),
        "cpuid": CPUID_LOOPS * iterations * (CPUID_BASE + vcpu + vcpus),
        "msis": iterations,
        "timers": iterations,
        "ipis": iterations if vcpus > 1 else 0,
        "checksum": _checksum(vcpu, iterations),
        "window": _window(vcpu, iterations),
    }


def problems(console: list[str], vcpus: int, iterations: int) -> list[str]:
    """What is wrong in the VMM's report; nothing if the guest's results are right on every vCPU."""
    failed = [line for line in console if line.startswith("vmm: FAIL")]
    if failed:
        return failed
    if not any(line.startswith(f"vmm: PASS vcpus={vcpus} iterations={iterations} ") for line in console):
        return ["the VMM did not report success"]
    found = []
    for vcpu in range(vcpus):
        line = next((line for line in console if line.startswith(f"vmm: vcpu={vcpu} ")), "")
        have = dict(re.findall(r"(\w+)=(\w+)", line))
        for name, value in expected(vcpu, vcpus, iterations).items():
            if int(have.get(name, "-1"), 0) != value:
                found.append(f"vcpu {vcpu}: {name} is {have.get(name, 'missing')}, expected {value:#x}")
    return found


def problems_in_turn(console: list[str], vcpus: int, at_once: int, iterations: int) -> list[str]:
    """The same of VMMs with `at_once` virtual CPUs each, which ran one after the other on CPUs of their own, `vcpus` in all (guests/linux/kvm)."""
    found = []
    for first in range(0, vcpus, at_once):
        place = f"cpus={first}-{first + at_once - 1}"
        start = next((at for at, line in enumerate(console) if line == f"bh: vmm on {place}"), len(console)) + 1
        end = next((at for at in range(start, len(console)) if console[at].startswith("bh: ")), len(console))
        found += [f"{place}: {problem}" for problem in problems(console[start:end], at_once, iterations)]
    return found
