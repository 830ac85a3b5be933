# SPDX-License-Identifier: BSD-2-Clause
"""What can be run: the partitions, the next image and its options, and what must be seen for a success."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import linux_image

LINUX_IMAGE = "\\EFI\\linux\\vmlinuz.efi"


@dataclass(frozen=True)
class Workload:
    name: str
    partitions: tuple[str, ...] = ("nestvmx", "ept", "report")
    next: str = LINUX_IMAGE
    next_file: str = ""              # where that image is under the build folder, if it isn't Linux
    tests: tuple[str, ...] = ()      # what Linux' /init runs
    shell: bool = False
    nested: bool = False             # with the second initramfs (nested_image.py)
    vcpus: int = 1
    iterations: int = 1
    settings: tuple[tuple[str, object], ...] = ()
    words: str = ""                  # more on Linux' kernel command line
    plain_options: str = ""          # load options of an image that isn't Linux
    inner: int = 0                   # so many further Bulkheads, each on the one before; the next image runs on the last
    xen: bool = False                # the next image is Xen, whose dom0 is Linux, with `tests` for its /init (xen_image.py)
    inject: str = ""                 # faults for partitions, with commas: PARTITION MESSAGE KIND [INSTRUCTION [COUNT [SPAN [SPACING [STRIDE]]]]]
    injectable: tuple[str, ...] = ()  # partitions of which bhctl inject may ask for a fault
    loadable: tuple[str, ...] = ()   # partitions that come by bhctl load
    load_key: str = ""               # whose signature that takes
    debug: str = ""                  # a partition for gdb: PARTITION [secrets]

    def options(self) -> str:
        if not self.needs_linux():
            return self.plain_options
        settings: Mapping[str, object] = {"vcpus": self.vcpus, "iterations": self.iterations} | dict(self.settings)
        return " ".join([linux_image.command_line(list(self.tests), self.shell, self.nested, **settings), self.words]).strip()

    def needs_linux(self) -> bool:
        return self.next == LINUX_IMAGE


LINUX = Workload("linux")
KVM = Workload("kvm", tests=("kvm",))
NESTED = Workload("nested", tests=("qemu_kvm",), nested=True, settings=(("l2", "kvm"),))
PAL_L2 = Workload("pal-l2", partitions=("trustvisor", "nestvmx", "ept"), tests=("qemu_kvm",), nested=True, settings=(("l2", "pal"),))
PAL = Workload("pal", partitions=("trustvisor",), tests=("pal",))
MARKER = Workload("marker", next="\\EFI\\marker\\marker.efi", next_file="ci/guests/marker/marker.efi")
LHV = Workload("lhv", next="\\EFI\\lhv\\lhv.efi", next_file="ci/guests/lhv/lhv.efi")
LHV_PAL = replace(LHV, name="lhv-pal", partitions=("trustvisor", "nestvmx", "ept"), plain_options="only=pal")
TASKS = Workload("tasks", partitions=("tasks",), next="\\EFI\\tasks\\tasks.efi", next_file="ci/guests/tasks/tasks.efi")
BULKHEAD = Workload("bulkhead", next=LHV.next, next_file=LHV.next_file, inner=1)
BULKHEAD_PAL = replace(LHV_PAL, name="bulkhead-pal", inner=1)
BULKHEAD_KVM = replace(KVM, name="bulkhead-kvm", inner=1)
BULKHEAD_THREE = replace(BULKHEAD, name="bulkhead-three", inner=2)
XEN = Workload("xen", tests=("xen_domain",), next="\\EFI\\xen\\xen.efi", next_file="xen/xen.efi", xen=True)
XEN_LINUX = replace(XEN, name="xen-linux", tests=("xen_linux",))
XEN_HVM = replace(XEN, name="xen-hvm", tests=("xen_hvm",))
BY_NAME = {workload.name: workload for workload in (LINUX, KVM, NESTED, LHV, LHV_PAL, PAL, PAL_L2, BULKHEAD, BULKHEAD_PAL, BULKHEAD_KVM, BULKHEAD_THREE, XEN, XEN_LINUX, XEN_HVM)}  # what `run` offers


LOADER = "\\EFI\\bulkhead\\bulkhead.efi"


def configuration(workload: Workload, settings: tuple[str, ...] = ()) -> str:
    """The text of bulkhead.conf. `settings` are more lines before the sections."""
    partitions = f"partitions = {', '.join(workload.partitions)}"
    key = [f"load_key = {workload.load_key}"] if workload.load_key else []
    lines = [f"default = {workload.name}", "console = e9", *key, *settings, "", f"[workload {workload.name}]", partitions]
    for level in range(1, workload.inner + 1):
        lines += [f"next = {LOADER}", f"options = workload=inner{level}", "", f"[workload inner{level}]", "nested = yes", partitions]
    lines.append(f"next = {workload.next}")
    if workload.options():
        lines.append(f"options = {workload.options()}")
    if workload.inject:
        lines.append(f"inject = {workload.inject}")
    if workload.injectable:
        lines.append(f"injectable = {', '.join(workload.injectable)}")
    if workload.loadable:
        lines.append(f"loadable = {', '.join(workload.loadable)}")
    if workload.debug:
        lines.append(f"debug = {workload.debug}")
    return "\n".join(lines) + "\n"


def debugged(workload: Workload, partition: str, secrets: bool = False) -> Workload:
    """With gdb on one of its partitions."""
    return replace(workload, partitions=("gdb", *workload.partitions), debug=partition + " secrets" * secrets)


def for_cpus(workload: Workload, cpus: int, shell: bool = False) -> Workload:
    """One virtual CPU for each CPU."""
    return replace(workload, vcpus=min(cpus, 8), shell=shell)
