# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead bench`: what operations cost in emulated instructions, on one CPU, as medians taken in the guest."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import boot_costs
from boot import Boot, Places, boot
from emulator import Machine
from workload import Workload

ROW = re.compile(r"bench (\w+) (\d+)")
ERROR = re.compile(r"bench error (.*)")
# Every run must have these; the guest may have more.
ROWS = ("l1_cpuid", "null_message", "l2_cpuid_roundtrip", "l2_cpuid_skip", "exits_per_roundtrip", "vmaccess_per_roundtrip", "l2_resolved_exit",
        "vmread_trapped", "vmwrite_trapped", "vmptrld_current", "invept_unchanged", "invept_1_of_1000", "invvpid_single", "ept02_miss_4k",
        "ept02_faultaround_per_page", "l2_ept_violation_by_l1", "vmclear_vmptrld")
PAL_ROWS = ("pal_call_l1", "pal_call_l2", "pal_unregister", "pal_register_4p", "pal_hash_4p", "pal_interrupt_latency")
# One CPU: only then the time-stamp counter goes up by one with each instruction.
MACHINE = Machine(cpus=1, model="corei7_skylake_x", ips=10_000_000)
# The same without VMCS shadowing: what of it is a row of its own.
UNSHADOWED_MACHINE = Machine(cpus=1, model="corei7_ivy_bridge_3770k", ips=10_000_000)
UNSHADOWED = {"l2_cpuid_skip": "l2_cpuid_roundtrip_unshadowed", "l2_cpuid_roundtrip": "l2_cpuid_resume_unshadowed"}
NAMES = (*ROWS, *UNSHADOWED.values(), *PAL_ROWS, *boot_costs.NAMES)
TIMEOUT = 120.0
BENCH = Workload("bench", partitions=("nestvmx", "ept", "hello", "report"), next="\\EFI\\bench\\bench.efi",
                 next_file="ci/bench/bench.efi")
BENCH_PAL = Workload("bench-pal", partitions=("trustvisor", "nestvmx", "ept"), next="\\EFI\\bench\\bench_pal.efi",
                     next_file="ci/bench/bench_pal.efi")


def rows(run: Boot) -> dict[str, int]:
    """The guest's rows; the guest's own words where it could not finish."""
    found = {match[1]: int(match[2]) for line in run.outcome.console if (match := ROW.fullmatch(line.strip()))}
    for line in run.outcome.console:
        if match := ERROR.match(line):
            raise SystemExit(f"bench: {match[1]}; see {run.directory}/")
    if found.pop("done", 0) != 1:
        raise SystemExit(f"bench: the guest did not finish ({run.outcome.ending}); see {run.directory}/")
    return found


def measure(places: Places, bulkhead: bool) -> dict[str, int]:
    directory = places.build / "bench" / ("bulkhead" if bulkhead else "bare")
    return rows(boot(places, BENCH, MACHINE, directory, TIMEOUT, bulkhead))


def measure_unshadowed(places: Places) -> dict[str, int]:
    found = rows(boot(places, BENCH, UNSHADOWED_MACHINE, places.build / "bench" / "unshadowed", TIMEOUT, True))
    return {name: found[row] for row, name in UNSHADOWED.items() if row in found}


def measure_pals(places: Places, bulkhead: bool) -> dict[str, int]:
    directory = places.build / "bench" / ("bulkhead-pal" if bulkhead else "bare-pal")
    return rows(boot(places, BENCH_PAL, MACHINE, directory, TIMEOUT, bulkhead))


def measure_boots(places: Places) -> dict[str, int]:
    try:
        return boot_costs.measure(places)
    except boot_costs.NotMeasured as reason:
        raise SystemExit(f"bench: {reason}") from None


def main() -> int:
    parser = argparse.ArgumentParser(prog="bulkhead bench", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--product", type=Path, help="take Bulkhead itself from another build folder")
    parser.add_argument("--json", action="store_true", help="one object, row name to number")
    parser.add_argument("--bare", action="store_true", help="only the bare machine: the limit")
    parser.add_argument("--pal", action="store_true", help="only the rows of PALs")
    options = parser.parse_args()
    build = options.build.resolve()
    places = Places(build, (options.product or build).resolve())
    if options.pal:
        found = measure_pals(places, not options.bare)
        print(json.dumps(found, indent=2) if options.json else "\n".join(f"{name:32} {value:10,}" for name, value in found.items()))
        return 0 if options.bare or all(name in found for name in PAL_ROWS) else 1
    if options.json or options.bare:
        found = measure(places, not options.bare) | measure_pals(places, not options.bare)
        found |= {} if options.bare else measure_unshadowed(places) | measure_boots(places)
        print(json.dumps(found, indent=2) if options.json else
              "\n".join(f"{name:32} {value:10,}" for name, value in found.items()))
        return 0 if options.bare or all(name in found for name in NAMES) else 1
    limit = measure(places, False) | measure_pals(places, False)
    found = measure(places, True) | measure_unshadowed(places) | measure_pals(places, True) | measure_boots(places)
    print(f"{'instructions':32} {'Bulkhead':>10} {'bare':>10}")
    for name, value in found.items():
        bare = f"{limit[name]:,}" if name in limit else "-"
        print(f"{name:32} {value:10,} {bare:>10}")
    missing = [name for name in NAMES if name not in found]
    for name in missing:
        print(f"FAILED: {name} was not measured")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
