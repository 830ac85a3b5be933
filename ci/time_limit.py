# SPDX-License-Identifier: BSD-2-Clause
"""Limits on what a process does, not on the clock: a machine that is busy with other things mustn't decide about a guest or a fuzzer."""

from __future__ import annotations

import os
from pathlib import Path

PATIENCE = 4  # times the limit: as long on the clock, for a process that gets less than a CPU, or waits


def own_seconds(pid: int) -> float:
    """CPU time that the process has used, in all its threads."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it is gone
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def out_of_time(pid: int, seconds: float, limit: float) -> bool:
    """`seconds` of the clock after its start."""
    return seconds > limit and (own_seconds(pid) > limit or seconds > PATIENCE * limit)
