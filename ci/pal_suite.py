# SPDX-License-Identifier: BSD-2-Clause
"""PALs in Linux, as L1 and as L2: what they compute and what is refused, faults of trustvisor meanwhile, trouble on all CPUs, and what a reset leaves of them."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import containment
import lhv
import tutorial
from boot import Boot, boot, problems
from case import Case, Context, Failure, require
from emulator import Machine
from trace_text import from_json
from watch import Resets
from workload import BULKHEAD_PAL, LHV_PAL, PAL, PAL_L2, Workload, configuration

TIMEOUT = 300.0
NIGHT_TIMEOUT = 900.0
EXAMPLES = Path(__file__).parent.parent / "trustvisor/sdk/examples"


def _run(context: Context, workload: Workload, machine: Machine, timeout: float = TIMEOUT, files: dict[str, Path | bytes] | None = None) -> Boot:
    run = boot(context.places, workload, machine, context.directory(), timeout, files=files)
    if found := problems(run):
        raise Failure("\n".join(found))
    return run


def _tutorial(run: Boot) -> None:
    """The guest has typed all that the tutorial has for it; what the tutorial has for anybody else is typed here, with what the guest got."""
    commands = tutorial.commands(tutorial.TUTORIAL.read_text())
    inside, outside = (sum(command.prompt == "pal" for command in commands), [command for command in commands if command.text.startswith("verify")])
    require(any(f"pal: tutorial commands={inside}" in line for line in run.outcome.console) and inside > 10, f"{inside} commands of the tutorial were not typed")
    require(len(outside) == 6, "the tutorial verifies something else")
    with tempfile.TemporaryDirectory() as name:
        for file, said in (("answer", "pal: quote "), ("public", "pal: agent public"), ("signature", "pal: agent signature")):
            lines = [line[line.index(said):].split(" ", 2)[2].strip() for line in run.outcome.console if said in line]
            (Path(name) / file).write_text("\n".join(lines) + "\n")
        wrong = tutorial.run(outside, Path(name), {"PATH": f"{EXAMPLES}:{os.environ['PATH']}"})
        require(not wrong, "the tutorial has something else for: " + "\n".join(wrong))


def _check(run: Boot, least: int) -> str:
    """The examples' output is verified here, outside; and enough PALs came and went."""
    lines = run.outcome.log
    registered, ended = (sum(word in line for line in lines) for word in (": registered pages=", ": unregistered"))
    require(registered >= 2 * least and ended >= least, f"{registered} PALs registered, {ended} unregistered: too few")
    tests = [line for line in lines if re.search(r" pal test \d+$", line.rstrip())]
    require(bool(tests) and all(line.rstrip().endswith(" 42") for line in tests), f"the log should have the number of each `test 42`, and has {tests[:3]}")
    _tutorial(run)
    require(any("scrub partition=trustvisor" in line for line in lines), "the partition was not scrubbed before the power-off")
    return f"{registered} PALs, {run.summary().exit_count('PAL'):,} exits of theirs"


def _told(run: Boot) -> str:
    """Root's trace has the PALs' exits, and nothing of where they were; the log tells why one has ended, and no address."""
    events = [from_json(line.split("pal: trace ", 1)[1]) for line in run.outcome.console if "pal: trace " in line]
    pals = [event for event in events if event.level == "PAL"]
    require(any(event.rip for event in events if event.level == "L1"), "bhctl shows no event of L1's with its RIP")
    require(any(event.kind == "exit" and event.ticks for event in pals), "bhctl shows no exit of a PAL's")
    told = [event for event in pals if event.kind in ("exit", "message") and (event.rip or event.qualification or event.fields)]
    require(not told, f"bhctl shows where a PAL was: {told[:3]}")
    ended = [line for line in run.outcome.log if re.search(r"pal \d+: (an exception|not for a PAL)", line)]
    require(bool(ended) and all(re.search(r"pal \d+: [\w ]+ \(exit \d+\): ended$", line.strip()) for line in ended), f"the log tells more than why a PAL has ended: {ended[:3]}")
    return f"{len(pals)} events of theirs in the trace"


def _pal(cpus: int, context: Context) -> str:
    workload = replace(PAL, iterations=7, partitions=(*PAL.partitions, "report"), settings=(("trace", 1),))
    run = _run(context, workload, Machine(cpus=cpus))
    return f"{_check(run, 20)}, {_told(run)}"


def _pal_l2(context: Context, *more: tuple[str, object], ept: str = "Y", iterations: int = 7) -> str:
    """In the Linux that QEMU runs with KVM."""
    run = _run(context, replace(PAL_L2, iterations=iterations, settings=(*PAL_L2.settings, *more)), Machine(model="broadwell_ult"), 400.0)
    require(any(f"qemu_kvm: ept={ept}" in line for line in run.outcome.console), f"KVM's guest runs with another ept than {ept}")
    return _check(run, 10)


def _pal_l2_no_ept(context: Context) -> str:
    """KVM shadows the L2's page tables, and has to see its page faults: those that trustvisor raises as well."""
    return _pal_l2(context, ("ept", 0), ("bits", 64), ept="N", iterations=2)


def _faults(cpus: int, kind: str, span: int, spacing: int, least: int, context: Context) -> str:
    """trustvisor faults again and again, each time one instruction later in its message; on the other CPUs messages end in their midst. The programs see
    nothing of it: what they check is right, what must be refused is. Leaves the table of what was hit in table.txt."""
    inject = f"trustvisor 2 {kind} 1 1000000 {span} {spacing}"
    run = _run(context, replace(PAL, iterations=7, inject=inject), Machine(cpus=cpus), NIGHT_TIMEOUT)
    tried, hit = containment.faults(run.outcome.log)
    require(len(hit) >= least, f"only {len(hit)} of {tried} faults happened")
    restarts = len(run.stages.find("restart"))
    require(len(hit) / cpus <= restarts <= len(hit), f"{restarts} restarts for {len(hit)} faults")  # one for all CPUs that fault at the same time
    (context.directory() / "table.txt").write_text("\n".join([f"{len(hit):,} faults of {tried:,} tried", *containment.table(hit)]) + "\n")
    return f"{len(hit):,} faults at {len({fault.instruction for fault in hit}):,} instructions; " + _check(run, 20)


def _stress(workload: Workload, cpus: int, iterations: int, timeout: float, context: Context) -> str:
    """L1's memory goes to a disk as well; an L2 has none, but its L1's CPUs take NMIs and go, too."""
    swap = dict(workload.settings).get("swap") == "yes"
    machine = Machine(cpus=cpus, model="broadwell_ult", memory_mb=SWAP_MEMORY_MB if swap else 512)
    run = _run(context, replace(workload, iterations=iterations, vcpus=cpus), machine, timeout, {"EFI/swap": bytes(SWAP_BYTES)} if swap else None)
    trouble = next((match for line in run.outcome.console if (match := re.search(r"pal_stress: rounds=(\d+) nmis=(\d+) swapped=(\d+)", line))), None)
    require(trouble is not None, "nothing is said of the trouble")
    registered = sum(": registered pages=" in line for line in run.outcome.log)
    require(registered >= cpus * iterations * PALS_OF_TEST_ARGS, f"only {registered} PALs were registered")
    rounds, nmis, swapped = (int(word) for word in trouble.groups()) if trouble else (0, 0, 0)
    require(cpus == 1 or nmis > 0, "no NMI came")
    require(not swap or swapped > 0, "no page went to the disk")
    outer = next((int(match[1]) for line in run.outcome.console if (match := re.search(r"qemu_kvm: L1 rounds=(\d+)", line))), 0)
    require(swap or outer > 0, "L1 had no trouble")
    rest = f"{swapped} pages swapped" if swap else f"{outer} rounds of L1's"
    return f"{registered:,} PALs on {cpus} CPUs, {nmis} NMIs, {rounds} rounds of CPUs and memory going, {rest}"


def _swap(unlocked: bool, context: Context) -> str:
    """No page of a PAL's is in what the system has swapped, which is looked through afterwards: they are locked. Unlocked, with a disk that gets all from the
    CPU, they go there zeroed, and their PALs end."""
    workload = replace(PAL, name="pal-swap", tests=("pal_swap",), settings=(("unlocked", "yes" if unlocked else "no"),))
    run = _run(context, workload, Machine(memory_mb=SWAP_MEMORY_MB), files={"EFI/swap": bytes(SWAP_BYTES)})
    console = "\n".join(run.outcome.console)
    require(re.search(f"pal_swap: disk XFER_{'PIO' if unlocked else '(MW_|U)DMA'}_", console), "the disk gets its data another way")
    counts = re.search(r"swapped: own (0x[0-9a-f]+) data (0x[0-9a-f]+) pals (0x[0-9a-f]+)", console)
    pages = re.search(r"pal_swap: swapped (\d+) pages", console)
    require(counts and pages, "the program does not say what is swapped")
    own, data, all_pages = (int(number, 0) for number in counts.groups()) if counts else (0, 0, 0)
    total = int(pages[1]) if pages else 0
    ended = sum("its program has lost a page: ended" in line for line in run.outcome.log)
    require(own >= SWAPPED_OWN_PAGES // 2, f"only {own} of the program's own pages are swapped")
    if unlocked:
        require((data, ended) == (SWAPPED_PALS, SWAPPED_PALS), f"of {SWAPPED_PALS} PALs the data of {data} is swapped, and {ended} have ended")
    else:
        require(all_pages == 0 and ended == 0, f"{all_pages} locked pages of PALs are swapped, {ended} PALs have ended")
        require(total >= SWAPPED_OWN_PAGES + SWAPPED_OF_OTHERS, f"memory did not run short: {total} pages were swapped")
    words = {seed: (context.directory() / "esp.img").read_bytes().count(_secret(seed)) for seed in (INSIDE, OUTSIDE)}
    require(words[OUTSIDE] >= own * PAGE_WORDS, f"{words[OUTSIDE]} words of {own} pages of the program's own are on the disk: the search finds nothing")
    require(words[INSIDE] == 0, f"{words[INSIDE]} words of the PALs' secret are on the disk")
    return f"{total:,} pages swapped, {own} of the program's own, {all_pages} of PALs'; {words[OUTSIDE]:,} words on the disk, no PAL's"


def _avx512(context: Context) -> str:
    """Registers of 512 bits and masks don't cross either."""
    run = _run(context, replace(PAL, iterations=1), Machine(model="corei7_skylake_x"))
    told = sum("abuse: ok a program has all its masks and 512 bits after a PAL's" in line for line in run.outcome.console)
    require(told == 2, f"{told} programs looked at registers of 512 bits, 2 were expected")
    return _check(run, 20)


def _lhv(chosen: Workload, levels: int, cpus: int, iterations: int, context: Context) -> str:
    """PALs without an operating system, on all CPUs at the same time: each test passes wherever trustvisor is below."""
    machine = Machine(cpus=cpus)
    chosen = replace(chosen, plain_options=f"{chosen.plain_options} iterations={iterations}")
    run = boot(context.places, chosen, machine, context.directory(), TIMEOUT)
    found = lhv.results(run.outcome.console)
    wrong = problems(run) + lhv.end_problems(run.outcome.console, found, cpus)
    wrong += [str(result) for result in found if result.verdict == "FAIL"]
    if wrong:
        raise Failure("\n".join(wrong))
    passed = sum(result.verdict == "ok" for result in found)
    expected = ((LHV_TESTS * levels + LHV_MODE_TESTS) * cpus + (levels + LHV_INIT_TESTS if cpus > 1 else 0)) * iterations  # and what takes two CPUs, once at each level
    require(passed == expected, f"{passed} tests passed, {expected} were expected")
    for what in ("reads", "writes") if cpus > 1 else ():
        require(any(re.match(rf"L0 1 warn taken memory: L1 {what} ", line) for line in run.outcome.log), f"nothing tells that CPU 1 {what} a PAL's memory")
    inits = sum(row.count for row in run.summary().exits if row.origin == "PAL" and row.reason == "INIT")
    require(cpus == 1 or inits >= LHV_INIT_TESTS * iterations, f"{inits} INITs came to a CPU in a PAL, {LHV_INIT_TESTS * iterations} at least were expected")
    return f"{passed} tests passed, {run.summary().exit_count('PAL'):,} exits of PALs"


LHV_TESTS = 8  # for each level at which the program is (guests/lhv/pal.c)
LHV_MODE_TESTS = 12  # of L2s that are systems of 32 bits (guests/lhv/pal_mode.c)
LHV_INIT_TESTS = 3  # of a CPU that another one INITs (guests/lhv/pal_peer.c)
LHV_PAL_NO_EPT = replace(LHV_PAL, name="lhv-pal-no-ept", plain_options=f"{LHV_PAL.plain_options} noept")
STRESS = replace(PAL, name="pal-stress", tests=("pal_stress",), settings=(("swap", "yes"),))
STRESS_L2 = replace(PAL_L2, name="pal-stress-l2", settings=(("l2", "pal_stress"), ("trouble", "yes"), ("large_pages", "always")))  # small ones: pal-l2-1
SWAP_BYTES, SWAP_MEMORY_MB = 48 << 20, 256  # little memory is soon used up
PALS_OF_TEST_ARGS = 9  # of each `test_args 7 7 SEED`
SWAPPED_PALS, SWAPPED_OWN_PAGES, SWAPPED_OF_OTHERS = 8, 256, 1000  # of swapped.c, and of what else there is in memory that runs short

# What secret.c keeps, in the PAL and in its program.
FACTOR, INSIDE, OUTSIDE = 0xa0761d6478bd642f, 70001, 90001
PAGE_WORDS = 512
PAL_PAGES, SPREAD_BYTES = 64, 16 << 20  # of a secret, among its program's 32 MiB, wherever those are
SLEEP_SECONDS = 3.0  # from Bulkhead's last word on


def _secret(seed: int) -> bytes:
    """A word of it."""
    return (FACTOR * seed % (1 << 64)).to_bytes(8, "little")


class _Resets(Resets):
    """Where the machine is to sleep memory is looked at some seconds after Bulkhead's last word."""

    def __init__(self, machine: Machine, disk: Path, sleeps: bool) -> None:
        super().__init__(machine, disk, {seed: _secret(seed) for seed in (INSIDE, OUTSIDE)})
        self.keep_going = True  # the firmware comes after a panic, too
        self.sleeps = sleeps

    def line(self, source: str, line: str, seconds: float) -> None:
        super().line(source, line, seconds)
        if self.sleeps and self.before and "scrub partition=trustvisor" in line:
            self.due = seconds + SLEEP_SECONDS


def _nothing_after(workload: Workload, machine: Machine, part: str, context: Context, *conf: str) -> tuple[Boot, str]:
    """No byte of a PAL's is in RAM after the reset, though RAM is as it was: its program's own page shows it."""
    watch = _Resets(machine, context.directory(part) / "esp.img", dict(workload.settings).get("sleep") == "yes")
    files: dict[str, Path | bytes] = {"EFI/bulkhead/bulkhead.conf": configuration(workload, conf).encode()}
    run = boot(context.places, workload, machine, context.directory(part), TIMEOUT, stages=watch, files=files)
    require(bool(watch.before), "the secrets are not kept")
    require(bool(watch.after), f"the machine did not start anew: {run.outcome.ending}")
    before, after = watch.before, watch.after
    require(min(len(places) for places in before.values()) >= PAGE_WORDS, f"{PAGE_WORDS} words with a secret at least were expected")
    pages, spread = len({at >> 12 for at in before[INSIDE]}), max(before[INSIDE]) - min(before[INSIDE])
    require(pages >= PAL_PAGES and spread >= SPREAD_BYTES, f"the PAL's secret is in {pages} pages of {spread >> 20} MiB: the firmware may have overwritten them")
    left = ", ".join(f"{at:#x}" for at in after[INSIDE][:8])
    require(not after[INSIDE], f"{len(after[INSIDE])} of {len(before[INSIDE])} words still hold the PAL's secret after the reset: {left}")
    require(len(after[OUTSIDE]) > 0, "the program's own secret is gone as well: this reset shows nothing")
    return run, f"{len(before[INSIDE])} words of a PAL's before, in {pages} pages, none after; of its program's {len(before[OUTSIDE])} and {len(after[OUTSIDE])}"


def _reset(how: str, context: Context) -> str:
    return _nothing_after(replace(PAL, name="pal-reset", tests=("pal_secret",), words=f"reboot={how}"), Machine(cpus=2), "", context)[1]


def _reset_otherwise(how: str, context: Context) -> str:
    """By ways that Linux doesn't take: the system control port, and the keyboard controller's output port, bit by bit."""
    run, remark = _nothing_after(replace(PAL, name="pal-reset", tests=("pal_secret",), settings=(("reset", how),)), Machine(cpus=2), "", context)
    require(run.stages.find("reset"), "Bulkhead did not see the reset")
    return remark


def _panic(context: Context) -> str:
    """The kernel can't go on, while a PAL keeps its secret and others come and go."""
    workload = replace(PAL, name="pal-reset", tests=("pal_secret",), settings=(("reset", "panic"),), inject=f"trustvisor {PANIC_MESSAGE} panic")
    run, remark = _nothing_after(workload, Machine(cpus=2), "", context, "panic = reset")
    require(any("panic: injected at message" in line for line in run.outcome.log), "the kernel did not panic")
    return remark


PANIC_MESSAGE = 200  # of trustvisor: many more than there are until the secrets are kept


def _sleep(context: Context) -> str:
    """The emulator stays awake, and L1 goes on: what there is in RAM by then would be there in the machine that sleeps."""
    run, remark = _nothing_after(replace(PAL, name="pal-sleep", tests=("pal_secret",), settings=(("sleep", "yes"),)), Machine(cpus=2), "", context)
    require(not any("FAIL" in line for line in run.outcome.console), "the sleep was refused")
    return remark


# Of trustvisor, while the PAL that spins has its turns: its program's call, when the PAL's vector registers are loaded and at its
# first instruction, and an exit of the PAL's.
PARKING_FAULTS = ((20, 560), (20, 1), (21, 1))
PARKED = replace(PAL, name="pal-parked", tests=("pal_parked",), words="reboot=kbd")


def _parked(context: Context) -> str:
    """trustvisor fails for good: its PALs' memory shows ones, their registers go to nobody, and after a reset there is nothing left."""
    remark, exits = "", set()
    for message, instruction in PARKING_FAULTS:
        part = f"{message}-{instruction}"
        run, remark = _nothing_after(replace(PARKED, inject=f"trustvisor {message} ud-ever {instruction}"), Machine(cpus=1), part, context)
        console, log = run.outcome.console, run.outcome.log
        require(any("park partition=trustvisor" in line for line in log), "trustvisor was not parked")
        wrong = [line.strip() for line in console if "FAIL" in line or "general protection" in line or "Oops" in line or "invalid opcode" in line]
        require(not wrong, "; ".join(wrong[:4]))
        for line in ("abuse: ok its program has a signal", "abuse: ok and nothing of its registers", "pal: ones where the secret is", "pal: looked"):
            require(any(line in said for said in console), f"'{line}' was not said")
        exits |= {match[1] for line in log if (match := re.search(r"fault partition=trustvisor .* kind=KILL reason=(\S+)", line))}
    require(exits == {"EPT_VIOLATION", "EXTERNAL_INTERRUPT"}, f"it was parked in messages of {', '.join(sorted(exits))}")
    return remark


def _looked(context: Context) -> str:
    """Messages that tell of L1's accesses to a PAL's page fail for good, again and again: L1's system, which made them, gets ones, and no exception."""
    inject = "trustvisor 60 ud-twice 1 80 300 5 17"
    run = _run(context, replace(PAL, name="pal-looked", tests=("pal_looked",), iterations=300, inject=inject), Machine(cpus=1))
    twice = sum("fault partition=trustvisor" in line and " attempt=1 " in line for line in run.outcome.log)
    require(twice >= 20, f"only {twice} messages failed twice")
    return f"{twice} messages failed twice, {run.summary().message_count('trustvisor'):,} in all"


CASES = [*(Case(f"pal-{cpus}", partial(_pal, cpus)) for cpus in (1, 2)), Case("pal-l2-1", _pal_l2), Case("pal-l2-no-ept", _pal_l2_no_ept),
         *(Case(f"pal-lhv-{cpus}", partial(_lhv, LHV_PAL, 2, cpus, 1)) for cpus in (1, 2)),
         Case("pal-lhv-4", partial(_lhv, LHV_PAL, 2, 4, 4)),
         Case("pal-lhv-no-ept-2", partial(_lhv, LHV_PAL_NO_EPT, 2, 2, 1)),
         Case("pal-bulkhead-1", partial(_lhv, BULKHEAD_PAL, 3, 1, 1)),
         Case("pal-faults-ud", partial(_faults, 2, "ud", 1500, 6, 100)),
         Case("pal-faults-reply", partial(_faults, 1, "bad-reply", 1, 10, 100)),
         Case("pal-avx512", _avx512),
         Case("pal-stress-4", partial(_stress, STRESS, 4, 3, TIMEOUT)), Case("pal-stress-l2-2", partial(_stress, STRESS_L2, 2, 2, TIMEOUT)),
         Case("pal-swap", partial(_swap, False)), Case("pal-swap-unlocked", partial(_swap, True)),
         *(Case(f"pal-reset-{how}", partial(_reset, how)) for how in ("acpi", "kbd", "triple")),
         *(Case(f"pal-reset-{how}", partial(_reset_otherwise, how)) for how in ("port92", "kbd-d1")), Case("pal-reset-panic", _panic), Case("pal-sleep", _sleep),
         Case("pal-parked", _parked), Case("pal-looked", _looked)]
NIGHTLY_CASES = [Case("pal-faults-all", partial(_faults, 4, "pf", 6000, 2, 1000)),
                 Case("pal-stress-1000", partial(_stress, STRESS, 4, 250, 3600.0)),  # of each CPU
                 *(Case(f"pal-stress-l2-1000-{part}", partial(_stress, replace(STRESS_L2, settings=(*STRESS_L2.settings, ("seed", 63 * part))), 4, 63, 3600.0))
                   for part in range(1, 5))]
