# SPDX-License-Identifier: BSD-2-Clause
"""The suite `tpm`: what the loader measures, and secrets that outlive a boot, with a real TPM 2.0 (swtpm)."""

from __future__ import annotations

import hashlib
import shutil
import socket
import struct
from pathlib import Path

from boot import NO_VTX, Boot, boot
from case import Case, Context, require
from emulator import MODELS, Machine
from swtpm import HEADER, Swtpm, obstacle, receive
from workload import Workload, configuration

TIMEOUT = 300.0
ASK = Workload("ask", partitions=("trustvisor",), next="\\EFI\\ask\\ask.efi", next_file="ci/guests/tcg2/ask.efi")

SESSIONS = 0x8002
HIERARCHY_CHANGE_AUTH = 0x129


def _fresh(context: Context) -> Path:
    """A TPM as it comes from its maker."""
    state = context.directory("tpm")
    shutil.rmtree(state, ignore_errors=True)
    return state


def _extended(*measured: bytes) -> str:
    pcr = bytes(32)
    for data in measured:
        pcr = hashlib.sha256(pcr + hashlib.sha256(data).digest()).digest()
    return pcr.hex()


def _said(run: Boot, prefix: str) -> dict[str, str]:
    lines = [line.strip().split() for line in run.outcome.console if line.startswith(prefix)]
    return {words[1]: words[2].lower() for words in lines if len(words) == 3}


def _loader(run: Boot) -> list[str]:
    return [line.removeprefix("bulkhead: ").rstrip() for line in run.outcome.console if line.startswith("bulkhead: ")]


def _ask(context: Context, state: Path, part: str, workload: Workload = ASK) -> Boot:
    """QEMU has a TPM, and the firmware its driver. There is no VT-x, so Bulkhead itself goes no further."""
    with Swtpm(state, raw=False) as tpm:
        machine = Machine(model=MODELS["qemu"], emulator="qemu", devices=tuple(tpm.qemu()))
        return boot(context.places, workload, machine, context.directory(part), TIMEOUT)


def _measured(context: Context) -> str:
    """PCR 8 holds what is on the volume, in its order, and the end."""
    if why := obstacle():
        return f"skipped: {why}"
    state = _fresh(context)
    runs = [_ask(context, state, part) for part in ("first", "second")]
    for run in runs:
        require(_loader(run) == [NO_VTX], f"the loader said {_loader(run)}")  # nothing that the TPM refused
    found = [_said(run, "ask: ") for run in runs]
    files = [context.places.product / f"kernel/loader/{name}.elf" for name in ("kernel", *ASK.partitions)]
    expected = _extended(configuration(ASK).encode(), ASK.name.encode(), *(file.read_bytes() for file in files), b"over")
    require(found[0].get("pcr8") == expected, f"PCR 8 holds {found[0].get('pcr8')}, not {expected}")
    require(set(found[0].get("pcr4", "0")) != {"0"}, "the firmware did not measure")
    require(found[0].get("secret") and found[0] == found[1], f"two boots differ: {found}")
    return f"PCR 8 {expected[:16]}..."


def _password(context: Context) -> str:
    """A TPM whose owner has a password: one line, and the machine boots on."""
    if why := obstacle():
        return f"skipped: {why}"
    state = _fresh(context)
    with Swtpm(state, raw=True) as tpm, socket.socket(socket.AF_UNIX) as line:
        line.connect(str(tpm.path))
        body = struct.pack(">IIIHBH", 0x40000001, 9, 0x40000009, 0, 0, 0) + struct.pack(">H", 4) + b"pass"
        line.sendall(HEADER.pack(SESSIONS, HEADER.size + len(body), HIERARCHY_CHANGE_AUTH) + body)
        require(HEADER.unpack_from(receive(line))[2] == 0, "the password could not be set")
    said = _loader(_ask(context, state, "boot"))
    require(said == ["TPM: its owner hierarchy has a password: keys are for this boot only", NO_VTX], f"the loader said {said}")
    return said[0]


CASES = [Case("tpm-measured", _measured), Case("tpm-password", _password)]
