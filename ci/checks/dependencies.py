# SPDX-License-Identifier: BSD-2-Clause
"""Dependencies point one way, and assembly stays where it belongs: dependencies.py ROOT

kernel and partitions know subprojects/caps and themselves, never each other; caps knows nobody. Inline assembly is in headers of
one instruction family each.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# What <...> may begin with, besides the headers that a freestanding C has.
ROOMS = {
    "subprojects/caps/include": ("caps/",),
    "kernel": ("caps/",),
    "kernel/loader": ("caps/", "efi", "blake2.h"),
    "partitions": ("caps/", "rt/"),
    "partitions/report/bhctl": ("caps/", "errno.h", "inttypes.h", "sched.h", "stdio.h", "stdlib.h", "string.h", "sys/io.h", "time.h", "unistd.h"),  # a Linux program
    "partitions/verify": ("caps/", "rt/", "bearssl.h"),
    "nestvmx": ("caps/", "rt/"),
    "ept": ("caps/", "rt/"),
    "trustvisor": ("caps/", "rt/", "trustvisor/", "bearssl"),
    "trustvisor/sdk/examples": ("trustvisor/", "bearssl.h", "ctype.h", "errno.h", "stdio.h", "string.h"),  # Linux programs
    "trustvisor/sdk/template": ("trustvisor/", "stdio.h"),
}
FREESTANDING = {"limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdnoreturn.h"}
# Made by the build: no such file in the tree.
GENERATED = {"agent_layout.h", "manifest_table.h"}
# The loader, which lies in the kernel's folder, hands over to it by this contract and builds what it starts with: CPU blocks, batches, page tables, bitmaps,
# VMCSs, their policy, partitions and what they own, VT-d units. Some instructions are the same.
LOADER_MAY_INCLUDE = {"boot_info.h", "cpu.h", "cr.h", "descriptor.h", "ept02.h", "io.h", "memory.h", "msr_watch.def", "partition.h", "policy.h", "reply.h", "tlb_insn.h",
                      "vmcs01.h", "vmcs02.h", "vmx_caps.h", "vtd.h"}
# One header for each family of instructions, and nothing else in it.
ASSEMBLY = {
    "kernel/cpuid_insn.h", "kernel/cr.h", "kernel/descriptor_insn.h", "kernel/memory.h", "kernel/msr.h", "kernel/port.h",
    "kernel/tlb_insn.h", "kernel/vector_insn.h", "kernel/vmx_insn.h",
    "partitions/report/bhctl/call_insn.h",
    "trustvisor/cpuid_insn.h", "trustvisor/random_insn.h", "trustvisor/vector_insn.h",
    "trustvisor/sdk/include/trustvisor/linux_call.h", "trustvisor/sdk/include/trustvisor/vmcall.h",
    "kernel/loader/cpuid.h", "kernel/loader/cr.h", "kernel/loader/descriptor.h", "kernel/loader/msr.h", "kernel/loader/port.h",
}
# What programs for the TrustVisor before this one are compiled with: nothing of ours.
STANDALONE = "ci/guests/pal_demo/golden.c"
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', re.MULTILINE)
ASM = re.compile(r"^\s*(?!//).*\b(?:asm|__asm__)\b\s*(?:volatile|__volatile__|goto|\()", re.MULTILINE)


def room_of(name: str) -> str:
    return max((room for room in ROOMS if name.startswith(room + "/")), key=len)


def check_include(root: Path, path: Path, room: str, system: str, own: str) -> Iterator[str]:
    name = path.relative_to(root)
    if system:
        if system not in FREESTANDING and not system.startswith(ROOMS[room]):
            yield f"{name}: <{system}> isn't for {room}"
        return
    if own in GENERATED:
        return
    target = (path.parent / own).resolve()
    if room == "kernel/loader" and target.name in LOADER_MAY_INCLUDE and target.parent == root / "kernel":
        return
    if not target.is_file():
        yield f'{name}: "{own}" isn\'t there'
    elif room_of(str(target.relative_to(root)) if target.is_relative_to(root) else "") != room:
        yield f'{name}: "{own}" is another room\'s'


def check_file(root: Path, path: Path) -> Iterator[str]:
    name = str(path.relative_to(root))
    text = path.read_text()
    for system, own in INCLUDE.findall(text):
        yield from check_include(root, path, room_of(name), system, own)
    if ASM.search(text) and name not in ASSEMBLY:
        yield f"{name}: inline assembly outside the header of an instruction family"


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    files = sorted({path for room in ROOMS for suffix in ("c", "h", "def", "S") for path in (root / room).rglob(f"*.{suffix}")})
    problems = [problem for path in files for problem in check_file(root, path)]
    problems += [f"{STANDALONE}: includes {system or own}" for system, own in INCLUDE.findall((root / STANDALONE).read_text())]
    print("\n".join(problems) if problems else f"{len(files)} files include what they may")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
