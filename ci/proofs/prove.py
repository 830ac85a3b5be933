# SPDX-License-Identifier: BSD-2-Clause
"""Runs CBMC on one harness of this folder, or shows that a mutation of the sources makes its proof fail.

A harness includes the very source file that ships and stubs only hardware and neighbours. It says in a comment how it is to be run:

    // CBMC: unwind=N loops=F.0:N,G.1:M replace=F:CONTRACT,... elements=N volatile

unwind and loops are bounds that CBMC itself checks to be large enough; replace puts a function of the harness in the place of one of
the source's; arrays of up to elements elements are taken apart (faster where the indexes are constants); with volatile every volatile read gives any value (what is read may be changed by another CPU meanwhile)."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77  # what Meson takes for "skipped"
CHECKS = ("--unwinding-assertions", "--bounds-check", "--pointer-check", "--div-by-zero-check", "--undefined-shift-check",
          "--signed-overflow-check", "--no-malloc-may-fail", "--slice-formula", "--verbosity", "4")
FOLDERS = ("kernel", "partitions", "subprojects/caps", "ci/proofs")
TIMEOUT = 300


class Tools:
    """CBMC's programs: the private copy in the build folder, else those that are installed."""

    def __init__(self, build: Path | None) -> None:
        self.prefix = build / "cbmc" / "root" if build else Path("/nonexistent")

    def command(self, program: str) -> list[str] | None:
        if (binary := self.prefix / "usr/bin" / program).exists():
            libraries = f"{self.prefix}/usr/lib/x86_64-linux-gnu:{self.prefix}/usr/lib"
            return [str(self.prefix / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", libraries, str(binary)]
        return [program] if shutil.which(program) else None

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.command(program)
        assert command
        return subprocess.run([*command, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)


@dataclass
class Result:
    proven: bool
    failed: list[str]  # properties
    output: str


def settings(harness: Path) -> dict[str, str]:
    words = re.findall(r"^// CBMC:(.*)$", harness.read_text(), re.M)
    if len(words) != 1:
        raise SystemExit(f"{harness.name}: no line '// CBMC: ...'")
    return dict(word.split("=", 1) if "=" in word else (word, "") for word in words[0].split())


def prove(tools: Tools, root: Path, name: str) -> Result:
    harness = root / "ci/proofs" / f"{name}.c"
    chosen = settings(harness)
    with tempfile.TemporaryDirectory() as folder:
        goto = f"{folder}/{name}.goto"
        includes = [f"-I{root / path}" for path in ("kernel", "subprojects/caps/include", "partitions/include", "ci/proofs")]
        made = tools.run("goto-cc", "-std=gnu17", "-O0", *includes, str(harness), "-o", goto)
        if made.returncode:
            raise SystemExit(f"{name}: does not compile\n{made.stdout}")
        changes = [word for pair in chosen.get("replace", "").split(",") if pair for word in ("--replace-calls", pair)]
        for change in ([*changes] if changes else None, ["--nondet-volatile"] if "volatile" in chosen else None):
            if change and (made := tools.run("goto-instrument", *change, goto, goto)).returncode:
                raise SystemExit(f"{name}: {' '.join(change)}\n{made.stdout}")
        bounds = ["--unwind", chosen.get("unwind", "1")]
        if "loops" in chosen:
            bounds += ["--unwindset", chosen["loops"]]
        if "elements" in chosen:
            bounds += ["--max-field-sensitivity-array-size", chosen["elements"]]
        proof = tools.run("cbmc", goto, *CHECKS, *bounds)
    failed = re.findall(r"^\[(.*)\] (.*): FAILURE$", proof.stdout, re.M)
    if proof.returncode not in (0, 10) or (proof.returncode == 10) != bool(failed):
        raise SystemExit(f"{name}: CBMC ends with {proof.returncode}\n{proof.stdout}")
    return Result(proof.returncode == 0, [f"{where}: {what}" for where, what in failed], proof.stdout)


def names() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.c"))


def check(tools: Tools, name: str) -> bool:
    result = prove(tools, HERE.parents[1], name)
    if not result.proven:
        print(f"{name}: not proven")
        print("\n".join(result.failed))
    return result.proven


def mutate(tools: Tools, index: int, mutation: dict[str, str]) -> str | None:
    """Applies one mutation to a copy of the sources. None, or what is wrong: its proof must fail, and by an assertion of the harness or a
    check of CBMC, not for want of unwinding."""
    source = HERE.parents[1]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in FOLDERS:
            shutil.copytree(source / part, root / part, ignore=shutil.ignore_patterns("*.py"))
        path = root / mutation["file"]
        text = path.read_text()
        if text.count(mutation["from"]) != 1:
            return f"{mutation['file']} has its text {text.count(mutation['from'])} times"
        path.write_text(text.replace(mutation["from"], mutation["to"]))
        result = prove(tools, root, mutation["proof"])
    if result.proven:
        return "is proven all the same"
    if all("unwinding" in line for line in result.failed):
        return "fails only for want of unwinding"
    return None


def mutations(tools: Tools, jobs: int, chosen: list[str]) -> bool:
    every = tomllib.loads((HERE / "mutations.toml").read_text())["mutation"]
    rows = [row for row in every if not chosen or row["proof"] in chosen]
    good = True

    def one(item: tuple[int, dict[str, str]]) -> tuple[str, float, str | None]:
        start = time.monotonic()
        try:
            problem = mutate(tools, *item)
        except (SystemExit, subprocess.TimeoutExpired) as error:
            problem = str(error)
        return f"{item[1]['proof']}: {item[1]['what']}", time.monotonic() - start, problem

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for title, seconds, problem in pool.map(one, enumerate(rows)):
            good = good and problem is None
            print(f"{'caught' if problem is None else 'MISSED'}  {title}  {seconds:.1f} s" + (f"\n        {problem}" if problem else ""), flush=True)
    without = set(chosen or names()) - {row["proof"] for row in rows}
    if without:
        print(f"MISSED  proofs without a mutation: {', '.join(sorted(without))}")
    return good and not without


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, help="build folder, with setup's private copy of CBMC")
    parser.add_argument("--mutations", action="store_true", help="the mutations of mutations.toml, each of which must be caught")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*", metavar="PROOF", help="all, if none is named")
    options = parser.parse_args()
    tools = Tools(options.build.resolve() if options.build else None)
    if any(tools.command(program) is None for program in ("cbmc", "goto-cc", "goto-instrument")):
        print("CBMC is not there: ./bulkhead setup")
        return SKIPPED
    if options.mutations:
        return 0 if mutations(tools, options.jobs, options.names) else 1
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        return 0 if all(list(pool.map(lambda name: check(tools, name), options.names or names()))) else 1


if __name__ == "__main__":
    sys.exit(main())
