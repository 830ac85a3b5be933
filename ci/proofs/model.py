# SPDX-License-Identifier: BSD-2-Clause
"""Checks the model of the shoot-down protocol with spin, or shows that its mutations fail: model.py [--mutations]."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "shootdown.pml"
SKIPPED = 77
TIMEOUT = 120

# CPUs, of which so many shoot down, so many times each; an INIT and a SIPI for the last one; NMIs of L1's.
SIZES = [
    {"CPUS": 2, "INITIATORS": 1, "SHOTS": 2, "SIPI": 1, "L1_NMIS": 1},
    {"CPUS": 2, "INITIATORS": 2, "SHOTS": 1, "SIPI": 1, "L1_NMIS": 0},
    {"CPUS": 3, "INITIATORS": 1, "SHOTS": 1, "SIPI": 1, "L1_NMIS": 0},
]
# What removes one precaution of the protocol, by the name that shootdown.pml knows it by.
MUTATIONS = ["PLAIN_STORE", "CLEAR_LATE", "NO_SERVE_AT_ENTRY", "NO_SERVE_AT_EXIT", "NO_WAIT", "KICK_ALWAYS_EXPECTED"]


def search(size: dict[str, int], mutation: str = "") -> tuple[str, int]:
    """What spin finds wrong, or nothing; and the number of states."""
    defines = [f"-D{name}={value}" for name, value in size.items()] + ([f"-D{mutation}"] if mutation else [])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["spin", *defines, "-a", str(MODEL)], cwd=folder, check=True, stdout=subprocess.PIPE)
        # NOREDUCE: partial-order reduction doesn't know `provided`.
        subprocess.run(["gcc", "-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=2000", "-o", "pan", "pan.c"], cwd=folder, check=True)
        run = subprocess.run(["./pan", "-m1000000", "-w24"], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=TIMEOUT)
    errors = re.search(r"errors: (\d+)", run.stdout)
    states = re.search(r"(\d+) states, stored", run.stdout)
    if not errors or not states or "Search not completed" in run.stdout and errors[1] == "0" or "max search depth too small" in run.stdout:
        return f"the search was not completed\n{run.stdout}", 0
    wrong = re.search(r"pan:\d+: (.*)", run.stdout)
    return (wrong[1] if wrong else "an error" if errors[1] != "0" else ""), int(states[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", action="store_true")
    options = parser.parse_args()
    if not shutil.which("spin"):
        print("spin is not there: ./bulkhead setup")
        return SKIPPED
    good = True
    if options.mutations:
        for mutation in MUTATIONS:
            found = next((wrong for size in SIZES if (wrong := search(size, mutation)[0])), "")
            good = good and bool(found)
            print(f"{'caught' if found else 'MISSED'}  shootdown: {mutation}  {found}", flush=True)
        return 0 if good else 1
    for size in SIZES:
        wrong, states = search(size)
        good = good and not wrong
        print(" ".join(f"{name}={value}" for name, value in size.items()) + f": {wrong or 'proven'}, {states:,} states", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
