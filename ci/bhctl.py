# SPDX-License-Identifier: BSD-2-Clause
"""bhctl in Linux on Bulkhead: what it says is what Bulkhead says itself, on port 0xE9 and at the end of the run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import partial

from boot import Boot, boot, problems
from case import Case, Context, Failure, require
from crash_record import last_run
from emulator import Machine
from messages import OVERWRITTEN, WHOLE
from stages import Stages
from trace_text import from_json
from workload import KVM, LINUX, Workload, configuration

TIMEOUT = 240.0
LINE = re.compile(r"L0 \d+ \w+ .*")
EVENT = re.compile(r" *(\d+) CPU(\d+) (L[12])(?:->L[12])? (?:(message|fault) )?([A-Z]\S+)(?: \(failed entry\))?(?: gpa=0x[0-9a-f]+)? rip=0x[0-9a-f]+.*")


@dataclass
class Answer:
    lines: list[str]
    status: int


def commands(console: list[str]) -> list[tuple[str, Answer]]:
    """What guests/linux/bhctl_test printed: each command and its answer, in their order."""
    found: list[tuple[str, Answer]] = []
    command, lines = "", []
    for line in console:
        line = line.rstrip("\r")
        if line.startswith("bh: bhctl begin "):
            command, lines = line.removeprefix("bh: bhctl begin "), []
        elif line.startswith("bh: bhctl end status=") and command:
            found.append((command, Answer(lines, int(line.removeprefix("bh: bhctl end status=")))))
            command = ""
        elif command:
            lines.append(line)
    return found


def answers(console: list[str]) -> dict[str, Answer]:
    """By command; of those that were given more than once the last answer."""
    return dict(commands(console))


def log_lines(lines: list[str]) -> list[str]:
    return [line for line in lines if LINE.fullmatch(line)]


def refused(answer: Answer | None, text: str) -> list[str]:
    if answer and answer.status == 1 and answer.lines == [f"bhctl: {text}"]:
        return []
    return [f"expected status 1 and 'bhctl: {text}', got {answer}"]


def status_problems(answer: Answer, run: Boot, restarts: dict[str, int]) -> list[str]:
    text = "\n".join(answer.lines)
    first, _, end = run.stages.find("launched")[0].fields["hidden"].partition("-")
    wanted = [rf"^workload +{run.workload.name}$", rf"^CPUs +{run.machine.cpus}$", r"^Bulkhead +\d\S*, ABI \d+$", r"^log +\d+ lines, 0 lost$", r"^DMA +NOT PROTECTED: ",
              rf"^memory +{(int(end, 0) - int(first, 0)) >> 10} KiB of L0 at {first}, \d+ KiB of it free$"]
    wanted += [rf"^{name} +ready +{restarts.get(name, 0)} +[1-9]\d*$" for name in run.workload.partitions]
    return [f"status does not say {pattern}: {text}" for pattern in wanted if not re.search(pattern, text, re.MULTILINE)]


def _keyed(rows: list[dict[str, object]], *keys: str) -> dict[tuple[object, ...], dict[str, object]]:
    return {tuple(row[key] for key in keys): row for row in rows}


def stats_problems(answer: Answer, run: Boot) -> list[str]:
    """No counter is larger than at the run's end; all that L2 caused, which had ended by then, is exactly as at the end."""
    found, end = json.loads("\n".join(answer.lines)), run.summary()
    exits, messages = _keyed(found["exits"], "origin", "reason"), _keyed(found["messages"], "partition")
    bad = [] if found["cpus"] == run.machine.cpus else [f"stats has {found['cpus']} CPUs"]
    last = {(row.origin, row.reason): row for row in end.exits}
    for key, row in exits.items():
        for name in ("count", "l0_instr", "vmreads", "vmwrites"):
            if key not in last or not 0 <= row[name] <= getattr(last[key], name):  # type: ignore[operator]
                bad.append(f"stats: {key} {name} {row[name]}, at the end {last.get(key)}")
    for key, end_row in last.items():
        if key[0] == "L2" and (key not in exits or any(exits[key][name] != getattr(end_row, name) for name in ("count", "l0_instr", "vmreads", "vmwrites"))):
            bad.append(f"stats: {key} is {exits.get(key)}, at the end {end_row}")
    for row in end.messages:
        ours = messages.get((row.partition,))
        if ours is None or not 0 < ours["count"] <= row.count or ours["instr"] > row.instr:  # type: ignore[operator]
            bad.append(f"stats: messages of {row.partition} {ours}, at the end {row}")
    if not exits.get(("L1", "CPUID"), {}).get("count") or not exits.get(("L1", "IO"), {}).get("count"):
        bad.append("stats: no exit by CPUID or by the port")
    return bad


def table_problems(answer: Answer, numbers: Answer) -> list[str]:
    """The table has the rows of --json, in the same order; counters have grown."""
    rows = json.loads("\n".join(numbers.lines))
    names = [(row["origin"], row["reason"]) for row in rows["exits"]]
    shown = [tuple(line.split()[:2]) for line in answer.lines if re.match(r"L[12] ", line)]
    return [] if shown == names else [f"stats shows {shown}, --json has {names}"]


def trace_problems(answer: Answer, machine: Machine) -> list[str]:
    events = [EVENT.fullmatch(line) for line in answer.lines]
    if not all(events):
        return [f"trace: {line}" for line, event in zip(answer.lines, events) if not event][:5]
    bad = []
    for cpu in range(machine.cpus):
        mine = [event for event in events if event and int(event[2]) == cpu]
        if len(mine) != 16:
            bad.append(f"trace: {len(mine)} events of CPU {cpu}, 16 asked for")
        if [int(event[1]) for event in mine] != sorted(int(event[1]) for event in mine):
            bad.append(f"trace: events of CPU {cpu} are not in the order of time")
    if not any("->L1" in event[0] and event[0].endswith(" instr") for event in events if event):
        bad.append("trace: no exit says what it cost and where it led")
    # The exit by which the first of its own calls came is in it.
    if not any(event and event[5] == "IO" for event in events):
        bad.append("trace: its own exit isn't there")
    return bad


def own_problems(answer: Answer) -> list[str]:
    """bhctl's own messages, by a filter, as JSON, the last 8 of each CPU: it runs on one of them, and reads 8 events by at least 4."""
    events = [from_json(line) for line in answer.lines]
    if len(events) < 4:
        return [f"trace of its own: {len(events)} events"]
    return [f"trace of its own: {event}" for event in events if (event.partition, event.level, event.reason, event.kind) != ("report", "L1", "IO", "exit")][:3]


def top_problems(answer: Answer, workload: Workload) -> list[str]:
    """It names what it causes itself: exits by the port, as many as messages to report."""
    text = "\n".join(answer.lines)
    wanted = [rf"workload {workload.name}, \d+ CPUs: [1-9]\d* exits/s", r"^L1  IO +[1-9]\d* +[1-9]\d* ", r"^report +[1-9]\d* +[1-9]\d* +0$",
              r"^EPT02 +\d+ fills/s, \d+ mappings removed/s, \d+ evictions of trees/s$"]
    return [f"top does not say {pattern}: {text}" for pattern in wanted if not re.search(pattern, text, re.MULTILINE)]


def log_problems(answer: Answer, run: Boot, name: str) -> list[str]:
    """The log is Bulkhead's own output from its first line on, without a gap."""
    said, own = log_lines(answer.lines), log_lines(run.outcome.log)
    if len(said) < 3 or len(said) != len(answer.lines):
        return [f"{name}: {len(said)} of {len(answer.lines)} lines are the log's"]
    return [f"{name}: line {i} is '{a}', on port 0xE9 '{b}'" for i, (a, b) in enumerate(zip(said, own)) if a != b][:5]


def _all(context: Context, workload: Workload, restarts: dict[str, int]) -> tuple[Boot, dict[str, Answer]]:
    run = boot(context.places, workload, Machine(cpus=2), context.directory(), TIMEOUT)
    if found := problems(run):
        raise Failure("\n".join(found))
    said = answers(run.outcome.console)
    for command in ("bhctl status", "bhctl stats --json", "bhctl stats", "bhctl crash", "bhctl trace -n 16", "bhctl log",
                    "bhctl trace -n 8 --json --partition report", "bhctl top -d 1 -n 1"):
        require(command in said and said[command].status == 0, f"{command}: {said.get(command)}")
    found = status_problems(said["bhctl status"], run, restarts)
    found += stats_problems(said["bhctl stats --json"], run)
    found += table_problems(said["bhctl stats"], said["bhctl stats --json"])
    found += trace_problems(said["bhctl trace -n 16"], run.machine)
    found += own_problems(said["bhctl trace -n 8 --json --partition report"])
    found += top_problems(said["bhctl top -d 1 -n 1"], workload)
    found += log_problems(said["bhctl log"], run, "log")
    if said["bhctl crash"].lines != ["no crash in the boot before this one"]:
        found.append(f"crash: {said['bhctl crash'].lines}")
    found += refused(next((answer for command, answer in said.items() if command.startswith("su nobody")), None),
                     "only root may ask Bulkhead (I/O port 0xbd0: CAP_SYS_RAWIO)")
    for command in ("bhctl", "bhctl log --json", "bhctl trace -n 0", "bhctl trace --level L3", "bhctl top -d 0"):
        if command not in said or said[command].status != 2:
            found.append(f"{command}: {said.get(command)}")
    if found:
        raise Failure("\n".join(found))
    return run, said


def field_problems(answer: Answer) -> list[str]:
    """What travelled with the messages that are still there, and no more is said to be; registers and RIP of L2's and L1's VMX instructions are as their events have them."""
    events = [from_json(line) for line in answer.lines if line.startswith("{")]
    whole = [event for event in events if event.data == WHOLE]
    wrong = [event for event in whole if event.fields.get("GUEST_RIP", event.rip) != event.rip]
    found = [f"trace --fields: {event}" for event in wrong[:3]]
    if not any(event.fields for event in whole):
        found.append(f"trace --fields: of {len(events)} events no message is there with its fields")
    if any(event.data != OVERWRITTEN for event in events if event.data != WHOLE and event.ticks):
        found.append("trace --fields: of a message that has ended it is not said what became of its fields")
    return found


def _kvm(context: Context) -> str:
    workload = replace(KVM, tests=("kvm", "bhctl_test"), vcpus=2)
    run, said = _all(context, workload, {})
    fields = said.get("bhctl trace -n 512 --json --fields --partition nestvmx,ept")
    require(fields and fields.status == 0, f"bhctl trace --fields: {fields}")
    assert fields
    if wrong := field_problems(fields):
        raise Failure("\n".join(wrong))
    follow = said["bhctl log -f"]
    follow.lines = [line for line in follow.lines if line != "Terminated"]  # the shell's word on it
    found = log_problems(follow, run, "log -f")
    before, after = len(log_lines(said["bhctl log"].lines)), len(log_lines(follow.lines))
    require(any("hidden memory: L1 " in line for line in follow.lines[before:]), f"log -f shows no line that came later: {follow.lines[-3:]}")
    if found:
        raise Failure("\n".join(found))
    return f"{before} lines of the log, {after - before} more while it followed"


def _fault(context: Context) -> str:
    """A partition that was restarted is shown so, and its record is in the log."""
    workload = replace(KVM, tests=("kvm", "bhctl_test"), inject="nestvmx 300 ud")
    _, said = _all(context, workload, {"nestvmx": 1})
    require(any(re.match(r"L0 \d+ error fault partition=nestvmx ", line) for line in said["bhctl log"].lines), "the log has no fault")
    return ""


def _absent(bulkhead: bool, text: str, context: Context) -> str:
    workload = replace(LINUX, tests=("bhctl_test",), partitions=("nestvmx", "ept"))
    run = boot(context.places, workload, Machine(cpus=1), context.directory(), TIMEOUT, bulkhead)
    if found := problems(run):
        raise Failure("\n".join(found))
    said = answers(run.outcome.console)
    for command in ("bhctl status", "bhctl stats --json", "bhctl crash", "bhctl trace -n 16", "bhctl log"):
        if found := refused(said.get(command), text):
            raise Failure(f"{command}: {found[0]}")
    return ""


CRASH_MESSAGE = 1500  # to report: of the first boot's log, many more than bhctl crash sends


def _crash(kind: str, headline: str, context: Context) -> str:
    """A crash, a warm reset, and in the next boot's Linux the record of it: as the loader has told it."""
    workload = replace(LINUX, name="crash", tests=("crash_test",), words="reboot=kbd", inject=f"report {CRASH_MESSAGE} {kind}")
    conf = {"EFI/bulkhead/bulkhead.conf": configuration(workload, ("panic = reset",)).encode()}
    run = boot(context.places, workload, Machine(cpus=2), context.directory(), TIMEOUT, stages=Stages(keep_going=True), files=conf)
    require(run.outcome.clean(), f"the machine did not power off by itself: {run.outcome.ending} {run.outcome.detail}")
    require(len(run.stages.find("launched")) == 2, "Bulkhead was not launched twice")
    said, crash = last_run(run.outcome.console), answers(run.outcome.console).get("bhctl crash")
    require(said and crash and crash.status == 0, f"the loader tells {said[:1]}, bhctl {crash}")
    assert crash
    lines = crash.lines
    require(re.fullmatch(headline + r" on CPU \d, crash number 1, faults in that run: \d+", lines[0]), f"bhctl crash says '{lines[0]}'")
    require(said[0].endswith(lines[1]), f"the loader tells '{said[0]}', bhctl '{lines[1]}'")
    version = re.search(r"version (\S+),", said[1])
    require(version and f"Bulkhead    {version[1]}, workload crash" in lines, f"no line with version and workload: {lines}")
    called = [line.split("0x")[1] for line in lines if line.startswith("  called from ")]
    require(said[2].split(":")[1].split() == called, f"the loader's backtrace is '{said[2]}', bhctl's {called}")
    events = lines[lines.index("events:") + 1:lines.index("log:")]
    require(len(events) == 64 and all(EVENT.fullmatch(line) or " fault " in line for line in events), f"{len(events)} events: {events}")
    require("VMCS01, L1's:" in lines and any(re.search(r"HOST_RIP +ffffffff8\w+", line) for line in lines), "no VMCS01")
    require(any(re.match(r"message     number \d+ on CPU \d, EXIT IO, attempt 1", line) for line in lines), "no message")
    log, told = lines[lines.index("log:") + 1:], said[3:]
    require(len(told) > 3 and log[-len(told):] == told, f"the loader tells of the log {told}, bhctl {log}")
    return lines[0]


KINDS = {"ud": 1, "pf": 2, "bad-reply": 3, "hang": 4}  # caps/inject.def
CAUSES = {"ud": r"vector=6 .* cause=exception", "pf": r"vector=14 rip=0x0 cr2=0x0 .* cause=exception", "bad-reply": r"vector=-1 .* cause=verdict 65535: .*",
          "hang": r"vector=2 .* cause=no reply in time"}
INJECTED = re.compile(r"bh: injected (\w+) (\S+) restarts=(\d+)")


def _inject(cpus: int, context: Context) -> str:
    """Each kind of fault in nestvmx and in ept, asked for by root while the KVM guest runs: it happens once, as asked for; the guest goes on to its end. What hangs
    another CPU ends; a single one has a performance counter for it."""
    workload = replace(KVM, tests=("inject_test",), injectable=("nestvmx", "ept"), settings=(("iterations", 12),))
    conf = {"EFI/bulkhead/bulkhead.conf": configuration(workload, ("watchdog = 20",)).encode()}
    run = boot(context.places, workload, Machine(cpus=cpus, counts=cpus == 1), context.directory(), TIMEOUT, files=conf)
    if found := problems(run):
        raise Failure("\n".join(found))
    require(any(line.startswith("vmm: PASS ") for line in run.outcome.console), "the KVM guest's results are not right")
    said = answers(run.outcome.console)
    rounds = [match.groups() for line in run.outcome.console if (match := INJECTED.fullmatch(line.strip()))]
    require(len(rounds) == 2 * len(KINDS), f"rounds: {rounds}")
    faults = [line for line in run.outcome.log if " error fault " in line and " cause=" in line]
    require(len(faults) == len(rounds), f"{len(faults)} faults, {len(rounds)} asked for: {faults}")
    injected = [line for line in run.outcome.log if " warn inject partition=" in line]
    for (partition, kind, restarts), fault, line in zip(rounds, faults, injected):
        require(re.search(rf" fault partition={partition} {CAUSES[kind]}$", fault.strip()), f"asked for {kind} in {partition}, got '{fault}'")
        require(f"partition={partition} kind={KINDS[kind]} " in line, f"asked for {kind} in {partition}, the log says '{line}'")
        require(int(restarts) == sum(other[0] == partition for other in rounds[:rounds.index((partition, kind, restarts)) + 1]), f"{partition}: {restarts} restarts after {kind}")
        answer = said.get(f"bhctl inject {partition} {kind}")
        require(answer and answer.status == 0 and f"{partition} gets the fault {kind} in message 5 from now on" in answer.lines, f"bhctl inject {partition} {kind}: {answer}")
    if found := refused(said.get("bhctl inject again"), "a fault that was asked for before is still to come in ept"):
        raise Failure("\n".join(found))
    return f"{len(faults)} faults of {len(KINDS)} kinds; L2's results are right"


REFUSED = {
    "nestvmx --at 1 --kind ud": (1, "no fault may be injected into nestvmx: the workload's configuration does not name it as injectable"),
    "ept --at 1 --kind hang": (1, "nobody would end a hang: the watchdog is off, or there is only one CPU, without a counter for it"),
    "": (2, "inject needs the name of a partition"),
    "--at 1 --kind ud": (2, "inject needs the name of a partition"),
    "nobody --at 1 --kind ud": (2, "there is no partition 'nobody'"),
    "ept --at 1": (2, "inject needs --at N and --kind KIND"),
    "ept --kind ud": (2, "inject needs --at N and --kind KIND"),
    "ept --at 0 --kind ud": (2, "--at is the number of a message from now on, 1 for the next one, not '0'"),
    "ept --at 4294967296 --kind ud": (2, "--at is the number of a message from now on, 1 for the next one, not '4294967296'"),
    "ept --at 1x --kind ud": (2, "--at is the number of a message from now on, 1 for the next one, not '1x'"),
    "ept --at 1 --kind panic": (2, "--kind is ud, pf, bad-reply or hang, not 'panic'"),
    "ept --at 1 --kind": (2, "--kind needs a value"),
    "ept --at 1 --kind ud --instruction -1": (2, "--instruction is the number of an instruction of the message, not '-1'"),
    "ept --at 1 --what ud": (2, "inject has no option '--what'"),
}


def _inject_refused(context: Context) -> str:
    """What the configuration doesn't name, what nobody would end, and wrong words: one clear line, and nothing happens."""
    workload = replace(KVM, tests=("inject_refused",), injectable=("ept",))
    run = boot(context.places, workload, Machine(cpus=1), context.directory(), TIMEOUT)
    said = answers(run.outcome.console)
    for words, (status, text) in REFUSED.items():
        answer = said.get(f"bhctl inject {words}".strip())
        require(answer == Answer([f"bhctl: {text}"], status), f"bhctl inject {words}: {answer}")
    require(not any(" inject partition=" in line or " fault " in line for line in run.outcome.log), "a fault was injected")
    require(any(line.startswith("bulkhead: running on ") and line.endswith(", without a watchdog") for line in run.outcome.console), "the loader doesn't say so")
    return f"{len(REFUSED)} refused"


CASES = [Case("bhctl-kvm", _kvm), Case("bhctl-fault", _fault),
         Case("bhctl-inject", partial(_inject, 2)), Case("bhctl-inject-1", partial(_inject, 1)), Case("bhctl-inject-refused", _inject_refused),
         Case("bhctl-not-loaded", lambda context: _absent(True, "the partition report is not loaded: it must be among the workload's partitions in "
                                                          "bulkhead.conf", context)),
         Case("bhctl-bare", lambda context: _absent(False, "this machine does not run on Bulkhead", context)),
         Case("bhctl-crash-fault", partial(_crash, "ud", r"fault of a partition \(report\)")),
         Case("bhctl-crash-panic", partial(_crash, "panic", r"panic of the kernel \(report\)"))]
