# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead run`: boots a workload, shows what happens stage by stage, and ends with a summary and a verdict."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import emulator
import kvm_probe
import lhv
import post_mortem
import recording
import summary
import workload
from boot import Places, boot, problems
from stages import Stages


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bulkhead run", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--workload", choices=sorted(workload.BY_NAME),
                        help="linux: to Linux as L1 (all that qemu can do); kvm (default elsewhere): and a KVM guest in it as L2; "
                        "nested: Linux in QEMU on KVM as L2, and a KVM guest in that; lhv: the test hypervisor; "
                        "bulkhead, bulkhead-kvm, bulkhead-pal: lhv or kvm on a second Bulkhead, on the first; bulkhead-three: lhv on a third; "
                        "pal, pal-l2, lhv-pal: programs with PALs, in Linux or in lhv; "
                        "xen: Xen with Linux as dom0, and a small domain; xen-linux: with Linux as the domain; xen-hvm: with a BIOS and a device model")
    parser.add_argument("--cpus", type=int, choices=range(1, 9), metavar="N", default=2, help="1 to 8, default 2")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds of the emulator's own time; default 300, none when interactive")
    parser.add_argument("--interactive", action="store_true", help="leave the shell of L1 on this terminal")
    parser.add_argument("--emulator", choices=sorted(emulator.NAMES), help="kvm: QEMU on KVM, with this CPU's VT-x, the default where "
                        "KVM offers what is needed; bochs: else; qemu: without VT-x, shows that the machine boots on")
    parser.add_argument("--model", help="the emulator's CPU model")
    parser.add_argument("--bare", action="store_true", help="without Bulkhead, for comparison")
    parser.add_argument("--product", type=Path, help="take Bulkhead itself from another build folder")
    parser.add_argument("--partitions", metavar="A,B", help="load these instead of the workload's")
    parser.add_argument("--options", default="", metavar="TEXT", help="load options of a workload that isn't Linux")
    parser.add_argument("--inject", default="", metavar="'PARTITION MESSAGE KIND'",
                        help="make a partition fault at that message: KIND is ud, pf, bad-reply, hang, ud-twice, ud-ever, panic or kernel-pf")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write down all that a partition gets and does there, for `bulkhead replay`; *.xz: packed")
    parser.add_argument("--recorded", choices=recording.PARTITIONS, default="nestvmx", help="that partition; default nestvmx")
    parser.add_argument("--tag", default="", help="keeps the output apart from other runs'")
    parser.add_argument("--keep-going", action="store_true", help="run to the time limit after a panic")
    parser.add_argument("-v", "--verbose", action="store_true", help="every line of COM1 and of Bulkhead's log")
    return parser.parse_args()


def choose_emulator(wanted: str | None) -> str:
    obstacle = kvm_probe.obstacle() if wanted in (None, "kvm") else ""
    if wanted == "kvm" and obstacle:
        raise SystemExit(f"bulkhead: --emulator kvm cannot run here: {obstacle}")
    return wanted or ("bochs" if obstacle else "kvm")


def choose_workload(options: argparse.Namespace, name: str) -> workload.Workload:
    if name == "qemu" and options.workload in ("kvm", "nested"):
        raise SystemExit("bulkhead: QEMU without acceleration has no VT-x, so no KVM guest either: use --workload linux")
    chosen = workload.BY_NAME[options.workload or ("linux" if name == "qemu" else "kvm")]
    return workload.for_cpus(chosen, options.cpus, options.interactive)


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    options = arguments()
    build = options.build.resolve()
    name = choose_emulator(options.emulator)
    chosen = choose_workload(options, name)
    if options.partitions is not None:
        chosen = replace(chosen, partitions=tuple(name for name in options.partitions.split(",") if name))
    chosen = replace(chosen, inject=options.inject, plain_options=options.options)
    machine = emulator.Machine(cpus=options.cpus, model=options.model or emulator.MODELS[name], emulator=name)
    product = (options.product or build).resolve()
    if options.record:
        try:
            product = recording.build(build, options.recorded)
        except recording.Unusable as error:
            raise SystemExit(f"bulkhead: {error}") from None
    directory = build / "run" / "-".join([chosen.name, str(options.cpus)] + [options.tag] * bool(options.tag))
    timeout = options.timeout or (float("inf") if options.interactive else 300.0)

    say(f"{chosen.name} on {'the bare machine' if options.bare else 'Bulkhead'}: {emulator.NAMES[name]}, {machine.model}, "
        f"{machine.cpus} CPUs, {machine.memory_mb} MiB. All output is kept in {directory}/.")
    if options.interactive:
        say("The serial console follows; Ctrl-] ends the run.")
    stages = Stages(None if options.interactive or options.verbose else say, say if options.verbose else None,
                    options.keep_going)
    result = boot(Places(build, product), chosen, machine, directory, timeout, not options.bare, stages,
                  options.interactive)
    say(f"{result.outcome.seconds:7.1f} s  the emulator ended: {result.outcome.ending}\n")
    if result.stages.find("launched"):
        for line in summary.render(result.summary()):
            say(line)
        say("")
    for line in post_mortem.render(product, result.records):
        say(line)
    found = problems(result)
    if chosen.next == workload.LHV.next:
        found += lhv.run_problems(result)
    if options.record:
        try:
            data = recording.extract(result.outcome.log, options.recorded)
            recording.write(options.record, data)
            say(f"{options.record}: {len(data):,} bytes of what {options.recorded} got and did")
        except (recording.Unusable, OSError) as error:
            found.append(f"no recording: {error}")
    for problem in found:
        say(f"FAILED: {problem}")
    if not found:
        said = ", without Bulkhead as it has to be" if name == "qemu" and not options.bare else ""
        say(f"PASSED: {chosen.name} with {machine.cpus} CPU{'s'[:machine.cpus > 1]}{said}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
