# SPDX-License-Identifier: BSD-2-Clause
"""Faults injected into partitions while the L2 runs: the partition is restarted, its message retried, and the L2 goes on; if the
retry fails too, the message's owner pays, and nobody else."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

from boot import Boot, boot, bulkhead_problems, problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import KVM, Workload

TIMEOUT = 240.0
# Enough iterations that by far the most messages are the L2's.
LONG = replace(KVM, iterations=20)

# One each thousand messages: they meet different exits.
FAULTS = 5


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
    require(fault and start and end, "the fault or the L2 is missing")
    require(start[0].seconds <= fault[0].seconds <= end[0].seconds, "the fault did not come while the L2 ran")


def _goes_on(partition: str, kind: str, context: Context) -> str:
    message = _middle(context, partition)
    run = _run(context, replace(LONG, inject=f"{partition} {message} {kind} 0 {FAULTS}"))
    if found := problems(run):
        raise Failure("\n".join(found))
    _during_l2(run)
    restarts = len(run.stages.find("restart"))
    require(restarts == FAULTS, f"{restarts} restarts for {FAULTS} faults")
    reasons = sorted({stage.fields.get("reason", "?") for stage in run.stages.find("fault")})
    return f"{FAULTS} from message {message} on: {', '.join(reasons)}"


# L1's instructions that end by VMfail where their message fails for good. KVM says so and goes on, or gives its L2 up.
VM_FAIL = ("INVEPT", "INVVPID", "VMCLEAR", "VMPTRLD", "VMREAD", "VMWRITE")
# Which exit a message number meets depends on L1's kernel. Of so many in a row one is an L2's own exit.
TRIES = 4


def _paid(partition: str, message: int, context: Context) -> str:
    """Runs with a message that fails again when it is retried; how its owner paid. L1 lives on in any case."""
    run = _run(context, replace(LONG, inject=f"{partition} {message} ud-twice"), str(message))
    if found := bulkhead_problems(run):
        raise Failure("\n".join(found))
    _during_l2(run)
    faults = run.stages.find("fault")
    reason = faults[-1].fields.get("reason", "?")
    require(len(faults) == 2, f"{len(faults)} faults of message {message}, not 2")
    require(run.outcome.clean(), f"L1 did not live on to power off: {run.outcome.ending}")
    if reason in VM_FAIL:
        require(any(f"kvm: {reason.lower()} failed" in line for line in run.outcome.console), f"L1's {reason} did not fail")
        return "VMfail"
    want = "failed-entry" if reason in ("VMLAUNCH", "VMRESUME") else "triple-fault"
    require(any(line.startswith("vmm: FAIL") and f"exit={want}" in line for line in run.outcome.console),
            f"the L2 did not end by a {want} after {reason}")
    require(run.test_status("kvm") == 1, "the VMM did not end by itself")
    return want


def _owner_pays(partition: str, context: Context) -> str:
    """The retried message faults again. An L2's exit: the L2 ends by a triple fault; L1's VMLAUNCH or VMRESUME: the entry fails;
    another instruction of L1: VMfail. An L2's exit is among the messages that are tried."""
    middle = _middle(context, partition)
    for message in range(middle, middle + TRIES):
        paid = _paid(partition, message, context)
        if paid == "triple-fault":
            return f"at message {message}; the L2 ended by a triple-fault, L1 lived"
    raise Failure(f"messages {middle} to {middle + TRIES - 1} were all L1's: none was an L2's exit")

CASES = [Case(f"containment-{partition}-{kind}", partial(_goes_on, partition, kind))
         for partition in ("nestvmx", "ept") for kind in ("ud", "pf", "bad-reply")]
CASES += [Case(f"containment-{partition}-twice", partial(_owner_pays, partition)) for partition in ("nestvmx", "ept")]
