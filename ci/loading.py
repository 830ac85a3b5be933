# SPDX-License-Identifier: BSD-2-Clause
"""trustvisor comes and goes while Linux runs (bhctl load, unload): only signed, only where it may, and nothing of it is left."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import initramfs
import sign
from bhctl import Answer, commands, refused
from boot import Boot, boot, problems
from case import Case, Context, Failure, require
from emulator import Machine
from workload import LINUX, Workload

TIMEOUT = 300.0
ROUNDS = 3
BLOCK = 64  # bytes of a file that a hypercall hands over (caps/loadable.h)
INITRD = "EFI/linux/load.img"
TRUSTVISOR = replace(LINUX, name="load", partitions=("report", "verify"), loadable=("trustvisor",))
# It comes before the hypervisor: behind `nestvmx`, which has been there all along.
RANGES = replace(LINUX, name="load-ranges", partitions=("nestvmx", "ept", "report", "verify"), loadable=("ranges",))

ONLY_ROOT = "only root may ask Bulkhead (I/O port 0xbd0: CAP_SYS_RAWIO)"
NOT_BY_KEY = "refused: the file's signature is not one by the load_key of bulkhead.conf"
NOT_ECDSA = "the signature isn't one of ECDSA on P-256 as `./bulkhead sign` writes it"
IN_USE = "it is in use: a page of this system is still its own (of trustvisor: a PAL is registered)"
# What is refused before the first load, and how. (The guest's shell writes the two of nobody's as `su nobody ...`.)
REFUSED = {
    "bhctl load /load/no_such_file": "can't read /load/no_such_file: No such file or directory",
    "bhctl load /load/unsigned.elf": "can't read /load/unsigned.elf.sig: No such file or directory",
    "bhctl load /load/trustvisor.elf /load/damaged.sig": NOT_BY_KEY,
    "bhctl load /load/trustvisor.elf /load/stranger.sig": NOT_BY_KEY,
    "bhctl load /load/trustvisor.elf /load/hello.elf.sig": NOT_BY_KEY,
    "bhctl load /load/trustvisor.elf /load/hello.elf": "/load/hello.elf is too large",
    "bhctl load /load/trustvisor.elf /load/text.sig": NOT_ECDSA,
    "bhctl load /load/damaged.elf /load/trustvisor.elf.sig": NOT_BY_KEY,
    "bhctl load /load/hello.elf": "refused: the file is not that of a loadable partition of this boot",
    "bhctl load /load/empty /load/trustvisor.elf.sig": "/load/empty is empty",
    "bhctl unload nestvmx": "there is no loadable partition 'nestvmx'",
    "bhctl unload verify": "there is no loadable partition 'verify'",
}


def signed_files(context: Context) -> tuple[str, Path]:
    """The key, and an initramfs with files that it has signed, and others."""
    home = context.directory() / "load"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    key, stranger = home / "key.pem", home / "stranger.pem"
    for path in (key, stranger):
        sign.generate(path)
    files: dict[str, Path | bytes] = {"load/empty": b""}
    for name in ("trustvisor", "hello", "ranges"):
        image = context.places.partition(name)
        sign.sign(key, image, home / f"{name}.elf.sig")
        files |= {f"load/{name}.elf": image, f"load/{name}.elf.sig": home / f"{name}.elf.sig"}
    image = context.places.partition("trustvisor").read_bytes()
    sign.sign(stranger, context.places.partition("trustvisor"), home / "stranger.sig")
    damaged = bytearray((home / "trustvisor.elf.sig").read_bytes())
    damaged[-1] ^= 1
    files |= {"load/unsigned.elf": image, "load/damaged.elf": image[:-1] + bytes([image[-1] ^ 1]), "load/damaged.sig": bytes(damaged), "load/text.sig": b"signed",
              "load/stranger.sig": home / "stranger.sig"}
    return sign.public(key), initramfs.make(home / "load.img", files, {})


def _run(context: Context, cpus: int, test: str, base: Workload = TRUSTVISOR, **more: object) -> Boot:
    key, initrd = signed_files(context)
    workload: Workload = replace(base, load_key=key, tests=(test,), words=f"initrd=\\{INITRD.replace('/', chr(92))}", **more)  # type: ignore[arg-type]
    run = boot(context.places, workload, Machine(cpus=cpus), context.directory(), TIMEOUT, files={INITRD: initrd})
    if found := problems(run):
        raise Failure("\n".join(found))
    return run


def _load(cpus: int, context: Context) -> str:
    run = _run(context, cpus, "load_test", settings=(("rounds", ROUNDS),))
    found: list[str] = []
    given = commands(run.outcome.console)
    first = next((at for at, (command, answer) in enumerate(given) if command == "bhctl load /load/trustvisor.elf" and answer.status == 0), len(given))
    early = dict(given[:first])
    for command, text in REFUSED.items():
        found += [f"{command}: {line}" for line in refused(early.get(command), text)]
    found += refused(early.get("bhctl unload trustvisor"), "it is not loaded")
    nobody = [answer for command, answer in given[:first] if command.startswith("su nobody")]
    found += [line for answer in nobody for line in refused(answer, ONLY_ROOT)]
    require(len(nobody) == 2, f"{len(nobody)} commands of nobody's")
    loads = [answer for command, answer in given[first:] if command == "bhctl load /load/trustvisor.elf"]
    good, again = [answer for answer in loads if answer.status == 0], [answer for answer in loads if answer.status != 0]
    require(len(good) == ROUNDS and all(answer.lines == ["trustvisor is loaded"] for answer in good), f"loads: {loads}")
    require(len(again) == 1, f"loads that were refused: {again}")
    found += refused(again[0], "it is loaded already")
    unloads = [answer for command, answer in given[first:] if command == "bhctl unload trustvisor"]
    require(len(unloads) == 3 * ROUNDS, f"{len(unloads)} times unload, expected {3 * ROUNDS}")
    for at, answer in enumerate(unloads):  # refused while it is used; done; refused when it is gone
        if at % 3 == 1:
            found += [] if answer == Answer(["trustvisor is unloaded"], 0) else [f"unload: {answer}"]
        else:
            found += refused(answer, IN_USE if at % 3 == 0 else "it is not loaded")
    log = run.outcome.log
    for text, count in (("load partition=trustvisor: done", 2 * ROUNDS), ("unload partition=trustvisor: done", ROUNDS), ("load refused: ", 5)):
        lines = [line for line in log if text in line]
        found += [] if len(lines) == count else [f"{len(lines)} lines of the log have '{text}', expected {count}: {lines}"]
    watch = next((match for line in run.outcome.console if (match := re.search(r"there (\d+) times, not there (\d+) times, changes (\d+)", line))), None)
    require(watch and int(watch[3]) == 2 * ROUNDS, f"the other CPU saw {watch and watch[0]}")
    free = next((match.groups() for line in run.outcome.console if (match := re.search(r"bh: load free before=(\d+) after=(\d+)", line))), None)
    require(free, "nothing is said of the memory of L0")
    if found:
        raise Failure("\n".join(found))
    return f"{ROUNDS} times there and gone, on {cpus} CPUs" + (f"; {free[0]} KiB free before, {free[1]} after" if free else "")


def _fault(context: Context) -> str:
    """verify faults at instructions all along the message that verifies: what it was about happens once, when the message comes again."""
    run = _run(context, 2, "load_fault", injectable=("verify",))
    restarts = next((int(match[1]) for line in run.outcome.console if (match := re.search(r"bh: load restarts=(\d+)", line))), 0)
    faults = sum(" error fault partition=verify " in line and " cause=" in line for line in run.outcome.log)
    require(restarts == faults and faults >= 30, f"{faults} faults, {restarts} restarts")
    loads, unloads = (sum(f"info {word} partition=trustvisor: done" in line for line in run.outcome.log) for word in ("load", "unload"))
    require(loads == unloads, f"loaded {loads} times, unloaded {unloads} times")
    return f"{faults} faults in verify; loaded and unloaded {loads} times"


def _twice(context: Context) -> str:
    """The message that verifies fails twice: it has come to nothing, and the file is to be handed over again."""
    blocks = -(-context.places.partition("trustvisor").stat().st_size // BLOCK)
    run = _run(context, 2, "load_twice", inject=f"verify {blocks + 2} ud-twice 30000")  # MSG_INIT is the first one
    lines = [line for line in run.outcome.log if "load partition=trustvisor: done" in line]
    require(len(lines) == 2, f"loaded and unloaded: {lines}")
    return ""


def _ranges(cpus: int, context: Context) -> str:
    """A partition with claims on L2s comes and goes while they run."""
    run = _run(context, cpus, "load_ranges", RANGES, settings=(("rounds", ROUNDS),))
    loads, unloads = (sum(f"info {word} partition=ranges: done" in line for line in run.outcome.log) for word in ("load", "unload"))
    require((loads, unloads) == (ROUNDS, ROUNDS), f"loaded {loads} times, unloaded {unloads} times")
    watch = next((match for line in run.outcome.console if (match := re.search(r"ranges (\d+) times, KVM (\d+) times, changes (\d+)", line))), None)
    require(watch and int(watch[3]) == 2 * ROUNDS, f"the other L2 saw {watch and watch[0]}")
    return f"{ROUNDS} times there and gone; {watch and watch[0]}"


CASES = [Case("load-1", partial(_load, 1)), Case("load-2", partial(_load, 2)), Case("load-faults", _fault), Case("load-twice", _twice), Case("load-ranges", partial(_ranges, 2))]
