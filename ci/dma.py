# SPDX-License-Identifier: BSD-2-Clause
"""The suite `dma`: VT-d as the loader sets it up and the kernel runs it, against a device that does DMA, in QEMU, which has VT-d and no VT-x; and the loader's line on
machines without it. No emulator has both."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from boot import Boot, boot
from case import Case, Context, require
from emulator import MODELS, Machine
from stages import Stages
from workload import Workload

TIMEOUT = 120.0
QUEUE = Workload("vtd", partitions=(), next="\\EFI\\vtd\\vtd.efi", next_file="ci/guests/vtd/vtd.efi")
REGISTERS = replace(QUEUE, next_file="ci/guests/vtd/vtd_registers.efi")
EDU = ("-device", "edu,dma_mask=0xffffffff")
REFUSED = re.compile(r"hidden memory: device 00:[0-9a-f]{2}\.0 (reads|writes) 0x[0-9a-f]+000, reason 0x[56] \(\d+ accesses\)")
CHECKS = 21  # of vtd.efi, once it has VT-d


def _machine(unit: str) -> Machine:
    # The unit comes first: devices that are there before it aren't behind it.
    return Machine(model=MODELS["qemu"], emulator="qemu", devices=(*(("-device", unit) if unit else ()), *EDU))


def _run(context: Context, unit: str, workload: Workload = QUEUE) -> Boot:
    return boot(context.places, workload, _machine(unit), context.directory(), TIMEOUT, stages=Stages(last=re.compile(r"^vtd: done"), keep_going=True))


def _said(run: Boot, what: str) -> list[str]:
    return [line.removeprefix(f"vtd: {what} ") for line in run.outcome.console if line.startswith(f"vtd: {what} ")]


def _protected(unit: str, workload: Workload, context: Context, snoops: bool = False) -> str:
    run = _run(context, unit, workload)
    good, bad = _said(run, "ok"), _said(run, "FAIL")
    require(not bad, "\n".join(bad))
    require("vtd: done" in run.outcome.console, "vtd.efi did not come to its end")
    require(len(good) == CHECKS, f"vtd.efi made {len(good)} checks: {good}")
    require(_said(run, "told by") == ["its queue" if workload is QUEUE else "registers"], f"the unit was told by {_said(run, 'told by')}")
    require(("vtd: told to snoop" in run.outcome.console) == snoops, f"the unit {'was not' if snoops else 'was'} told to snoop caches")
    line = "DMA: protected by 1 VT-d units" + ("" if snoops else "; not all of them make devices snoop caches")
    require(_said(run, "loader:") == [line], f"the loader said {_said(run, 'loader:')}")
    lines = _said(run, "log:")
    require(any(REFUSED.fullmatch(text) for text in lines), f"the log has no line of the device's requests: {lines}")
    return f"{len(good)} checks"


def _refused(unit: str, line: str, context: Context) -> str:
    """Nothing is half protected: one line, and the unit is as it was."""
    run = _run(context, unit)
    said = _said(run, "loader:")
    require(len(said) == 1 and said[0].startswith(f"dma = require: {line}"), f"the loader said {said}")
    require(_said(run, "FAIL") == ["start"], f"vtd.efi went on: {run.outcome.console}")
    return said[0]


CASES = [
    Case("dma", partial(_protected, "intel-iommu,aw-bits=48", QUEUE)),
    Case("dma-registers", partial(_protected, "intel-iommu,aw-bits=48", REGISTERS)),
    Case("dma-scalable", partial(_protected, "intel-iommu,aw-bits=48,x-scalable-mode=on", QUEUE)),
    Case("dma-snooping", partial(_protected, "intel-iommu,aw-bits=48,snoop-control=on", QUEUE, snoops=True)),
    Case("dma-absent", partial(_refused, "", "no VT-d, or off in the firmware's setup (no ACPI table DMAR)")),
    Case("dma-three-levels", partial(_refused, "intel-iommu,aw-bits=39", "a VT-d unit has no tables of four levels")),
    Case("dma-caching", partial(_refused, "intel-iommu,aw-bits=48,caching-mode=on", "a VT-d unit wants to be told of every change of its tables")),
]
