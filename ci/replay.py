# SPDX-License-Identifier: BSD-2-Clause
"""`bulkhead replay`: runs a partition, built for this machine with sanitizers, through a recording of its messages (bulkhead run --record), and checks
that it does all that it did then."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import recording


def program(build: Path, partition: str) -> Path:
    return build / f"ci/replay/replay_{partition}"


def gdb_command(replayer: Path, file: Path, number: int | None, script: Path | None) -> list[str]:
    """In gdb: it stops before that message, where something differs, and where the sanitizers do."""
    words = ["gdb", "-q", "--nx", "-ex", "set confirm off", "-ex", "set breakpoint pending on", "-ex", "set follow-fork-mode child", "-ex", "break replay_differs",
             "-ex", "break rt_panic", "-ex", "break __asan::ReportGenericError", "-ex", "set environment ASAN_OPTIONS=detect_leaks=0"]
    if number is not None:
        words += ["-ex", f"break replay_message if number == {number}"]
    words += (["-batch", "-x", str(script)] if script else ["-ex", "run"])
    return [*words, "--args", str(replayer), str(file)]


def plain(data: bytes) -> Path:
    """A file of what the replayer reads."""
    with tempfile.NamedTemporaryFile(suffix=".rec", delete=False) as file:
        file.write(data)
    return Path(file.name)


def replay(build: Path, path: Path, accept: Path | None = None) -> subprocess.CompletedProcess[str]:
    data = recording.read(path)
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "in.rec", Path(folder) / "out.rec"
        file.write_bytes(data)
        command = [str(program(build, recording.partition_of(data))), str(file), *[str(out)] * bool(accept)]
        result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if accept and result.returncode == 0:
            recording.write(accept, out.read_bytes())
        return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bulkhead replay", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording")
    parser.add_argument("--break", dest="number", type=int, metavar="N", help="in gdb, stopped before the N-th message")
    parser.add_argument("--gdb", action="store_true", help="in gdb, stopped where something differs from the recording")
    parser.add_argument("--accept", type=Path, metavar="FILE", help="other values are meant: write the recording with those")
    parser.add_argument("--script", type=Path, metavar="FILE", help="gdb's commands, instead of a terminal")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    build = options.build.resolve()
    try:
        if not (options.gdb or options.number is not None or options.script):
            result = replay(build, options.file, options.accept)
            print(result.stdout, end="")
            return result.returncode
        data = recording.read(options.file)
        file = plain(data)
        return subprocess.run(gdb_command(program(build, recording.partition_of(data)), file, options.number, options.script)).returncode
    except recording.Unusable as error:
        print(f"bulkhead: {options.file}: {error}" if str(options.file) not in str(error) else f"bulkhead: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
