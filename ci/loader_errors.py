# SPDX-License-Identifier: BSD-2-Clause
"""What the loader refuses: one clear line on the console, then a boot without Bulkhead."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import l0log
from boot import KERNEL, LOADER, Boot, Places, boot, next_text
from case import Case, Context, require
from emulator import Machine
from stages import Stages
from workload import MARKER, configuration

TIMEOUT = 90.0
UEFI_IPS = 10_000_000
CONF = "EFI/bulkhead/bulkhead.conf"
ABSENT = "no VT-d, or off in the firmware's setup (no ACPI table DMAR)"
NO_VTD = f"DMA: NOT PROTECTED: {ABSENT}"


def _digest(data: bytes) -> bytes:
    """As the manifest has it (kernel/loader/manifest.py)."""
    return hashlib.blake2b(data, digest_size=32).digest()


Files = Callable[[Places], dict[str, Path | bytes]]


@dataclass(frozen=True)
class Refusal:
    name: str
    line: str                # what the loader must say, after "bulkhead: "
    boots_on: bool = True    # whether the next image is started
    machine: Machine = Machine(ips=UEFI_IPS)
    files: Files = lambda places: {}
    halts: bool = False      # the machine must stay where it is


def _conf(*settings: str, text: str = "") -> Files:
    return lambda places: {CONF: (text or configuration(MARKER, settings)).encode()}


def _without(name: str) -> Files:
    return lambda places: {name: b""}


def _damaged_kernel(places: Places) -> dict[str, Path | bytes]:
    data = bytearray((places.product / KERNEL).read_bytes())
    data[len(data) // 2] ^= 1
    return {"EFI/bulkhead/kernel.elf": bytes(data)}


def _cut_kernel(places: Places) -> dict[str, Path | bytes]:
    return {"EFI/bulkhead/kernel.elf": (places.product / KERNEL).read_bytes()[:100]}


def _damaged_partition(places: Places) -> dict[str, Path | bytes]:
    data = bytearray(places.partition("ept").read_bytes())
    data[-1] ^= 1
    return {"EFI/bulkhead/ept.elf": bytes(data)}


def _known(places: Places, name: str, offset: int, bytes_there: bytes) -> dict[str, Path | bytes]:
    """A changed file that the loader's manifest vouches for: what is wrong with it is found later on."""
    before = (places.product / f"kernel/loader/{name}").read_bytes()
    after = before[:offset] + bytes_there + before[offset + len(bytes_there):]
    loader = (places.product / LOADER).read_bytes()
    require(loader.count(_digest(before)) == 1, f"the loader has no hash of {name}")
    return {f"EFI/bulkhead/{name}": after, "EFI/bulkhead/bulkhead.efi": loader.replace(_digest(before), _digest(after))}


def _other_abi(places: Places) -> dict[str, Path | bytes]:
    magic = places.partition("ept").read_bytes().index(b"KHCAP01\0")
    return _known(places, "ept.elf", magic + 8, b"\xff")


def _writable_code(places: Places) -> dict[str, Path | bytes]:
    data = places.partition("ept").read_bytes()
    table, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    flags = [table + 56 * i + 4 for i in range(count) if struct.unpack_from("<II", data, table + 56 * i) == (1, 5)]
    require(len(flags) == 1, f"ept.elf has {len(flags)} segments of code")
    return _known(places, "ept.elf", flags[0], struct.pack("<I", 7))


def _faulting_partition(places: Places) -> dict[str, Path | bytes]:
    """Its first instruction is undefined: the kernel finds out when it has the CPU for itself, and has to give it back."""
    data = places.partition("ept").read_bytes()
    entry = struct.unpack_from("<Q", data, data.index(b"KHCAP01\0") + 32)[0]
    table, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    for at in range(table, table + 56 * count, 56):
        offset, address, _, size = struct.unpack_from("<4Q", data, at + 8)
        if address <= entry < address + size:
            return _known(places, "ept.elf", offset + entry - address, b"\x0f\x0b")
    raise AssertionError("ept.elf: the entry lies in no segment")


def _claimed_port(places: Places) -> dict[str, Path | bytes]:
    """`ranges` claims 0x84 to 0x86 of L2s (partitions/ranges): here from the keyboard controller's 0x64 on, by which a machine is reset."""
    row = places.partition("ranges").read_bytes().index(struct.pack("<QQ", 0x84, 0x86))
    conf = configuration(replace(MARKER, partitions=("nestvmx", "ept", "ranges")))
    return {CONF: conf.encode()} | {f"EFI/bulkhead/{name}.elf": places.partition(name) for name in ("nestvmx", "ept")} | \
        _known(places, "ranges.elf", row, struct.pack("<Q", 0x64))


def _debug(partitions: tuple[str, ...], debug: str) -> Callable[[Places], dict[str, Path | bytes]]:
    text = configuration(replace(MARKER, partitions=partitions, debug=debug))
    return lambda places: {CONF: text.encode()} | {f"EFI/bulkhead/{name}.elf": places.partition(name) for name in partitions}


def _odd_workload(places: Places) -> dict[str, Path | bytes]:
    return {"EFI/acpi/next.txt": next_text("\\EFI\\bulkhead\\bulkhead.efi", "workload=absent")}


def _locked_off(places: Places) -> dict[str, Path | bytes]:
    return {"EFI/acpi/next.txt": next_text("\\EFI\\bulkhead\\bulkhead.efi", "workload=marker", "lock-vtx")}


REFUSALS = (
    Refusal("no-vtx", "this CPU has no VT-x", machine=Machine(model="qemu64", emulator="qemu")),
    Refusal("no-ept", "this CPU's VT-x has no EPT", machine=Machine(model="core2_penryn_t9600", ips=UEFI_IPS)),
    Refusal("no-unrestricted-guest", "this CPU's VT-x has no unrestricted guest",
            machine=Machine(model="corei5_lynnfield_750", ips=UEFI_IPS)),
    Refusal("locked-off", "VT-x is locked off by the firmware", files=_locked_off),
    Refusal("conf-missing", r"\EFI\bulkhead\bulkhead.conf: not found", boots_on=False, files=_without(CONF)),
    Refusal("conf-bad-line", "bulkhead.conf:2: unknown key 'colour'",
            files=_conf(text=configuration(MARKER).replace("console = e9", "colour = blue"))),
    Refusal("conf-no-workload", "bulkhead.conf: no [workload absent], which the load options ask for", boots_on=False,
            files=_odd_workload),
    Refusal("kernel-missing", r"\EFI\bulkhead\kernel.elf: not found", files=_without("EFI/bulkhead/kernel.elf")),
    Refusal("kernel-damaged", r"\EFI\bulkhead\kernel.elf: ", files=_damaged_kernel),
    Refusal("kernel-cut", r"\EFI\bulkhead\kernel.elf: ", files=_cut_kernel),
    Refusal("partition-missing", r"\EFI\bulkhead\ept.elf: not found", files=_without("EFI/bulkhead/ept.elf")),
    Refusal("partition-damaged", r"\EFI\bulkhead\ept.elf: is damaged", files=_damaged_partition),
    Refusal("partition-other-abi", r"\EFI\bulkhead\ept.elf: made for another ABI", files=_other_abi),
    Refusal("partition-writable-code", r"\EFI\bulkhead\ept.elf: a segment is writable and executable", files=_writable_code),
    Refusal("partition-faulting", "the kernel does not start: a partition doesn't start: the log says which and why", files=_faulting_partition),
    Refusal("partition-port", "partition ranges: it claims port 0x64 of L2s, which L0 watches itself", files=_claimed_port),
    Refusal("debug-no-port", "debug: there is no COM2 for gdb", files=_debug(("gdb", "ept"), "ept")),
    Refusal("debug-secrets", "partition trustvisor: to be debugged, and may hold secrets: `debug = NAME secrets` shows them",
            files=_debug(("gdb", "trustvisor"), "trustvisor")),
    Refusal("debug-unasked", "partition gdb: it debugs, and no `debug =` says what", files=_debug(("gdb", "ept"), "")),
    Refusal("debug-nobody", "partition ept: to be debugged, and none that debugs (gdb) comes before it", files=_debug(("ept",), "ept")),
    Refusal("dma-required", f"dma = require: {ABSENT}", files=_conf("dma = require")),
    Refusal("memory-too-small", "memory = 2M is too little for the kernel and the partitions of [workload marker]", files=_conf("memory = 2M")),
    Refusal("memory-too-little", "too little memory: no 1024 MiB in one piece", files=_conf("memory = 1G")),
    Refusal("required", r"\EFI\bulkhead\kernel.elf: not found", boots_on=False, halts=True,
            files=lambda places: _without("EFI/bulkhead/kernel.elf")(places) | _conf("require = yes")(places)),
)


def _loader(run: Boot) -> list[str]:
    """Its lines, but for the one that the emulator, which has no VT-d, always brings."""
    said = [line.removeprefix("bulkhead: ").rstrip() for line in run.outcome.console if line.startswith("bulkhead: ")]
    return [line for line in said if line != NO_VTD]


def _check(refusal: Refusal, run: Boot) -> str:
    said = _loader(run)
    require(said, "the loader said nothing")
    require(len(said) == 1, f"the loader said more than one line: {said}")
    require(said[0].startswith(refusal.line), f"the loader said '{said[0]}', expected '{refusal.line}'")
    require(not run.stages.find("launched"), "Bulkhead launched all the same")
    started = any(line.startswith("marker: started") for line in run.outcome.console)
    require(started == refusal.boots_on, "the next image " + ("was started" if started else "was not started"))
    if refusal.boots_on:
        require(run.outcome.clean(), f"the machine did not power off by itself: {run.outcome.ending}")
    if refusal.halts:
        require(run.outcome.ending == "stopped" and not run.stages.hopeless, "the machine did not halt")
    return said[0]


def _run(refusal: Refusal, context: Context) -> str:
    stages = Stages(last=re.compile(r"^bulkhead: ") if refusal.halts else None)
    run = boot(context.places, MARKER, refusal.machine, context.directory(), TIMEOUT, stages=stages,
               files=refusal.files(context.places))
    return _check(refusal, run)


def _next_missing(context: Context) -> str:
    """Bulkhead runs, the loader says what is missing, and the firmware gets the machine back."""
    missing = {"EFI/marker/marker.efi": b""}
    stages = Stages(last=re.compile(r"^bulkhead: .*marker\.efi"), keep_going=True)
    run = boot(context.places, MARKER, Machine(ips=UEFI_IPS), context.directory(), TIMEOUT, stages=stages, files=dict(missing))
    said = _loader(run)
    require(len(said) == 2 and said[0].startswith("running on ") and said[1] == r"\EFI\marker\marker.efi: not found", f"the loader said {said}")
    require(run.outcome.ending == "stopped", f"the machine ended: {run.outcome.ending}")
    return said[1]


def _console_com1(context: Context) -> str:
    """L0's log goes to COM1, in the midst of what L1 writes there, and nowhere else."""
    run = boot(context.places, MARKER, Machine(ips=UEFI_IPS), context.directory(), TIMEOUT,
               files={CONF: configuration(MARKER).replace("console = e9", "console = com1").encode()})
    log = l0log.parse_all([line.rstrip() for line in run.outcome.console])
    require(not l0log.parse_all(run.outcome.log), "there are lines on port 0xE9")
    for stage in ("launched", "power-off"):
        require(any(record.about("stage", stage) for record in log), f"no line on COM1 says: stage {stage}")
    require(any("marker: started" in line for line in run.outcome.console), "the next image was not started")
    require(run.outcome.clean(), f"the machine did not power off by itself: {run.outcome.ending}")
    return f"{len(log)} lines"


def _dma_line(setting: str, why: str, context: Context) -> str:
    """Without VT-d Bulkhead runs, and says loudly what that means: on the console and in its log."""
    run = boot(context.places, MARKER, Machine(ips=UEFI_IPS), context.directory(), TIMEOUT, files=_conf(*([setting] if setting else []))(context.places))
    said = [line.removeprefix("bulkhead: ").rstrip() for line in run.outcome.console if line.startswith("bulkhead: ")]
    require(said[:1] == [f"DMA: NOT PROTECTED: {why}"] and len(said) == 2, f"the loader said {said}")
    require(run.stages.find("launched") and run.outcome.clean(), "Bulkhead did not run")
    require(any("warn DMA: nothing keeps devices out of hidden memory and PALs" in line for line in run.outcome.log), "the log does not say so")
    return said[0]


CASES = [Case(f"loader-{refusal.name}", partial(_run, refusal)) for refusal in REFUSALS]
CASES += [Case("loader-dma-absent", partial(_dma_line, "", ABSENT)), Case("loader-dma-off", partial(_dma_line, "dma = off", "bulkhead.conf has dma = off"))]
CASES += [Case("loader-next-missing", _next_missing), Case("loader-console-com1", _console_com1)]
