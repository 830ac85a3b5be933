# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead test`: runs suites, one line for each test, and ends with how many passed and failed."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from boot import Places
from case import Case, Context, Failure
from suites import NIGHTLY, SUITES

FAST = "fast"
NIGHT = "nightly"


class Tally:
    def __init__(self) -> None:
        self.passed = self.failed = 0

    def add(self, name: str, seconds: float, remark: str, problem: str | None) -> None:
        if problem is None:
            self.passed += 1
        else:
            self.failed += 1
        word = "ok  " if problem is None else "FAIL"
        print(f"{word}  {name:44} {seconds:6.1f} s  {remark}".rstrip(), flush=True)
        for line in (problem or "").splitlines():
            print(f"      {line}", flush=True)


PATIENCE = 8  # meson's limits are of the clock, for a machine that has nothing else to do


def run_fast(build: Path, tally: Tally) -> None:
    """Meson's own tests of the suite: host programs, no emulator."""
    result = subprocess.run(["meson", "test", "-C", str(build), "--no-rebuild", "--suite", FAST, "--timeout-multiplier", str(PATIENCE)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log = build / "meson-logs/testlog.json"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for row in rows:
        good = row["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
        output = (row.get("stdout", "") + row.get("stderr", "")).strip()
        tally.add(f"{FAST}/{row['name'].split(':')[-1]}", row["duration"], "skipped" if row["result"] == "SKIP" else "",
                  None if good else output or row["result"])
    if not rows:
        tally.add(FAST, 0.0, "", result.stdout)


def run_case(places: Places, suite: str, case: Case) -> tuple[str, float, str, str | None]:
    start = time.monotonic()
    remark, problem = "", None
    context = Context(places, case.name)
    try:
        remark = case.run(context)
    except Failure as failure:
        problem = f"{failure}\nOutput is kept in {context.directory()}/"
    except (OSError, SystemExit) as error:
        problem = str(error)
    except Exception:  # an error of the test's own is its failure, and takes no other test with it
        problem = traceback.format_exc()
    return f"{suite}/{case.name}", time.monotonic() - start, remark, problem


def main() -> int:
    parser = argparse.ArgumentParser(prog="bulkhead test", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--known", action="store_true", help=argparse.SUPPRESS)  # only whether there are such tests: before anything is built
    parser.add_argument("--product", type=Path, help="take Bulkhead itself from another build folder")
    parser.add_argument("--list", action="store_true", help="name the suites and their tests")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="emulators at a time (default 1)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"suites or single tests; if none is named, all but those of {NIGHT}: {', '.join(NIGHTLY)}")
    options = parser.parse_args()
    known = {FAST, NIGHT} | set(SUITES) | {case.name for cases in SUITES.values() for case in cases}
    if unknown := [name for name in options.names if name not in known]:
        raise SystemExit(f"bulkhead: no test {', '.join(unknown)}; see ./bulkhead test --list")
    if options.known:
        return 0
    if options.list:
        print(FAST)
        for suite, cases in SUITES.items():
            print(f"{suite}: {' '.join(case.name for case in cases)}")
        return 0

    names = set(options.names) or {FAST, *SUITES} - set(NIGHTLY)
    if NIGHT in names:
        names |= set(NIGHTLY)
    build = options.build.resolve()
    places = Places(build, (options.product or build).resolve())
    tally = Tally()
    if FAST in names:
        run_fast(build, tally)
    chosen = [(suite, case) for suite, cases in SUITES.items() for case in cases if suite in names or case.name in names]
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        try:
            for result in pool.map(lambda item: run_case(places, *item), chosen):
                tally.add(*result)
        except KeyboardInterrupt:  # the pool would wait for the cases that run, whose emulators end with this process
            os._exit(128 + signal.SIGINT)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
