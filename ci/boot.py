# SPDX-License-Identifier: BSD-2-Clause
"""Boots a workload in the emulator, on Bulkhead or on the bare machine, and judges what happened."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import bochs
import emulator
import esp
import l0log
import linux_image
import nested_image
import qemu
import summary
import vmm_expected
import xen_image
from stages import Stages
from workload import Workload, configuration

LOADER = "kernel/loader/bulkhead.efi"
KERNEL = "kernel/loader/kernel.elf"
L2_PREFIX = "L2: "  # of what the Linux says that QEMU runs in L1 (guests/linux/qemu_kvm)
NO_VTX = "this CPU has no VT-x"


@dataclass(frozen=True)
class Places:
    """Where things come from. A test build of Bulkhead (`product`) is used with the guests of the normal one (`build`)."""
    build: Path
    product: Path

    def partition(self, name: str) -> Path:
        """As it lies on the EFI system partition: without symbols, which are in the file that it was made of."""
        return self.product / f"kernel/loader/{name}.elf"


@dataclass
class Boot:
    workload: Workload
    machine: emulator.Machine
    bulkhead: bool
    outcome: emulator.Outcome
    stages: Stages
    directory: Path
    records: list[l0log.Record] = field(default_factory=list)

    def summary(self) -> summary.Summary:
        return summary.read(self.records)

    def test_status(self, name: str) -> int | None:
        """The exit status of a test that Linux' /init ran."""
        prefix = f"bh: test {name} end status="
        line = next((line for line in self.outcome.console if line.startswith(prefix)), None)
        return int(line[len(prefix):]) if line else None


def bulkhead_files(places: Places, workload: Workload) -> dict[str, Path | bytes]:
    files: dict[str, Path | bytes] = {
        "EFI/bulkhead/bulkhead.efi": places.product / LOADER,
        "EFI/bulkhead/kernel.elf": places.product / KERNEL,
        "EFI/bulkhead/bulkhead.conf": configuration(workload).encode(),
    }
    return files | {f"EFI/bulkhead/{name}.elf": places.partition(name) for name in (*workload.partitions, *workload.loadable)}


def next_text(path: str, options: str, firmware: str = "") -> bytes:
    """What acpi.efi reads; `firmware` may be lock-vtx, which is what a firmware with VT-x switched off does."""
    return f"{path}\n{options}\n{firmware}\n".encode()


def esp_files(places: Places, workload: Workload, bulkhead: bool, own_acpi: bool = True) -> dict[str, Path | bytes]:
    """All that is on the EFI system partition. Without `own_acpi` the machine has ACPI tables, and needs no acpi.efi."""
    first = places.build / "ci/guests/acpi/acpi.efi" if own_acpi else places.product / LOADER
    files: dict[str, Path | bytes] = {"EFI/BOOT/BOOTX64.EFI": first}
    if workload.needs_linux():
        files |= linux_image.esp_files(places.build)
        if workload.nested:
            files["EFI/linux/nested.img"] = nested_image.make(places.build)
    else:
        files[workload.next.strip("\\").replace("\\", "/")] = places.build / workload.next_file
    if workload.xen:
        files |= xen_image.esp_files(places.build, workload.tests, workload.vcpus)
    if bulkhead:
        files |= bulkhead_files(places, workload)
        files["EFI/acpi/next.txt"] = next_text("\\EFI\\bulkhead\\bulkhead.efi", f"workload={workload.name}")
    else:
        files["EFI/acpi/next.txt"] = next_text(workload.next, workload.options())
    return files


def boot(places: Places, workload: Workload, machine: emulator.Machine, directory: Path, timeout: float,
         bulkhead: bool = True, stages: Stages | None = None, interactive: bool = False,
         files: dict[str, Path | bytes] | None = None) -> Boot:
    """`files` replaces or adds files of the EFI system partition; b"" as contents removes one."""
    stages = stages or Stages()
    contents = esp_files(places, workload, bulkhead, machine.emulator == "bochs") | (files or {})
    image = esp.make(directory / "esp.img", {name: data for name, data in contents.items() if data != b""})
    if machine.emulator == "bochs":
        outcome = bochs.run(places.build, machine, image, directory, timeout, stages, interactive=interactive)
    else:
        direct = [] if bulkhead else linux_image.qemu_options(places.build, workload.options())
        outcome = qemu.run(machine, image, directory, timeout, stages, interactive, direct)
    return Boot(workload, machine, bulkhead, outcome, stages, directory, l0log.parse_all(outcome.log))


def fault_problems(run: Boot) -> list[str]:
    """A partition faults where a fault was injected, and is restarted; nowhere else."""
    wanted = [text.split()[0] for text in run.workload.inject.split(",") if text]
    faults = [stage.fields.get("partition", "?") for stage in run.stages.find("fault")]
    restarted = {stage.fields.get("partition") for stage in run.stages.find("restart")}
    found = [f"partition {name} faulted" for name in faults if name not in wanted and name not in run.workload.injectable]
    found += [f"the fault injected in {name} did not happen" for name in wanted if name not in faults]
    return found + [f"partition {name} was not restarted" for name in wanted if name not in restarted]


def bulkhead_problems(run: Boot) -> list[str]:
    found = []
    launched = run.stages.find("launched")
    if not launched:
        return ["Bulkhead did not launch"]
    if launched[0].fields.get("cpus") != str(run.machine.cpus):
        found.append(f"Bulkhead launched on {launched[0].fields.get('cpus')} of {run.machine.cpus} CPUs")
    ready = {stage.fields.get("name") for stage in run.stages.find("partition") if stage.fields.get("state") == "ready"}
    found += [f"partition {name} was not loaded" for name in run.workload.partitions if name not in ready]
    found += fault_problems(run)
    if not run.stages.find("power-off"):
        found.append("Bulkhead did not see the power-off")
    costs = run.summary()
    if not costs.exit_count("L1"):
        found.append("no exit from L1 was counted")
    if {"kvm", "qemu_kvm"} & set(run.workload.tests):
        if not costs.exit_count("L2"):
            found.append("no exit from L2 was counted")
        found += [f"no message went through partition {name}" for name in run.workload.partitions
                  if not costs.message_count(name)]
    return found


def inner_problems(run: Boot) -> list[str]:
    """Of the further Bulkheads, which run on the first, each on the one before: their logs are on COM1."""
    records = l0log.parse_all(run.outcome.console)
    launched = [record for record in records if record.about("stage", "launched")]
    if len(launched) != run.workload.inner:
        return [f"{len(launched)} inner Bulkheads launched, expected {run.workload.inner}"]
    found = [f"the inner Bulkhead launched on {record.number('cpus')} of {run.machine.cpus} CPUs" for record in launched if record.number("cpus") != run.machine.cpus]
    ready = [record.fields.get("name") for record in records if record.about("stage", "partition") and record.fields.get("state") == "ready"]
    found += [f"the inner Bulkhead's partition {name} was not loaded" for name in run.workload.partitions if ready.count(name) != run.workload.inner]
    found += [f"the inner Bulkhead's partition {record.fields.get('partition')} faulted" for record in records if record.words[:1] == ["fault"]]
    if sum(record.about("stage", "power-off") for record in records) != run.workload.inner:
        found.append("the inner Bulkhead did not see the power-off")
    costs = summary.read(records)
    if not costs.exit_count("L1"):
        found.append("the inner Bulkhead counted no exit of its L1")
    if "kvm" in run.workload.tests and not costs.exit_count("L2"):
        found.append("the inner Bulkhead counted no exit of its L2")
    if not run.summary().exit_count("L2"):
        found.append("no exit from L2, the inner Bulkhead's L1, was counted")
    return found


def refusal_problems(run: Boot) -> list[str]:
    """QEMU without acceleration has no VT-x: the loader says so once, and L1 boots on without Bulkhead."""
    found = ["Bulkhead launched without VT-x"] if run.stages.find("launched") else []
    said = [stage.text for stage in run.stages.find("refused")]
    if said != [NO_VTX]:
        found.append(f"the loader said {said or 'nothing'}, expected '{NO_VTX}'")
    return found


def linux_problems(run: Boot) -> list[str]:
    found = []
    linux = run.stages.find("linux")
    if not linux:
        return ["Linux did not reach its /init"]
    if linux[0].fields.get("cpus") != str(run.machine.cpus):
        found.append(f"Linux started {linux[0].fields.get('cpus')} of {run.machine.cpus} CPUs")
    for name in run.workload.tests:
        status = run.test_status(name)
        if status != 0:
            found.append(f"{name} in Linux " + ("did not end" if status is None else f"ended with status {status}"))
    if "kvm" in run.workload.tests:
        found += vmm_expected.problems(run.outcome.console, run.workload.vcpus, run.workload.iterations)
    if "qemu_kvm" in run.workload.tests:
        found += [f"L2: {problem}" for problem in l2_linux_problems(run)]
    return found


def l2_linux_problems(run: Boot) -> list[str]:
    """Of the Linux that QEMU runs in L1, and of what runs in that: KVM's guest, or programs with PALs."""
    settings = dict(run.workload.settings)
    inner = str(settings.get("l2", "kvm"))
    console = [line.removeprefix(L2_PREFIX) for line in run.outcome.console if line.startswith(L2_PREFIX)]
    if not any(re.match(rf"bh: stage linux .*cpus={run.workload.vcpus} ", line) for line in console):
        return [f"Linux did not reach its /init with {run.workload.vcpus} CPUs"]
    found = []
    if inner == "kvm" and "at_once" in settings:
        found = vmm_expected.problems_in_turn(console, run.workload.vcpus, int(str(settings["at_once"])), run.workload.iterations)
    elif inner == "kvm":
        found = vmm_expected.problems(console, run.workload.vcpus, run.workload.iterations)
    for line in (f"bh: test {inner} end status=0", "bh: 6 times 7 is 42", "bh: stage power-off"):
        if line not in console:
            found.append(f"it did not say '{line}'")
    return found


PVH_ROUNDS, PVH_PAGES = 8, 256  # guests/pvh/domain.c
PVH_RESULTS = (f"primes={vmm_expected.PRIMES_BELOW_2000 * PVH_ROUNDS} series={vmm_expected.series()} timers={PVH_ROUNDS} "
               f"pages={PVH_PAGES * PVH_ROUNDS}")
HVM_WAKES = 4  # guests/pvh/hvm.c


def xen_problems(run: Boot) -> list[str]:
    """Xen turned VT-x on, with EPT and VPID, on each CPU, ran a domain, which says that all was right, and ended the machine itself."""
    said = [line for line in run.outcome.console if line.startswith("(XEN) ")]
    found = [f"Xen did not say '{text}'" for text in ("HVM: VMX enabled", "HVM: Hardware Assisted Paging (HAP) detected", "HVM: ASIDs enabled",
             f"Brought up {run.machine.cpus} CPU", "Entering ACPI S5 state") if not any(text in line for line in said)]
    if "xen_linux" in run.workload.tests:
        console = [line.removeprefix(L2_PREFIX) for line in run.outcome.console if line.startswith(L2_PREFIX)]
        if not any(re.match(rf"bh: stage linux .*cpus={run.workload.vcpus} ", line) for line in console):
            found.append(f"the domain did not reach its /init with {run.workload.vcpus} CPUs")
        found += [f"the domain did not say '{text}'" for text in (
            "bh: test domain_linux end status=0", "bh: stage power-off",
            *(f"domain: cpu={cpu} primes={vmm_expected.PRIMES_BELOW_2000}" for cpu in range(run.workload.vcpus))) if text not in console]
    if "xen_domain" in run.workload.tests:
        found += [f"the domain did not say '{text}'" for text in (
            "pvh: in 64-bit mode", f"pvh: PASS {PVH_RESULTS}") if f"(d1) {text}" not in run.outcome.console]
    if "xen_hvm" in run.workload.tests:
        # The device model writes the same lines to a file as Xen to its log.
        words = ("hvm: in 64-bit mode", f"hvm: PASS {PVH_RESULTS}", f"hvm: CPUs={run.workload.vcpus} wakes={HVM_WAKES * (run.workload.vcpus - 1)}")
        found += [f"the domain did not say '{text}'" for text in (
            *(f"(d1) {word}" for word in words), *(f"{L2_PREFIX}{word}" for word in words)) if text not in run.outcome.console]
        found += [f"'{text}' did not run" for text in ("HVM Loader", "SeaBIOS (version ") if not any(line.startswith(f"(d1) {text}") for line in run.outcome.console)]
    if not any(line.startswith("xl: Domain 1 has shut down, reason code 0 ") for line in run.outcome.console):
        found.append("xl did not see the domain power itself off")
    return found


def problems(run: Boot) -> list[str]:
    """All that keeps this run from being a success."""
    found = []
    if run.stages.hopeless:
        found.append(run.stages.hopeless.strip())
    if not run.stages.find("firmware") and (run.bulkhead or run.machine.emulator == "bochs"):
        found.append("the firmware did not start from the EFI system partition")
    if run.bulkhead:
        found += refusal_problems(run) if run.machine.emulator == "qemu" else bulkhead_problems(run)
        if run.workload.inner:
            found += inner_problems(run)
    if run.workload.needs_linux() or run.workload.xen:
        found += linux_problems(run)
    if run.workload.xen:
        found += xen_problems(run)
    if not run.outcome.clean():
        found.append(f"the machine did not power off by itself: {run.outcome.ending} {run.outcome.detail}".rstrip())
    return found
