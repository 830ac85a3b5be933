# SPDX-License-Identifier: BSD-2-Clause
"""The emulator's suites: each a list of cases. A case boots the real thing and states what must be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import bench
import bhctl
import broken_route
import campaign
import containment
import dma
import entry_names
import eviction
import fuzz
import gdb_session
import goals
import crash_record
import debugging
import hostile
import inner
import installed
import kvm_matrix
import launch_state
import lhv
import loader_errors
import loading
import memory_types
import nested
import pal_mutations
import pal_suite
import proof_mutations
import races
import ranges
import refused
import startup
import task_switch
import tpm_suite
import traced
import unit_mutations
import workload
import xen
from boot import Boot, boot, problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import Workload

CPUS = (1, 2, 4)
TIMEOUT = 240.0
# Bochs' CPUs of several generations: without PCID and INVPCID, x2APIC, VMCS shadowing, EPT pages of 1 GiB, APIC-register virtualisation...
# Without EPT or unrestricted guest the loader refuses: suite loader-errors.
MODELS = {"arrandale": "corei5_arrandale_m520", "ivy": "corei7_ivy_bridge_3770k", "haswell": "corei7_haswell_4770",
          "skylake": "corei7_skylake_x", "cannon": "corei3_cnl"}


def _boot(context: Context, chosen: Workload, cpus: int, bulkhead: bool = True, part: str = "") -> Boot:
    run = boot(context.places, chosen, Machine(cpus=cpus), context.directory(part), TIMEOUT, bulkhead)
    if found := problems(run):
        raise Failure("\n".join(found))
    return run


def _kvm(cpus: int, bulkhead: bool, context: Context) -> str:
    run = _boot(context, replace(workload.KVM, vcpus=cpus), cpus, bulkhead)
    costs = run.summary()
    return f"{costs.exit_count('L2'):,} exits from L2" if bulkhead else ""


def _linux(cpus: int, context: Context) -> str:
    """Linux checks CPUs, memory and disk, takes NMIs, and does without one of its CPUs for a while."""
    costs = _boot(context, replace(workload.LINUX, tests=("self",)), cpus).summary()
    return f"{costs.exit_count('L1'):,} exits from L1"


def _x2apic(cpus: int, context: Context) -> str:
    """The same with all CPUs' local APICs in x2APIC mode, which Linux takes by itself on KVM: INIT, SIPI and NMI by the MSR."""
    partitions = (*workload.LINUX.partitions, "masquerade")
    run = _boot(context, replace(workload.LINUX, name="x2apic", tests=("self",), partitions=partitions), cpus)
    require(any("Switched APIC routing to physical x2apic" in line for line in run.outcome.console), "Linux did not switch to x2APIC")
    return f"{run.summary().exit_count('L1'):,} exits from L1"


def _model(model: str, context: Context) -> str:
    """Linux and a KVM guest on another CPU model."""
    run = boot(context.places, replace(workload.KVM, vcpus=2), Machine(cpus=2, model=model), context.directory(), TIMEOUT)
    if found := problems(run):
        raise Failure("\n".join(found))
    return f"{run.summary().exit_count('L2'):,} exits from L2"


def _reboot(how: str, context: Context) -> str:
    """The same machine boots a second time, with Bulkhead below it again."""
    chosen = replace(workload.LINUX, name="reboot", tests=("reboot",), words=f"reboot={how}")
    run = _boot(context, chosen, 2)
    require("bh: second boot" in run.outcome.console, "Linux did not boot a second time")
    launched = len(run.stages.find("launched"))
    require(launched == 2, f"Bulkhead was launched {launched} times, not twice")
    return ""


def _ram(run: Boot) -> int:
    """Bytes that Linux may use, by its own map of memory."""
    total = 0
    for line in run.outcome.console:
        addresses, _, kind = line.partition(" : ")
        if kind == "System RAM":
            first, _, last = addresses.strip().partition("-")
            total += int(last, 16) - int(first, 16) + 1
    return total


def _probes(run: Boot) -> list[tuple[int, int, dict[str, int]]]:
    """What guests/linux/mem_probe.c reports: first, end, counts."""
    found = []
    for line in run.outcome.console:
        words = line.split()
        if words[:1] == ["mem_probe:"] and "FAIL" not in words:
            first, _, end = words[1].partition("-")
            found.append((int(first, 16), int(end, 16), {k: int(v) for k, v in (w.split("=") for w in words[2:])}))
    return found


def _hidden(context: Context) -> str:
    chosen = replace(workload.LINUX, name="hidden", tests=("hidden",))
    bare = _boot(context, chosen, 1, bulkhead=False, part="bare")
    run = _boot(context, chosen, 1)
    first, _, end = run.stages.find("launched")[0].fields.get("hidden", "0-0").partition("-")
    low, high = int(first, 0), int(end, 0)
    require(high > low, "Bulkhead names no hidden memory")
    inside = [counts for start, stop, counts in _probes(run) if start < high and stop > low]
    require(inside, "Linux sees no reserved memory where Bulkhead hides its own")
    for counts in inside:
        require(counts["refused"] == 0, f"{counts['refused']} hidden pages could not be probed")
    covered = sum(min(stop, high) - max(start, low) for start, stop, _ in _probes(run) if start < high and stop > low)
    require(covered == high - low, f"only {covered} of {high - low} hidden bytes were probed")
    exact = [counts for start, stop, counts in _probes(run) if low <= start and stop <= high]
    require(exact, "no probe lies within hidden memory alone")
    for counts in exact:
        require(counts["ones"] == counts["pages"], f"{counts['pages'] - counts['ones']} hidden pages can be read")
        require(counts["vanished"] == counts["pages"], "a write to hidden memory did not vanish")
    lost = _ram(bare) - _ram(run)
    require(0 <= lost - (high - low) <= 1 << 20, f"Linux lost {lost:#x} bytes of RAM, {high - low:#x} are hidden")
    return f"{sum(counts['pages'] for counts in exact)} pages of {(high - low) >> 10:,} KiB probed"


def _goals(found: dict[str, int]) -> None:
    if problems := goals.missed(found):
        raise Failure("\n".join(problems))


def _twice(measure: Callable[[], dict[str, int]], names: tuple[str, ...]) -> str:
    found = measure()
    for name in names:
        require(found.get(name, 0) > 0, f"{name} was not measured")
    require(found == measure(), "two runs measured different numbers")
    _goals(found)
    return ", ".join(f"{name} {found[name]:,}" for name in names)


def _bench(context: Context) -> str:
    places = context.places
    return _twice(lambda: bench.measure(places, True) | bench.measure_unshadowed(places), (*bench.ROWS, *bench.UNSHADOWED.values()))


def _bench_pals(context: Context) -> str:
    return _twice(lambda: bench.measure_pals(context.places, True), bench.PAL_ROWS)


def _bench_boots(context: Context) -> str:
    """Rows that take whole boots."""
    found = bench.measure_boots(context.places)
    _goals(found)
    return ", ".join(f"{name} {value:,}" for name, value in found.items())


def _port(context: Context) -> str:
    """Privileged hypercalls. Without the right to the port there is #GP and no exit."""
    chosen = replace(workload.LINUX, name="port", tests=("port",), partitions=("nestvmx", "ept", "hello", "observe"))
    _boot(context, chosen, 2)
    return ""


def _each(suite: str, function: object, *arguments: object) -> list[Case]:
    return [Case(f"{suite}-{cpus}", partial(function, cpus, *arguments)) for cpus in CPUS]  # type: ignore[arg-type]


SUITES: dict[str, list[Case]] = {
    "bare": _each("bare", _kvm, False),
    "linux": [*_each("linux", _linux), Case("linux-port", _port),
              *(Case(f"linux-reboot-{name}", partial(_reboot, name)) for name in ("acpi", "kbd", "triple"))],
    "kvm": _each("kvm", _kvm, True),
    "x2apic": [Case(f"x2apic-{cpus}", partial(_x2apic, cpus)) for cpus in (2, 4)],
    "models": [Case(f"models-{name}", partial(_model, model)) for name, model in MODELS.items()],
    "kvm-matrix": kvm_matrix.CASES,
    "nested": nested.CASES,
    "bulkhead": inner.CASES,
    "xen": xen.CASES,
    "hidden": [Case("hidden", _hidden)],
    "containment": containment.CASES,
    "campaign": campaign.CASES,
    "launch-state": launch_state.CASES,
    "crash-record": crash_record.CASES,
    "hostile": hostile.CASES + races.CASES,
    "startup": startup.CASES,
    "memory-types": memory_types.CASES,
    "pal": pal_suite.CASES,
    "observe": hostile.OBSERVE_CASES,
    "bhctl": bhctl.CASES,
    "load": loading.CASES,
    "tasks": task_switch.CASES,
    "trace": traced.CASES,
    "debugging": debugging.CASES + gdb_session.CASES,
    "broken-route": broken_route.CASES,
    "lhv": lhv.CASES + ranges.CASES + entry_names.CASES + eviction.CASES,
    "lhv-bare": lhv.BARE_CASES,
    "bench": [Case("bench", _bench), Case("bench-pals", _bench_pals), Case("bench-boots", _bench_boots)],
    "loader-errors": loader_errors.CASES,
    "qemu": refused.CASES,
    "dma": dma.CASES,
    "tpm": tpm_suite.CASES,
    "install": installed.CASES,
    "fuzz": fuzz.CASES,
    "proofs-mutations": proof_mutations.CASES,
    "unit-mutations": unit_mutations.CASES,
    "races-mutations": races.MUTATION_CASES,
    "pal-mutations": pal_mutations.CASES,
    "containment-any": containment.NIGHT_CASES,
    "campaign-any": campaign.NIGHT_CASES,
    "fuzz-long": fuzz.NIGHT_CASES,
    "pal-nightly": pal_suite.NIGHTLY_CASES,
    "hypervisors-long": kvm_matrix.NIGHT_CASES + nested.NIGHT_CASES + inner.NIGHT_CASES + xen.NIGHT_CASES + lhv.NIGHT_CASES,
}

# Long ones, to be asked for: they take out what others rest on, one thing at a time, or try what others try far more often.
NIGHTLY = ("proofs-mutations", "unit-mutations", "races-mutations", "pal-mutations", "containment-any", "campaign-any", "fuzz-long", "pal-nightly", "hypervisors-long")
