# SPDX-License-Identifier: BSD-2-Clause
"""The suite `qemu`: a machine without VT-x. The loader refuses in one line, and Linux boots without Bulkhead, to its shell and power-off."""

from __future__ import annotations

from functools import partial

import kvm_probe
import workload
from boot import Boot, boot, problems
from case import Case, Context, Failure, require
from emulator import MODELS, Machine

TIMEOUT = 120.0


def boot_qemu(context: Context, cpus: int, bulkhead: bool = True) -> Boot:
    machine = Machine(cpus=cpus, model=MODELS["qemu"], emulator="qemu")
    run = boot(context.places, workload.LINUX, machine, context.directory(), TIMEOUT, bulkhead)
    if found := problems(run):
        raise Failure("\n".join(found))
    return run


def _refused(cpus: int, context: Context) -> str:
    return boot_qemu(context, cpus).stages.find("refused")[0].text


def _bare(context: Context) -> str:
    run = boot_qemu(context, 2, bulkhead=False)
    require(not run.stages.find("refused"), "the loader was there all the same")
    return ""


def _probe(context: Context) -> str:
    """Never a reason to fail: says what `run` would choose here."""
    return kvm_probe.obstacle() or "KVM could run it"


CASES = [Case(f"qemu-{cpus}", partial(_refused, cpus)) for cpus in (1, 2)] + [Case("qemu-bare", _bare), Case("kvm-probe", _probe)]
