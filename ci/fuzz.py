# SPDX-License-Identifier: BSD-2-Clause
"""Fuzzers (ci/fuzz/): clang builds each with the sources and flags of the unit test beside it, and it runs for a while, of its own time, from a fixed seed.

    python3 ci/fuzz.py --build build [--seconds N] [NAME...]     by hand, for longer; new inputs go to build/fuzz/NAME/corpus
    python3 ci/fuzz.py --build build --keep [NAME...]            the fewest of all inputs that reach as much become ci/fuzz/corpus/NAME.txt"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import child
from case import Case, Context, Failure
from time_limit import own_seconds

ROOT = Path(__file__).resolve().parents[1]
FUZZ = ROOT / "ci/fuzz"
SECONDS = 10
NIGHT_SECONDS = 600
INPUT_SECONDS = 30  # of the fuzzer's own, for one input (fuzz/check.c)
POLL_SECONDS = 0.2
IDLE_POLLS = 3000   # in which a fuzzer that uses no time at all hangs: it waits for nothing
SEED = 1
OPTIONS = ("-handle_usr1=1", "-len_control=0", "-timeout=0", "-rss_limit_mb=2048", "-print_final_stats=1")


@dataclass(frozen=True)
class Fuzzer:
    name: str
    target: str                     # the unit test whose sources it is built with, in Meson's words
    longest: int                    # bytes of an input
    link: tuple[str, ...] = ()      # options, and sources beside its own in ci/fuzz
    library: bool = False           # the unit test is linked with the harness
    seeds: tuple[str, ...] = ()     # files of the build to start from, beside those of ci/fuzz/corpus/NAME and NAME.txt
    nightly: bool = False           # has its long run at night, too


# What partitions look at memory by, and ask of the kernel (fuzz/meanwhile.c, fuzz/holders.c).
LOOKS = (*(f"-Wl,--wrap={name}" for name in ("window_read64", "window_copy_in", "window_read32", "window_write64", "window_write32", "window_copy_out", "window_compare",
                                             "window_exchange64", "window_exchange32", "syscall_invoke")), str(FUZZ / "meanwhile.c"))
L1S = (*LOOKS, "-Wl,--wrap=syscall_fetch", "-Wl,--wrap=vmcap_init", str(FUZZ / "holders.c"))
FUZZERS = [
    Fuzzer("conf", "unit_loader", 4096),
    Fuzzer("elf", "unit_loader", 65536, seeds=("partitions/hello.elf", "kernel/kernel.elf")),
    Fuzzer("crash", "unit_loader", 2048),
    Fuzzer("dmar", "unit_loader", 512),
    Fuzzer("tpm", "unit_loader", 1024),
    Fuzzer("reply", "unit_kernel_reply", 2048),
    Fuzzer("gdb", "unit_gdb", 1024, library=True),
    Fuzzer("signature", "unit_bhctl", 256),
    Fuzzer("ept", "unit_ept", 2048, (*LOOKS, "-Wl,--wrap=instruction_init", "-DMODEL_READS"), True, nightly=True),
    Fuzzer("nestvmx", "unit_nestvmx", 2048, (*L1S, str(FUZZ / "offers.c")), True, nightly=True),
    Fuzzer("vmcs12", "unit_nestvmx", 1024, L1S, True, nightly=True),
]


def _targets(build: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Of each target of the build its C flags and its sources."""
    rows = json.loads((build / "meson-info/intro-targets.json").read_text())
    return {row["name"]: (part["parameters"], part["sources"]) for row in rows for part in row["target_sources"] if part.get("language") == "c"}


def _is_subject(source: str) -> bool:
    return not source.endswith(("_test.c", "/check.c"))


def _copies(folder: Path, files: list[Path]) -> Path:
    """Files of the build without what only debuggers read, as inputs to start from."""
    folder.mkdir(exist_ok=True)
    for path in files:
        subprocess.run(["strip", "-o", str(folder / path.name), str(path)], check=True)
    return folder


def compile_fuzzer(build: Path, fuzzer: Fuzzer) -> Path:
    targets = _targets(build)
    flags, sources = targets[fuzzer.target]
    if fuzzer.library:
        sources = sources + targets["unit"][1]
    # Warnings are gcc's business; the sanitizers and the optimisation are named anew.
    kept = [flag for flag in flags if flag.startswith(("-I", "-D", "-std", "-include", "/"))]
    program = build / "fuzz" / fuzzer.name / fuzzer.name
    program.parent.mkdir(parents=True, exist_ok=True)
    link(program, [*kept, "-w", str(FUZZ / f"{fuzzer.name}.c"), *filter(_is_subject, sources), *fuzzer.link])
    return program


def link(program: Path, words: list[str]) -> None:
    """Sources and options, with what every fuzzer has."""
    made = subprocess.run(["clang", "-g", "-O1", "-fno-omit-frame-pointer", "-fno-strict-aliasing", "-fsanitize=fuzzer,address,undefined",
                           "-fno-sanitize-recover=all", f"-DINPUT_SECONDS={INPUT_SECONDS}", *words, str(FUZZ / "check.c"),
                           "-Wl,--wrap=_Exit", "-Wl,--wrap=LLVMFuzzerTestOneInput", "-o", str(program)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode:
        raise Failure(made.stdout)


def _kept(fuzzer: Fuzzer) -> Path:
    return FUZZ / f"corpus/{fuzzer.name}.txt"


def _unpacked(fuzzer: Fuzzer, folder: Path) -> Path:
    """The inputs of ci/fuzz/corpus/NAME.txt: one a line, base64."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, line in enumerate(_kept(fuzzer).read_text().splitlines() if _kept(fuzzer).exists() else []):
        (folder / str(number)).write_bytes(base64.b64decode(line, validate=True))
    return folder


def keep(build: Path, fuzzer: Fuzzer) -> str:
    """What was found and what was kept before becomes what is kept."""
    program = compile_fuzzer(build, fuzzer)
    fewest = program.parent / "fewest"
    shutil.rmtree(fewest, ignore_errors=True)
    fewest.mkdir()
    found = program.parent / "corpus"
    found.mkdir(exist_ok=True)
    subprocess.run([str(program), "-set_cover_merge=1", str(fewest), str(found), str(_unpacked(fuzzer, program.parent / "kept"))], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    inputs = sorted(path.read_bytes() for path in fewest.iterdir())
    _kept(fuzzer).write_text("".join(base64.b64encode(data).decode() + "\n" for data in inputs))
    return f"{len(inputs)} inputs kept"


def run(build: Path, fuzzer: Fuzzer, seconds: int) -> str:
    program = compile_fuzzer(build, fuzzer)
    found = program.parent / "corpus"
    found.mkdir(exist_ok=True)
    seeds = [str(path) for path in (FUZZ / "corpus" / fuzzer.name, _unpacked(fuzzer, program.parent / "kept")) if path.exists()]
    if fuzzer.seeds:
        seeds.append(str(_copies(program.parent / "seeds", [build / seed for seed in fuzzer.seeds])))
    command = [str(program), *OPTIONS, f"-seed={SEED}", f"-max_len={fuzzer.longest}", f"-artifact_prefix={program.parent}/", str(found), *seeds]
    status, used, said = search(command, program.parent / "said.txt", seconds)
    if status:
        raise Failure("\n".join(said[-60:]))
    if used < seconds:
        raise Failure(f"it ended by itself after {used:.0f} s of its own, not {seconds}; it said:\n" + "\n".join(said[-10:]))
    executed = [line.split()[-1] for line in said if line.startswith("stat::number_of_executed_units")]
    return f"{int(executed[0]):,} inputs in {used:.0f} s of its own"


def _used_until(process: subprocess.Popen[bytes], seconds: float) -> float:
    """Waits until it has used so much time, or has ended: what it has used. Nothing here is on the clock: a machine that is busy otherwise, or stands still, costs no input."""
    used, idle = 0.0, 0
    while process.poll() is None and used < seconds:
        now = own_seconds(process.pid)
        used, idle = max(used, now), 0 if now > used else idle + 1
        if idle > IDLE_POLLS:
            raise Failure(f"it hangs: it does nothing any more, after {used:.0f} s of its own")
        time.sleep(POLL_SECONDS)
    return used


def search(command: list[str], output: Path, seconds: float) -> tuple[int, float, list[str]]:
    """Lets a fuzzer run for so much time of its own, then asks it to end: its status, the time that it has used, what it said. -max_total_time would be the clock's."""
    with output.open("wb") as file:
        process = child.start(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            used = _used_until(process, seconds)
            process.send_signal(signal.SIGUSR1)
            _used_until(process, used + 2 * INPUT_SECONDS)
            if process.poll() is None:
                raise Failure(f"asked to end after {seconds} s it did not; {output} has what it said")
        finally:
            process.kill()
            process.wait()
    return process.returncode, used, output.read_text(errors="replace").splitlines()


def _case(fuzzer: Fuzzer, seconds: int, context: Context) -> str:
    if not shutil.which("clang"):
        return "skipped: clang is not there: ./bulkhead setup"
    return run(context.places.build, fuzzer, seconds)


CASES = [Case(f"fuzz-{fuzzer.name}", partial(_case, fuzzer, SECONDS)) for fuzzer in FUZZERS]
NIGHT_CASES = [Case(f"fuzz-long-{fuzzer.name}", partial(_case, fuzzer, NIGHT_SECONDS)) for fuzzer in FUZZERS if fuzzer.nightly]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--keep", action="store_true", help="don't search: keep what was found")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    good = True
    for fuzzer in FUZZERS:
        if options.names and fuzzer.name not in options.names:
            continue
        try:
            build = options.build.resolve()
            print(f"{fuzzer.name}: {keep(build, fuzzer) if options.keep else run(build, fuzzer, options.seconds)}", flush=True)
        except Failure as failure:
            good = False
            print(f"{fuzzer.name}: {failure}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
