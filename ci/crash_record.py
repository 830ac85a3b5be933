# SPDX-License-Identifier: BSD-2-Clause
"""Crash records: a partition faults or the kernel panics, the machine is reset warm, and the next boot tells what happened; all in one process of the
emulator, whose memory a reset leaves as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import post_mortem
from boot import Boot, boot
from case import Case, Context, require
from emulator import Machine
from hostile import PROBE
from stages import Stages
from workload import configuration

TIMEOUT = 240.0
MACHINE = Machine(cpus=2, ips=10_000_000)
MESSAGES = 30
SAID = "bulkhead: last run: "
HEX = r"[0-9a-f]+"


def _boots(run: Boot) -> list[list[str]]:
    """The console's lines, boot by boot; a run that is ended late has some more."""
    boots: list[list[str]] = []
    for line in run.outcome.console:
        if "BdsDxe: starting" in line:
            boots.append([])
        if boots:
            boots[-1].append(line.rstrip())
    return boots


def last_run(lines: list[str]) -> list[str]:
    """What the loader tells of the boot before."""
    return [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]


def _run(context: Context, inject: str, *settings: str) -> list[list[str]]:
    """Until the third boot has told of the second one's end: what it says of the first must be gone by then."""
    workload = replace(PROBE, partitions=("hello",), plain_options=f"boots {MESSAGES}", inject=inject)
    stages = Stages(keep_going=True, last=re.compile(re.escape(SAID) + r"crash record 2,"))
    conf = {"EFI/bulkhead/bulkhead.conf": configuration(workload, settings).encode()}
    run = boot(context.places, workload, MACHINE, context.directory(), TIMEOUT, stages=stages, files=conf)
    boots = _boots(run)
    require(run.outcome.ending == "stopped", f"the run ended otherwise: {run.outcome.ending} {run.outcome.detail}")
    require(len(boots) >= 3, f"{len(boots)} boots, not 3")
    require(not last_run(boots[0]), f"a record before there was a crash: {last_run(boots[0])}")
    require(len(run.stages.find("launched")) >= 2, "Bulkhead did not launch after the reset")
    return [last_run(lines) for lines in boots[:3]]


def _check(said: list[str], number: int, headline: str, backtrace: str) -> str:
    require(len(said) > 3, f"boot {number + 1} says too little: {said}")
    require(re.fullmatch(headline, said[0]), f"boot {number + 1} says '{said[0]}'")
    require(re.fullmatch(rf"crash record {number}, workload probe, version \S+, begun 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", said[1]),
            f"boot {number + 1} says '{said[1]}'")
    require(re.fullmatch(backtrace, said[2]), f"boot {number + 1} says '{said[2]}'")
    log = said[3:]
    require(log and all(line.startswith("L0 ") for line in log), f"boot {number + 1} shows no log: {log}")
    return said[0]


def _named(context: Context, image: str, backtrace: str, function: str) -> None:
    """The addresses are places in the image's source."""
    addresses = [int(word, 16) for word in re.findall(rf" ({HEX})(?= |$)", backtrace)]
    frames = post_mortem.symbolise(post_mortem.image(context.places.product, image), addresses)
    require(any(re.match(rf"{function} \(\w+\.c:\d+\)", frame) for frame in frames), f"{function} is none of {frames}")


def _fault(context: Context) -> str:
    """A contained fault, and a reset later on by L1."""
    _, second, third = _run(context, "hello 10 ud 5")
    told = _check(second, 1, r"partitions faulted 1 times, the last one on CPU 0: partition=hello vector=6 .*cause=exception",
                  rf"backtrace in hello:( {HEX}){{2,}}")
    require(third[:1] == second[:1], f"the second fault is told as {third}")
    _named(context, "hello", second[2], "(rt_message|partition_message)")
    return told


def _panic(kind: str, text: str, context: Context) -> str:
    """The kernel's own end, and the reset that the configuration asks for."""
    _, second, third = _run(context, f"hello 10 {kind}", "panic = reset")
    told = _check(second, 1, rf"ended in a panic on CPU 0: {text}", rf"backtrace in the kernel:( {HEX}){{4,}}")
    require(any("panic: " in line for line in second[3:]), "the record's log has no word of the panic")
    require(third[:1] == second[:1], f"the second panic is told as {third}")
    _named(context, "kernel", second[2], "(fault_inject_entry|ipc_upcall_special|upcall_injected)")
    return told


CASES = [Case("crash-record-fault", _fault),
         Case("crash-record-panic", partial(_panic, "panic", r"injected at message \d+ of partition hello")),
         Case("crash-record-kernel-fault", partial(_panic, "kernel-pf", r"exception 14 error=0x2 rip=0xffffffff8.* cr2=0xffffffff7ffff000"))]
