# SPDX-License-Identifier: BSD-2-Clause
"""Faults injected into partitions while L2s run, at any instruction of any message: the partition is restarted, its message retried, and the L2
goes on; if the retry fails too, the message's owner pays, and nobody else."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

import kvm_matrix
import vmm_expected
from boot import Boot, boot, bulkhead_problems, problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import KVM, LINUX, Workload

TIMEOUT = 240.0
NIGHT_TIMEOUT = 900.0
# Enough iterations that by far the most messages are the L2's.
LONG = replace(KVM, iterations=20)


def _run(context: Context, workload: Workload, part: str = "") -> Boot:
    return boot(context.places, workload, Machine(cpus=1), context.directory(part), TIMEOUT)


_lock = threading.Lock()
_undisturbed: dict[str, Boot] = {}


def _middle(context: Context, partition: str) -> int:
    """The number of a message that comes while the L2 runs: with one CPU every run is the same, so one run tells."""
    with _lock:
        if "run" not in _undisturbed:
            run = _run(context, LONG, "undisturbed")
            if found := problems(run):
                raise Failure("undisturbed: " + "\n".join(found))
            _undisturbed["run"] = run
    return _undisturbed["run"].summary().message_count(partition) // 2


def _during_l2(run: Boot) -> None:
    fault, start = run.stages.find("fault"), run.stages.find("guest")
    end = run.stages.find("vmm-pass") + run.stages.find("vmm-fail")
    if not (fault and start and end):
        raise Failure("\n".join(["the fault, the L2's start or its end is missing", *problems(run)]))
    require(start[0].seconds <= fault[0].seconds <= end[0].seconds, "the fault did not come while the L2 ran")


@dataclass(frozen=True)
class Fault:
    """One that was injected, and happened: the message hadn't ended before."""
    reason: str       # of the exit; of a call to ept CALL
    instruction: int  # which of the message's


INJECT = re.compile(r"L0 (\d+) warn inject partition=(\S+) kind=\d+ sequence=(\d+) instruction=(\d+)")
FAULT = re.compile(r"L0 (\d+) error fault partition=(\S+) vector=\S+ .* sequence=(\d+) kind=(\w+) reason=(\S+) attempt=(\d+) ")


def faults(log: list[str]) -> tuple[int, list[Fault]]:
    """How often a fault was to come, and those that came. The others' messages had fewer instructions than that."""
    tried, found = 0, []
    due: dict[tuple[str, str, str], int] = {}  # instruction, of CPU, partition and message
    for line in log:
        if match := INJECT.match(line):
            tried += 1
            due[match[1], match[2], match[3]] = int(match[4])
        elif match := FAULT.match(line):
            instruction = due.pop((match[1], match[2], match[3]), None)
            require(instruction is not None, f"a fault that was not injected: {line}")
            found.append(Fault(match[4] if match[5] == "-" else match[5], instruction or 0))
    return tried, found


def table(found: list[Fault]) -> list[str]:
    """Of each reason: faults, at how many different instructions, up to which."""
    lines = [f"{'reason':28} {'faults':>7} {'instructions':>12} {'up to':>7}"]
    for reason, count in Counter(fault.reason for fault in found).most_common():
        at = {fault.instruction for fault in found if fault.reason == reason}
        lines.append(f"{reason:28} {count:7,} {len(at):12,} {max(at):7,}")
    return lines


def restart_problem(faults: int, restarts: int, cpus: int) -> str | None:
    """A fault costs one restart, which CPUs share whose messages were faulted before it."""
    return None if faults <= restarts * cpus and restarts <= faults else f"{restarts} restarts for {faults} faults on {cpus} CPUs"


def _survived(context: Context, run: Boot, more: list[str], least: int, cpus: int) -> str:
    """L1 and the L2s have checked all their results; each fault was mended by a restart. Leaves the table of what was hit in table.txt."""
    if found := problems(run) + more:
        raise Failure("\n".join(found[:40]))
    tried, hit = faults(run.outcome.log)
    require(len(hit) >= least, f"only {len(hit)} of {tried} faults happened")
    problem = restart_problem(len(hit), len(run.stages.find("restart")), cpus)
    require(problem is None, problem or "")
    (context.directory() / "table.txt").write_text("\n".join([f"{len(hit):,} faults of {tried:,} tried", *table(hit)]) + "\n")
    reasons = Counter(fault.reason for fault in hit)
    return f"{len(hit):,} faults at {len({fault.instruction for fault in hit}):,} instructions of {len(reasons)} exit reasons"


def _goes_on(partition: str, kind: str, count: int, span: int, context: Context) -> str:
    """`count` faults, 8 messages from each other, while the L2 runs."""
    message = _middle(context, partition) // 2
    run = _run(context, replace(LONG, inject=f"{partition} {message} {kind} 0 {count} {span} 8"))
    remark = _survived(context, run, [], count // 4, 1)
    _during_l2(run)
    return remark


@dataclass(frozen=True)
class Sweep:
    """A campaign at night: faults from instruction `first` on, each `stride` instructions later than the one before, round and round within `span` of them,
    in messages that are `spacing` from each other. `rows` of kvm_matrix, or one L2 (KVM's settings don't matter) with as many virtual CPUs as CPUs."""
    name: str
    partition: str
    kind: str
    first: int
    span: int
    spacing: int
    least: int                # faults that happen
    matrix: bool = False
    cpus: int = 1
    model: str = "broadwell_ult"
    ips: int = Machine.ips
    stride: int = 1
    to_end: bool = False      # no message may be longer than what it tries


ANY = 1_000_000  # more than there are messages
BEGIN = 300      # messages of KVM's own start


def too_short(sweep: Sweep, found: list[Fault]) -> list[str]:
    """Messages that were hit in the last tenth of what was tried: longer ones may never be hit."""
    late = [fault for fault in found if fault.instruction >= sweep.first + sweep.span * 9 // 10]
    return [f"{fault.reason} was hit at instruction {fault.instruction:,}: the sweep has to go on behind {sweep.first + sweep.span:,}" for fault in late]


def _sweep(sweep: Sweep, context: Context) -> str:
    inject = f"{sweep.partition} {BEGIN} {sweep.kind} {sweep.first} {ANY} {sweep.span} {sweep.spacing} {sweep.stride}"
    chosen = replace(LONG, vcpus=sweep.cpus, tests=("kvm", "self"), inject=inject)
    if sweep.matrix:
        rows = "/".join(row.text() for row in kvm_matrix.ROWS)
        chosen = replace(LINUX, name="kvm-matrix", tests=("kvm_matrix", "self"), settings=(("matrix", rows),), inject=inject)
    run = boot(context.places, chosen, Machine(cpus=sweep.cpus, model=sweep.model, ips=sweep.ips), context.directory(), NIGHT_TIMEOUT)
    more = kvm_matrix.matrix_problems(run, kvm_matrix.ROWS) if sweep.matrix else []
    return _survived(context, run, more + (too_short(sweep, faults(run.outcome.log)[1]) if sweep.to_end else []), sweep.least, sweep.cpus)


# L1's instructions that end by VMfail where their message fails for good. KVM says so and goes on, or gives its L2 up.
VM_FAIL = ("VMCLEAR", "VMPTRLD", "VMREAD", "VMWRITE")
# Those that invalidate more than was asked for, and succeed.
HARMLESS = ("INVEPT", "INVVPID")
# Which exit a message number meets depends on L1's kernel. Of so many in a row one is an L2's own exit.
TRIES = 4


def _paid(partition: str, message: int, context: Context) -> str:
    """Runs with a message that fails again when it is retried; how its owner paid. L1 lives on in any case."""
    run = _run(context, replace(LONG, inject=f"{partition} {message} ud-twice"), str(message))
    if found := bulkhead_problems(run):
        raise Failure("\n".join(found))
    require(run.outcome.clean(), f"L1 did not live on to power off: {run.outcome.ending}")
    _during_l2(run)
    faults = run.stages.find("fault")
    reason = faults[-1].fields.get("reason", "?")
    require(len(faults) == 2, f"{len(faults)} faults of message {message}, not 2")
    if reason in HARMLESS:
        require(run.test_status("kvm") == 0, f"the L2 did not go on after {reason}")
        return "nothing"
    if reason in VM_FAIL:
        require(any(f"kvm: {reason.lower()} failed" in line for line in run.outcome.console), f"L1's {reason} did not fail")
        return "VMfail"
    want = "failed-entry" if reason in ("VMLAUNCH", "VMRESUME") else "triple-fault"
    require(any(line.startswith("vmm: FAIL") and f"exit={want}" in line for line in run.outcome.console),
            f"the L2 did not end by a {want} after {reason}")
    require(run.test_status("kvm") == 1, "the VMM did not end by itself")
    return want


def _owner_pays(partition: str, context: Context) -> str:
    """The retried message faults again. An L2's exit: the L2 ends by a triple fault; L1's VMLAUNCH or VMRESUME: the entry fails; INVEPT or INVVPID: all is invalidated;
    another instruction of L1: VMfail. An L2's exit is among the messages that are tried."""
    middle = _middle(context, partition)
    for message in range(middle, middle + TRIES):
        paid = _paid(partition, message, context)
        if paid == "triple-fault":
            return f"at message {message}; the L2 ended by a triple-fault, L1 lived"
    raise Failure(f"messages {middle} to {middle + TRIES - 1} were all L1's: none was an L2's exit")


VMS, VM_ITERATIONS = 30, 2
# Of some 3,000 messages that a virtual machine takes.
OWNERS_FAULTS, OWNERS_SPACING = 14, 4500


def vm_end(name: str, lines: list[str], status: int, iterations: int) -> str:
    """How the virtual machine that said this ended. One without a complaint must have the right results."""
    failed = next((line for line in lines if line.startswith("vmm: FAIL")), None)
    if failed is None:
        wrong = vmm_expected.problems(lines, 1, iterations)
        require(not wrong and status == 0, f"virtual machine {name}: {wrong or f'status {status}'}")
    match = re.search(r" exit=([a-z-]+)", failed or "")
    return match[1] if match else failed or "passed"


def ends(console: list[str]) -> Counter[str]:
    """How the virtual machines of guests/linux/kvm_many ended. One without a complaint must have the right results."""
    found: Counter[str] = Counter()
    text = "\n".join(console)
    for vm, said, status in re.findall(r"^bh: vm (\d+) begin\n(.*?)^bh: vm \1 end status=(\d+)$", text, re.MULTILINE | re.DOTALL):
        found[vm_end(vm, said.splitlines(), int(status), VM_ITERATIONS)] += 1
    return found


def _owners(partition: str, first: int, context: Context) -> str:
    """Many virtual machines, one after the other, and messages among theirs that fault twice: some of them end, L1 starts the next one, and those
    that nothing happened to have the right results."""
    chosen = replace(LINUX, name="kvm-many", tests=("kvm_many", "self"), settings=(("vms", VMS), ("iterations", VM_ITERATIONS)),
                     inject=f"{partition} 400 ud-twice {first} {OWNERS_FAULTS} {OWNERS_FAULTS} {OWNERS_SPACING}")
    run = boot(context.places, chosen, Machine(), context.directory(), NIGHT_TIMEOUT)
    if found := problems(run):
        raise Failure("\n".join(found))
    how = ends(run.outcome.console)
    require(sum(how.values()) == VMS, f"{sum(how.values())} of {VMS} virtual machines ran")
    require(how["passed"] >= 2, "no virtual machine passed between the others")
    require(how["triple-fault"] >= 2, f"no virtual machines ended by a triple fault: {dict(how)}")
    return f"{len(run.stages.find('fault'))} faults; of {VMS} virtual machines " + ", ".join(f"{count} {end}" for end, count in how.most_common())


CASES = [Case(f"containment-{partition}-{kind}", partial(_goes_on, partition, kind, count, span))
         for partition, span in (("nestvmx", 600), ("ept", 600)) for kind, count in (("ud", 600), ("pf", 300), ("bad-reply", 100))]
CASES += [Case(f"containment-{partition}-twice", partial(_owner_pays, partition)) for partition in ("nestvmx", "ept")]

# A fault in each message: of an L2's entry and of the exit by L1's tick it takes two, whose restarts must be over well before the next tick, or the L2 never comes to an
# instruction. 500 million instructions a second are those of a slow real CPU. Not for `ept`, which keeps nothing over a reload: an L2's instruction that needs two pages would
# never have both.
QUICK = 500_000_000
# Nearly all messages are shorter. What is behind is tried more sparsely, but up to the end of the longest.
END = 1500
FAR = {"nestvmx": (9000, 50), "ept": (11000, 20)}  # span, faults at least: few messages of `ept` get that far
IVY = "corei7_ivy_bridge_3770k"  # has no VMCS shadowing
SWEEPS = [sweep for partition in ("nestvmx", "ept") for sweep in (
    Sweep(f"{partition}-all", partition, "ud", 1, END, 5, 1000),
    Sweep(f"{partition}-pf", partition, "pf", 0, END, 5, 1000),
    Sweep(f"{partition}-reply", partition, "bad-reply", 0, 1, 7, 1000),
    Sweep(f"{partition}-matrix", partition, "ud", 1, END, 5, 1000, matrix=True),
    Sweep(f"{partition}-matrix-ivy", partition, "ud", 1, END, 5, 1000, matrix=True, model=IVY),
    Sweep(f"{partition}-far", partition, "ud", END, FAR[partition][0], 5, FAR[partition][1], matrix=True, stride=101, to_end=True),
    Sweep(f"{partition}-2", partition, "ud", 1, END, 5, 1000, cpus=2),
    Sweep(f"{partition}-4", partition, "ud", 1, END, 5, 1000, cpus=4))]
SWEEPS.append(Sweep("nestvmx-row", "nestvmx", "ud", 1, 700, 1, 1000, ips=QUICK))
NIGHT_CASES = [Case(f"containment-any-{sweep.name}", partial(_sweep, sweep)) for sweep in SWEEPS]
NIGHT_CASES += [Case(f"containment-owners-{partition}-{first}", partial(_owners, partition, first))
                for partition in ("nestvmx", "ept") for first in (1, 100, 300)]
