# SPDX-License-Identifier: BSD-2-Clause
"""The suite `install`: what `bulkhead install` makes is booted, and `bulkhead check` is asked on a machine that it can know."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bochs
import esp
import gpt
import install
import l0log
import linux_image
import qemu
from boot import Boot, boot, next_text, problems
from case import Case, Context, Failure, require
from emulator import MODELS, Machine, Outcome
from stages import Stages
from workload import LINUX, MARKER, Workload

TIMEOUT = 120.0
UEFI = Machine(ips=10_000_000)
ACPI = "ci/guests/acpi/acpi.efi"
# The machine's BOOTX64.EFI stays what install wrote; Bochs needs its ACPI tables first.
BOOT_FILE, OWN_BOOT_FILE = "EFI/BOOT/BOOTX64.EFI", "\\EFI\\bulkhead\\bulkhead.efi"


def _install(context: Context, *words: str) -> str:
    """Runs the command and returns what it printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = install.main(["--build", str(context.places.build), "--product", str(context.places.product), *words])
    require(status == 0, said.getvalue().strip())
    return said.getvalue()


def _image(context: Context, *words: str) -> Path:
    image = context.directory() / "disk.img"
    image.parent.mkdir(parents=True, exist_ok=True)
    image.unlink(missing_ok=True)
    _install(context, "--image", str(image), "--console", "e9", *words)
    return image


def _put(image: Path, files: dict[str, Path | bytes]) -> None:
    """Into the image's EFI system partition."""
    place = f"{image}@@{gpt.FIRST * gpt.SECTOR}"
    staging = image.with_suffix(".staging")
    for name, data in files.items():
        staging.write_bytes(data if isinstance(data, bytes) else data.read_bytes())
        with contextlib.suppress(OSError):  # the folder may be there
            esp.run_tool("mmd", "-i", place, "-D", "s", f"::/{name.rpartition('/')[0]}")
        esp.run_tool("mcopy", "-o", "-i", place, str(staging), f"::/{name}")
    staging.unlink(missing_ok=True)


def _follow(context: Context, workload: Workload, machine: Machine, start: Callable[[Path, Stages], Outcome], stages: Stages) -> Boot:
    directory = context.directory()
    outcome = start(directory, stages)
    return Boot(workload, machine, True, outcome, stages, directory, l0log.parse_all(outcome.log))


def _bochs(context: Context, image: Path, workload: Workload, machine: Machine, stages: Stages | None = None) -> Boot:
    _put(image, {BOOT_FILE: context.places.build / ACPI, "EFI/acpi/next.txt": next_text(OWN_BOOT_FILE, "")})
    return _follow(context, workload, machine, lambda directory, watcher: bochs.run(
        context.places.build, machine, image, directory, TIMEOUT, watcher), stages or Stages())


def _require_success(run: Boot) -> None:
    if found := problems(run):
        raise Failure("\n".join(found))


def _image_in_bochs(context: Context) -> str:
    image = _image(context, "--options", linux_image.command_line([]))
    run = _bochs(context, image, LINUX, Machine(cpus=2))
    _require_success(run)
    image.unlink()
    return f"{run.summary().exit_count('L1'):,} exits from L1"


def _image_in_qemu(context: Context) -> str:
    """As it is, nothing added. The options are those that a user gets, but for the shell, which would wait."""
    image = _image(context, "--options", "console=tty0 " + linux_image.command_line([]), "--size", "126M")
    machine = Machine(cpus=2, model=MODELS["qemu"], emulator="qemu")
    run = _follow(context, LINUX, machine, lambda directory, watcher: qemu.run(
        machine, image, directory, TIMEOUT, watcher), Stages())
    _require_success(run)
    image.unlink()
    return ""


def _image_goes_on(context: Context) -> str:
    """--next firmware: Bulkhead launches, and the firmware's boot order leads on, here to its shell."""
    stages = Stages(last=re.compile(r"^Shell>|UEFI Interactive Shell"))
    run = _bochs(context, _image(context, "--next", "firmware"), MARKER, UEFI, stages)
    require(run.stages.find("launched"), "Bulkhead did not launch")
    require(run.outcome.ending == "stopped", f"the firmware's shell was not reached: {run.outcome.ending}")
    return ""


def _esp_folder(context: Context) -> str:
    """A system is installed there; its boot loader is found, and started on Bulkhead."""
    folder = context.directory() / "esp"
    shutil.rmtree(folder, ignore_errors=True)
    system = folder / "EFI/debian/shimx64.efi"
    system.parent.mkdir(parents=True)
    shutil.copyfile(context.places.build / MARKER.next_file, system)
    said = _install(context, "--esp", str(folder), "--options", "quiet", "--console", "e9")
    require("efibootmgr --create-only" in said, "nothing was said of a boot entry")
    files: dict[str, Path | bytes] = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    files |= {BOOT_FILE: context.places.build / ACPI, "EFI/acpi/next.txt": next_text(OWN_BOOT_FILE, "")}
    image = esp.make(context.directory() / "esp.img", files)
    run = _follow(context, MARKER, UEFI, lambda directory, watcher: bochs.run(
        context.places.build, UEFI, image, directory, TIMEOUT, watcher), Stages())
    require(run.stages.find("launched"), "Bulkhead did not launch")
    require(any("marker: started options=quiet" in line for line in run.outcome.console), "the system's boot loader was not started")
    require(run.outcome.clean(), f"the machine did not power off by itself: {run.outcome.ending}")
    return ""


def _check_in_linux(context: Context) -> str:
    """Real MSRs and EFI variables: Bochs' CPU has all that Bulkhead needs, another model doesn't."""
    for model, status in (("broadwell_ult", 0), ("corei5_lynnfield_750", 1)):
        chosen = replace(LINUX, name="check", tests=("check",))
        run = boot(context.places, chosen, Machine(model=model), context.directory(model), TIMEOUT, bulkhead=False)
        require(run.test_status("check") == status, f"on {model} check ended with status {run.test_status('check')}, not {status}")
    return ""


CASES = [
    Case("install-image", _image_in_bochs),
    Case("install-image-without-vtx", _image_in_qemu),
    Case("install-image-firmware", _image_goes_on),
    Case("install-esp", _esp_folder),
    Case("check-in-linux", _check_in_linux),
]
