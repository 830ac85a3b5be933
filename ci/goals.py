# SPDX-License-Identifier: BSD-2-Clause
"""What a row of the benchmark may be at most. docs/performance.md says what the rows are, and has the same goals."""

from __future__ import annotations

GOALS = {
    "l1_cpuid": 150, "null_message": 450,
    "l2_cpuid_roundtrip": 2_500, "exits_per_roundtrip": 2, "vmaccess_per_roundtrip": 55, "l2_cpuid_skip": 2_600, "l2_cpuid_roundtrip_unshadowed": 4_500,
    "l2_cpuid_resume_unshadowed": 2_500,
    "l2_resolved_exit": 600, "vmread_trapped": 500, "vmwrite_trapped": 500, "vmclear_vmptrld": 2_500, "invept_unchanged": 500, "invept_1_of_1000": 5_000,
    "ept02_miss_4k": 1_500, "ept02_faultaround_per_page": 200, "l2_ept_violation_by_l1": 5_000,
    "pal_call_l1": 6_000, "pal_call_l2": 8_000, "pal_unregister": 15_000, "pal_register_4p": 60_000, "pal_interrupt_latency": 1_500,
    "linux_boot_overhead_ppm": 10_000, "l0_memory_bytes_8g_8cpu": 16 << 20,
}
BESIDES = {"pal_register_4p": "pal_hash_4p"}  # whose goal is for what it takes besides that row
# The same source makes another figure in another build: where files lie in memory moves Linux' own part by as much as the goal (docs/performance.md, "A boot's
# cost").
TOLD_ONLY = ("linux_boot_overhead_ppm",)


def missed(found: dict[str, int]) -> list[str]:
    """What is above its goal of these rows, and by which figure."""
    problems = []
    for name, goal in GOALS.items():
        if name not in found or name in TOLD_ONLY:
            continue
        besides = BESIDES.get(name)
        most = goal + (found[besides] if besides else 0)
        if found[name] > most:
            problems.append(f"{name} is {found[name]:,}, the goal is {most:,} at most" + (f": {goal:,} besides {besides}" if besides else ""))
    return problems
