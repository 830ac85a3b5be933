# SPDX-License-Identifier: BSD-2-Clause
"""The suite `tpm`: what the loader measures, and keys that outlive a boot, with a real TPM 2.0 (swtpm)."""

from __future__ import annotations

import hashlib
import shutil
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import initramfs
import loading
from boot import NO_VTX, Boot, boot, next_text, problems
from case import Case, Context, Failure, require
from emulator import MODELS, Machine
from ram import find_all
from stages import LINGER
from swtpm import HEADER, Swtpm, TpmPort, obstacle, receive
from watch import Watch
from workload import LINUX, LOADER, PAL, Workload, configuration

TIMEOUT = 300.0
ASK = Workload("ask", partitions=("trustvisor",), next="\\EFI\\ask\\ask.efi", next_file="ci/guests/tcg2/ask.efi")
KEPT = replace(PAL, name="kept", tests=("pal_kept",), words="initrd=\\EFI\\linux\\kept.img")

NO_SESSIONS, SESSIONS = 0x8001, 0x8002
CREATE_PRIMARY, HIERARCHY_CHANGE_AUTH, HMAC, FLUSH, START_AUTH_SESSION, POLICY_PCR = 0x131, 0x129, 0x155, 0x165, 0x176, 0x17f
GET_RANDOM = 0x17b
POLICY_FAIL = 0x99d  # of the first session


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
    state = _fresh(context)
    with Swtpm(state, raw=True) as tpm, socket.socket(socket.AF_UNIX) as line:
        line.connect(str(tpm.path))
        body = struct.pack(">IIIHBH", 0x40000001, 9, 0x40000009, 0, 0, 0) + struct.pack(">H", 4) + b"pass"
        line.sendall(HEADER.pack(SESSIONS, HEADER.size + len(body), HIERARCHY_CHANGE_AUTH) + body)
        require(HEADER.unpack_from(receive(line))[2] == 0, "the password could not be set")
    said = _loader(_ask(context, state, "boot"))
    require(said == ["TPM: its owner hierarchy has a password: keys are for this boot only", NO_VTX], f"the loader said {said}")
    return said[0]


class Intruder:
    """L1, which may say to the TPM whatever the loader has said, and that again."""

    def __init__(self, tpm: TpmPort) -> None:
        self.tpm = tpm
        self.loader = {HEADER.unpack_from(command)[2]: (command, answer) for command, answer in tpm.said}

    def send(self, command: bytes) -> tuple[int, bytes]:
        answer = self.tpm.ask(command)
        return HEADER.unpack_from(answer)[2], answer[HEADER.size:]

    def again(self, code: int, handle: bytes = b"", session: bytes = b"") -> tuple[int, bytes]:
        """The loader's own command; with another handle before the parameters, and another session."""
        command = self.loader[code][0]
        command = command[:10] + handle + command[10 + len(handle):]
        if session:
            command = command[:18] + session + command[22:]
        return self.send(command)

    def secret(self) -> bytes:
        return self.loader[HMAC][1][16:48]

    def refused(self) -> None:
        """He has the loader's key made, but it isn't his to use."""
        code, body = self.again(CREATE_PRIMARY)
        require(code == 0, f"the same key could not be made: {code:#x}")
        key = body[:4]
        code, body = self.again(START_AUTH_SESSION)
        session = body[:4]
        require(code == 0 and self.again(POLICY_PCR, session)[0] == 0, "no session by the PCRs")
        code, body = self.again(HMAC, key, session)
        require(code == POLICY_FAIL, f"the loader's key can be used after it: {code:#x}")


def _kept(context: Context) -> str:
    """A counter that one boot has sealed goes on in the next one, by the same identity key; with another configuration both are others."""
    state, blob, found, secrets = _fresh(context), b"", [], []
    context.directory().mkdir(parents=True, exist_ok=True)
    for part, settings in (("first", ()), ("second", ()), ("changed", ("log = debug",))):
        archive = initramfs.make(context.directory() / f"{part}.img", {"kept/counter": blob} if blob else {}, {})
        with TpmPort(state) as tpm:
            files = {"EFI/linux/kept.img": archive, "EFI/tcg2/tcg2.efi": context.places.build / "ci/guests/tcg2/tcg2.efi",
                     "EFI/bulkhead/bulkhead.conf": configuration(KEPT, settings).encode(),
                     "EFI/acpi/next.txt": next_text(LOADER, f"workload={KEPT.name}", "tcg2")}
            run = boot(context.places, KEPT, Machine(com3=tpm.com3), context.directory(part), TIMEOUT, files=files)
            if wrong := problems(run):
                raise Failure("\n".join(wrong))
            require(any("keys are kept by the TPM" in line for line in run.outcome.log), f"{part}: the keys are not kept; the loader said {_loader(run)}")
            intruder = Intruder(tpm)
            intruder.refused()
            secrets.append(intruder.secret())
        found.append(_said(run, "kept: "))
        blob = blob or bytes.fromhex(found[0].get("blob", ""))
    counters, keys = [one.get("counter") for one in found], [one.get("key") for one in found]
    require(counters == ["1", "2", "refused"], f"the counters were {counters}")
    require(keys[0] and keys[0] == keys[1] and keys[1] != keys[2], "the identity key is not one of the same Bulkhead and configuration")
    require(secrets[0] == secrets[1] != secrets[2], "the TPM's secrets are not those of the same Bulkhead and configuration")
    return "counter 1, 2; another configuration is refused it"


def _reloaded(context: Context) -> str:
    """The seed is the kernel's to give again: a trustvisor that was unloaded has the same keys when it is loaded once more, as the machine's next boot does."""
    key, initrd = loading.signed_files(context)
    workload = replace(LINUX, name="reloaded", partitions=("report", "verify"), loadable=("trustvisor",), load_key=key, tests=("pal_reloaded",),
                       words="initrd=\\EFI\\linux\\load.img")
    state, found = _fresh(context), []
    for part in ("first", "second"):
        with TpmPort(state) as tpm:
            files = {loading.INITRD: initrd, "EFI/tcg2/tcg2.efi": context.places.build / "ci/guests/tcg2/tcg2.efi",
                     "EFI/acpi/next.txt": next_text(LOADER, f"workload={workload.name}", "tcg2")}
            run = boot(context.places, workload, Machine(com3=tpm.com3), context.directory(part), TIMEOUT, files=files)
        if wrong := problems(run):
            raise Failure("\n".join(wrong))
        kept = sum("keys are kept by the TPM" in line for line in run.outcome.log)
        require(kept == 2, f"{part}: keys were kept by the TPM at {kept} of 2 loads")
        found.append(_said(run, "kept: "))
    for one in found:
        require([one.get("first-counter"), one.get("second-counter")] == ["1", "2"], f"the counters were {one}")
    keys = {one.get(f"{which}-key") for one in found for which in ("first", "second")}
    require(len(keys) == 1 and keys != {None}, "the identity key is not the same at each load and boot")
    return "counter 1, 2, and one identity key, over two loads and two boots"


class _Waiting(TpmPort):
    """The loader has its secrets when it asks for randomness: that answer waits until somebody has looked."""

    def __init__(self, state: Path) -> None:
        self.asked, self.looked = threading.Event(), threading.Event()
        super().__init__(state)

    def ask(self, command: bytes) -> bytes:
        if HEADER.unpack_from(command)[2] == GET_RANDOM and not self.asked.is_set():
            self.asked.set()
            self.looked.wait(TIMEOUT)
        return super().ask(command)

    def secret(self) -> bytes:
        return next(answer[16:48] for command, answer in self.said if HEADER.unpack_from(command)[2] == HMAC)


class _Refused(Watch):
    """Looks for the secret in all of RAM while the loader has it, and from the line on by which it gives up, until there is none or the time is over."""

    def __init__(self, machine: Machine, tpm: _Waiting) -> None:
        super().__init__(machine, lambda name, ram: None)
        self.tpm = tpm
        self.before, self.after = -1, -1

    def _count(self) -> int:
        with self.memory() as ram:
            return len(find_all(ram, self.tpm.secret()))

    def over(self, seconds: float) -> bool:
        if self.process and self.tpm.asked.is_set() and self.before < 0:
            self.before = self._count()
            self.tpm.looked.set()
        if self.process and self.before >= 0 and self.after != 0 and self.find("refused"):
            self.after = self._count()
            if self.after == 0:
                self.end = seconds + LINGER
        return super().over(seconds)


def _required(context: Context) -> str:
    """With require = yes a machine on which Bulkhead can't launch stands still, and of what the TPM gave nothing is in RAM."""
    with _Waiting(_fresh(context)) as tpm:
        files = {"EFI/tcg2/tcg2.efi": context.places.build / "ci/guests/tcg2/tcg2.efi",
                 "EFI/bulkhead/bulkhead.conf": configuration(ASK, ("memory = 1G", "require = yes")).encode(),
                 "EFI/acpi/next.txt": next_text(LOADER, f"workload={ASK.name}", "tcg2")}
        machine = Machine(com3=tpm.com3)
        watch = _Refused(machine, tpm)
        run = boot(context.places, ASK, machine, context.directory(), TIMEOUT, stages=watch, files=files)
        said = _loader(run)
        require(said == ["too little memory: no 1024 MiB in one piece"], f"the loader said {said}")
        require(watch.before > 0, "the loader's copy of the secret was not found: the search shows nothing")
        require(watch.after == 0, f"{watch.after} copies of the secret are in RAM behind the refusal")
        require(run.outcome.ending == "stopped" and not _said(run, "ask: "), f"the machine went on: {run.outcome.ending}")
        Intruder(tpm).refused()
    return f"{watch.before} copies while the loader had it, none after"


def _with_swtpm(run: Callable[[Context], str], context: Context) -> str:
    why = obstacle()
    return f"skipped: {why}" if why else run(context)


CASES = [Case(f"tpm-{name}", partial(_with_swtpm, run)) for name, run in
         (("measured", _measured), ("password", _password), ("kept", _kept), ("reloaded", _reloaded), ("required", _required))]
