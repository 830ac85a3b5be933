# SPDX-License-Identifier: BSD-2-Clause
"""What helps who works on nested exits: the timeline in a real browser, recordings that are replayed, what tracing costs."""

from __future__ import annotations

import base64
import html
import io
import re
import subprocess
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import bench
import browser
import crash
import recording
import replay
from boot import Boot, Places, boot, problems
from case import Case, Context, Failure, require
from debug import Debugged, debugged_boot, session
from emulator import Machine
from gdb_port import GdbPort
from source_copy import ROOT, Edit, built_copy
from time_limit import PATIENCE
from trace import Filter, output, traced_boot
from workload import KVM, LHV, debugged

TIMEOUT = 300.0
SMALL = replace(LHV, plain_options="only=exits")
MACHINE = Machine(cpus=1, ips=10_000_000)


def _seen(page: str, pattern: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(pattern, page)]


def timeline_problems(page: Path, cpus: int) -> list[str]:
    """Of the document as the browser has made it, not of the file."""
    document = browser.document(page)
    found = [] if 'data-ready="yes"' in document else ["its script did not come to its end"]
    lanes = re.findall(r'<div class="lane[^"]*" data-cpu="(\d+)" data-lane="(\w+)">', document)
    for cpu in range(cpus):
        found += [f"no lane {lane} of CPU {cpu}" for lane in ("L2", "L1", "kernel", "nestvmx", "ept") if (str(cpu), lane) not in lanes]
    rows = re.findall(r"<tr><td>(L\d|PAL)</td><td>(\w+)</td><td>([\d,]+)</td>", document)
    found += [f"no costs of {level} {reason}" for level, reason in (("L2", "CPUID"), ("L2", "EPT_VIOLATION"), ("L1", "VMRESUME")) if (level, reason) not in
              [row[:2] for row in rows]]
    if document.count('class="bars"') != len(rows) or not re.search(r'<div title="[^"]*: [1-9][^"]*" style="height: [1-9]\d*px', document):
        found.append("the costs have no histograms")
    hit = re.search(r'<p id="ept02">Hit rate (\d+\.\d+) %: of ([\d,]+) times', document)
    if not hit or not 0 < float(hit[1]) <= 100:
        found.append("it does not say EPT02's hit rate")
    # What is under the pointer, by the address that points at it: each lane has such a span.
    data = page.read_text()
    where = re.search(r'\[\d+,\d+,\d+,"L2 EPT_VIOLATION","([^"]*)"\]', data)
    require(where, "no EPT violation of an L2 is in the timeline")
    assert where
    index = data[data.index('"spans":['):where.start()].count("],[") + 1
    tip = _seen(browser.document(page, f"span={index}"), r'<div id="tip" style="display: block;[^>]*>([^<]*)</div>')
    if len(tip) != 1 or where[1] not in tip[0]:
        found.append(f"pointing at '{where[1]}' shows {tip}")
    return found


def _timeline(context: Context) -> str:
    page, image = context.directory() / "trace.html", context.directory() / "trace.png"
    page.parent.mkdir(parents=True, exist_ok=True)
    with page.open("w") as out:
        shown = output(out, Filter(), "html")
        run, tracer = traced_boot(context.places, replace(KVM, vcpus=2), Machine(cpus=2), context.directory("run"), TIMEOUT, shown.give)
        shown.end("Bulkhead: the KVM guest on 2 CPUs", tracer.lost)
    found = problems(run) + ([tracer.problem] if tracer.problem else []) + timeline_problems(page, 2)
    if found:
        raise Failure("\n".join(found))
    browser.screenshot(page, image)
    require(image.stat().st_size > 10_000, "the screenshot is empty")
    return f"{shown.events:,} events, {page.stat().st_size >> 10:,} KiB"


def _recorded(context: Context, partition: str, workload: object, machine: Machine, directory: Path) -> tuple[Boot, bytes]:
    places = Places(context.places.build, recording.build(context.places.build, partition))
    run = boot(places, workload, machine, directory, TIMEOUT)  # type: ignore[arg-type]
    try:
        return run, recording.extract(run.outcome.log, partition)
    except recording.Unusable as error:
        raise Failure(str(error)) from None


def _replayed(build: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return replay.replay(build, file)


DONE = re.compile(r"(\d+) messages, (\d+) replies as recorded, (\d+) messages cut off, (\d+) loads")


DAMAGED = 48


def noticed(build: Path, data: bytes, file: Path) -> int:
    """Of so many recordings with another byte somewhere, as if somebody had made them so, those whose replay differs. It may be a byte that the partition doesn't look at, as
    some seven in ten of ept's are: entries around the wanted one. A file that was damaged isn't replayed at all."""
    found = 0
    for i in range(DAMAGED):
        at = len(data) * (2 * i + 1) // (2 * DAMAGED)
        wrong = bytearray(data)
        wrong[at] ^= 0x15
        file.write_bytes(recording.sealed(bytes(wrong)))
        found += _replayed(build, file).returncode != 0
        damaged = bytearray(recording.sealed(data))
        damaged[len(damaged) * (2 * i + 1) // (2 * DAMAGED)] ^= 0x15
        file.write_bytes(damaged)
        try:
            _replayed(build, file)
        except recording.Unusable:
            continue
        raise Failure(f"a file with another byte at {at} is replayed")
    return found


def _record(partition: str, cpus: int, inject: str, context: Context) -> str:
    """The KVM guest with a partition that records itself; every reply of it comes again on the host. Damaged, it doesn't."""
    run, data = _recorded(context, partition, replace(KVM, vcpus=cpus, inject=inject), Machine(cpus=cpus), context.directory())
    if found := problems(run):
        raise Failure("\n".join(found))
    file = context.directory() / f"{partition}.rec"
    file.write_bytes(recording.sealed(data))
    result = _replayed(context.places.build, file)
    require(result.returncode == 0, result.stdout[-2000:])
    done = DONE.search(result.stdout)
    require(done, f"the replay says '{result.stdout}'")
    assert done
    messages, replies, cut, loads = map(int, done.groups())
    counted = run.summary().message_count(partition)
    # The kernel also counts MSG_INIT, and what it hands over again; the last of a run may be under way.
    require(abs(messages - counted) <= 2 + 2 * (loads - 1) and replies + cut == messages, f"{messages} messages replayed, {counted} counted, {done[0]}")
    require((loads > 1) == bool(inject), f"the recording has {loads} loads of {partition}")
    seen = noticed(context.places.build, data, file.with_suffix(".wrong"))
    require(seen >= DAMAGED // 5, f"{DAMAGED - seen} of {DAMAGED} damaged recordings are replayed as if they were whole")
    return f"{messages:,} messages, {loads} loads, {len(data) >> 10:,} KiB"


# The kernel without what writes exits' events: what tracing costs, as it is always on.
NO_EVENTS = (
    Edit("kernel/exit.c", "    struct event *event = &cpu->records.events.slot[cpu->records.events.next % EVENT_SLOTS];\n"
         "    event = insn_vmread_into(vmcs_field_info[VMCS_EXIT_QUALIFICATION].encoding, event, offsetof(struct event, qualification));\n    cpu->event = event;\n"
         "    event->tsc = tsc;\n", "    struct event *event = &cpu->records.events.slot[0];\n    cpu->event = event;\n    event->tsc = tsc;\n"),
    Edit("kernel/exit.c", "    event->rip = cpu->rip = insn_vmread(", "    cpu->rip = insn_vmread("),
    Edit("kernel/exit.c", "    event->head = EVENT_HEAD(EVENT_EXIT, level, basic);\n"
         "    __atomic_store_n(&cpu->records.events.next, cpu->records.events.next + 1, __ATOMIC_RELEASE);  // whole, for who reads it meanwhile\n", ""),
    Edit("kernel/exit.c", "    event->end = EVENT_END(level, ticks);\n", "    (void)level;\n"),
    Edit("kernel/exit.c", "    cpu->event->qualification = page | (cpu->event->qualification & ~PAGE_MASK);\n", "    (void)page;\n"),
    Edit("kernel/route.c", "    struct event *event = cpu->event;  // the exit's tells of its first message, too\n    event->outcome = route->number;\n",
         "    static struct event nobody, *event;\n    event = &nobody;\n"),
    Edit("kernel/handover.h", "    event->sequence = (uint8_t)sequence;\n", ""),
)
TRACED_ROWS = {"l1_cpuid": 15, "null_message": 15, "l2_cpuid_roundtrip": 15, "l2_resolved_exit": 15, "ept02_miss_4k": 15}  # at most so many per cent


def _trace_cost(context: Context) -> str:
    places = built_copy(context.places, "no-events", NO_EVENTS, bench.BENCH.partitions)
    with_events, without = bench.measure(context.places, True), bench.measure(places, True)
    shares = {name: (with_events[name] - without[name]) * 100 / without[name] for name in TRACED_ROWS}
    for name, share in shares.items():
        require(-1 < share <= TRACED_ROWS[name], f"{name}: {with_events[name]} instructions with events, {without[name]} without")
    return ", ".join(f"{name} {without[name]:,} + {share:.1f} %" for name, share in shares.items())


# The task register as an exit to L1 leaves it: an available TSS where it has to be a busy one.
PLANTED = Edit("nestvmx/l1_state.c", "#define RIGHTS_TSS       0x008bu ", "#define RIGHTS_TSS       0x0089u ")
REPLAYER = "ci/replay/replay_nestvmx"
LAST_RUN = re.compile(r"bulkhead: last run: ended in a failed VM entry .*: (L1 can't be entered: exit reason 33, .*)")
GDB_WALK = """set pagination off
run
break l1_state.c:prepare
continue
backtrace
set $to = vmcs02
finish
printf "rights of TR: 0x%lx\\n", $to->l1[VMCS_GUEST_TR_ACCESS_RIGHTS]
kill
"""


def _plain(packed: Path, folder: Path) -> Path:
    plain = folder / packed.stem
    plain.write_bytes(recording.read(packed))
    return plain


RAW = re.compile(r"bh: crash begin\n([A-Za-z0-9+/=\n]+)bh: crash given", re.DOTALL)
FAILED_ENTRY = r" *\d+ CPU0 L1 ENTRY_GUEST_STATE \(failed entry\) .*"
LIVE_LINE = "    fill_bank(m, vmcs02);\n"  # of nestvmx/l1_state.c: what L1 gets is made
GDB_LIVE = """break l1_state.c:{line}
continue
backtrace
bh message GUEST_RIP
printf "rights of TR: 0x%lx\\n", vmcs02->l1[VMCS_GUEST_TR_ACCESS_RIGHTS]
"""


def _record_of_crash(run: Boot, places: Places, folder: Path) -> str:
    """What Linux of the next boot handed out, in words: it names the check that the CPU made."""
    # Linux' own lines may come in between.
    console = re.sub(r"\[ *\d+\.\d+\] [^\n]*\n", "", "".join(line.rstrip() + "\n" for line in run.outcome.console))
    given = [base64.b64decode(text) for text in RAW.findall(console)]
    require(len(given) == 1, f"{len(given)} records come out of Linux")
    file = folder / "crash.bin"
    file.write_bytes(given[0])
    status, said = crash.lines(places.build, places.product, file)
    (folder / "crash.txt").write_text("\n".join(said) + "\n")
    for pattern in (r"failed VM entry.* on CPU 0, crash number 1, .*", r"L1 can't be entered: exit reason 33, .*", r"  called from 0x\w+  entry_refused .*", r"VMCS01, L1's:",
                    r".*GUEST_TR_ACCESS_RIGHTS +0+89.*", r"VM entry on VMCS01, L1's: refused by the check guest_tr_rights, SDM 3C 27\.3\.1\.2",
                    r" *\d+ CPU0 L2->L1 \w+ .* instr", FAILED_ENTRY):
        require(any(re.fullmatch(pattern, line) for line in said), f"the record does not say {pattern}")
    file.write_bytes(given[0][:-1])
    require(crash.lines(places.build, places.product, file)[0] == 1, "half a record is printed")
    require(status == 0, f"bulkhead crash ends with status {status}")
    file.write_bytes(given[0])
    return next(line for line in said if line.startswith("VM entry on VMCS01"))


def _live(places: Places, folder: Path) -> str:
    """What gdb on nestvmx says while the error is made."""
    folder.mkdir(parents=True, exist_ok=True)
    source = (ROOT / PLANTED.file).read_text()
    require(source.count(LIVE_LINE) == 1, f"{PLANTED.file} does not have '{LIVE_LINE.strip()}' once")
    port, said, script = GdbPort(), folder / "gdb.txt", folder / "commands.gdb"

    def talk() -> None:
        script.write_text("\n".join(session(places, "nestvmx", port.remote)) + "\n" + GDB_LIVE.format(line=source[:source.index(LIVE_LINE)].count("\n") + 1))
        with said.open("w") as out:
            subprocess.run(["gdb", "-nx", "-batch", "-x", str(script)], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                           timeout=PATIENCE * TIMEOUT)
        stages.done.set()
    thread = threading.Thread(target=talk, daemon=True)
    stages = Debugged(thread.start, port)
    debugged_boot(places, debugged(SMALL, "nestvmx"), MACHINE, folder, TIMEOUT, stages)
    if thread.ident:
        thread.join(60.0)  # its connection has ended with the machine
    return said.read_text() if said.exists() else ""


def _walk(context: Context) -> str:
    """What docs/debugging.md tells, in its order: a wrong access-rights byte, seen in the trace, named by the record of the crash, replayed, found in gdb on the replay
    and on the partition that runs, fixed, kept."""
    folder = context.directory()
    folder.mkdir(parents=True, exist_ok=True)
    places = built_copy(context.places, "planted", [PLANTED], ("gdb", *KVM.partitions), ("-Drecorded=nestvmx",), (REPLAYER,))
    # 1. The trace: L1's last entry is one that fails, after an exit of its L2's that nestvmx delivered.
    traced = io.StringIO()
    shown = output(traced, Filter(), "text")
    run, tracer = traced_boot(places, replace(KVM, tests=("crash_raw", "kvm")), Machine(cpus=1), folder / "run", TIMEOUT, shown.give, last=re.compile(r"bh: crash given"))
    lines = traced.getvalue().splitlines()
    (folder / "trace.txt").write_text("\n".join(lines) + "\n")
    failed = [i for i, line in enumerate(lines) if re.fullmatch(FAILED_ENTRY, line)]
    require(len(failed) == 1 and not tracer.problem, f"{len(failed)} failed entries are in the trace {tracer.problem}")
    # Of an EPT violation ept got the first message.
    before = lines[failed[0] - 2:failed[0]]
    require(" L2->L1 " in "".join(before) and re.search(r" nestvmx \d+ instr$", before[-1]), f"before it came {before}")
    # 2. The post-mortem: the next boot tells why that one ended, and its record which check the CPU made.
    require(any(LAST_RUN.match(line) for line in run.outcome.console), "the next boot does not tell of the failed VM entry")
    named = _record_of_crash(run, places, folder)
    # 3. What nestvmx got and did is in the log; on the host the same source does the same.
    file, plain = folder / "planted.rec", folder / "planted.plain"
    plain.write_bytes(recording.extract(run.outcome.log, "nestvmx"))
    recording.write(file, plain.read_bytes())
    same = subprocess.run([str(places.product / REPLAYER), str(plain)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    done = DONE.search(same.stdout)
    require(same.returncode == 0 and done, f"the replay of the build with the error differs: {same.stdout[-1000:]}")
    assert done
    # 4. The last message is the one after which L1 could not be entered: in gdb, stopped before it, what it makes of TR.
    script = folder / "walk.gdb"
    script.write_text(GDB_WALK)
    command = replay.gdb_command(places.product / REPLAYER, plain, int(done[1]), script)
    seen = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE * TIMEOUT).stdout
    (folder / "gdb.txt").write_text(seen)
    require("rights of TR: 0x89" in seen and re.search(r"#\d+ .*partition_message", seen), f"gdb does not show the wrong byte: {seen[-2000:]}")
    # 5. And where it runs.
    live = _live(places, folder / "live")
    for pattern in (r"Breakpoint 1, .*l1_state\.c:\d+", r"#1 +enter_l1 ", r"message \d+ on CPU 0: EXIT from L2", r"^rights of TR: 0x89$"):
        require(re.search(pattern, live, re.M), f"gdb on nestvmx has nothing like {pattern}: {live[-2000:]}")
    # 6. Fixed, the source answers that message otherwise, and none before it.
    fixed = _replayed(context.places.build, file)
    require(fixed.returncode == 3 and fixed.stdout.startswith(f"message {done[1]} ") and "has 0x8b, had 0x89" in fixed.stdout,
            f"the fixed source's replay says: {fixed.stdout[-1000:]}")
    # 7. That is what is meant: kept, it is the fixed source's recording.
    kept = folder / "kept.rec.xz"
    accepted = replay.replay(context.places.build, file, kept)
    require(accepted.returncode == 0, f"it isn't accepted: {accepted.stdout[-1000:]}")
    # One that is kept shows the error only where the right source does what it says.
    right = [file for file in (kept, KEPT / "busy-tss.rec.xz") if _replayed(context.places.build, file).returncode == 0]
    require(kept in right, "what is accepted isn't replayed again")
    for recorded in right:
        require(subprocess.run([str(places.product / REPLAYER), str(_plain(recorded, folder))], stdout=subprocess.DEVNULL).returncode == 3,
                f"{recorded.name}: the error isn't noticed")
    return f"message {done[1]}: {fixed.stdout.split(': ', 1)[1].strip()}; {named}"


KEPT = Path(__file__).resolve().parent / "recordings"


def _kept(context: Context) -> str:
    """Recordings that are kept: with the sources that they were made with every reply comes again; with others the partition may do something else from some message
    on, but nothing that a sanitizer or itself objects to. Where messages themselves have changed they can't be read any more: they are to be made again."""
    same = other = unread = 0
    for file in sorted(KEPT.glob("*.rec.xz")):
        about = tomllib.loads(file.with_suffix("").with_suffix(".toml").read_text())
        fits = about["sources"] == recording.sources(about["partition"])
        try:
            result = _replayed(context.places.build, file)
        except recording.Unusable as error:  # of another version
            require(not fits, str(error))
            other, unread = other + 1, unread + 1
            continue
        require(result.returncode == 0 or (not fits and result.returncode in (2, 3)), f"{file.name}: {result.stdout[-2000:]}")
        same, other, unread = same + fits, other + (not fits), unread + (result.returncode == 2)
    require(same + other > 0, f"there is no recording in {KEPT}")
    return f"{same} as recorded; {other} made with other sources" + (f", {unread} of them can't be read any more" if unread else "")


CASES = [Case("debugging-timeline", _timeline), Case("debugging-kept", _kept), Case("debugging-walk", _walk),
         Case("debugging-record-nestvmx", lambda context: _record("nestvmx", 1, "", context)),
         Case("debugging-record-ept-fault", lambda context: _record("ept", 2, "ept 40 ud", context)),
         Case("debugging-trace-cost", _trace_cost)]
