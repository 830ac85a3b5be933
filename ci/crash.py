# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead crash`: a crash record that `bhctl crash --raw` wrote into a file, in words: with functions, files and lines, VMCSs, and the check by which the CPU
refused a VM entry."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import post_mortem

CALLED = re.compile(r"  called from 0x([0-9a-f]+)")
WHOSE = re.compile(r"fault of a partition \((\w+)\)")


def lines(build: Path, product: Path, file: Path) -> tuple[int, list[str]]:
    """The status, and what there is to say."""
    result = subprocess.run([str(build / "ci/crash/crash_print"), str(file)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = result.stdout.splitlines()
    addresses = [int(match[1], 16) for line in said if (match := CALLED.fullmatch(line))]
    whose = WHOSE.match(said[0]) if said else None
    frames = iter(post_mortem.symbolise(post_mortem.image(product, whose[1] if whose else "kernel"), addresses))
    return result.returncode, [f"{line}  {next(frames)}" if CALLED.fullmatch(line) else line for line in said]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bulkhead crash", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--product", type=Path, help="the build that crashed, if it is another one")
    parser.add_argument("file", type=Path, metavar="FILE")
    options = parser.parse_args()
    status, said = lines(options.build.resolve(), (options.product or options.build).resolve(), options.file)
    print("\n".join(said))
    return status


if __name__ == "__main__":
    sys.exit(main())
