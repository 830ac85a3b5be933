# SPDX-License-Identifier: BSD-2-Clause
"""Checks what every file here must keep to: conventions.py ROOT."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SPDX = "SPDX-License-Identifier: BSD-2-Clause"
CODE = {".c", ".h", ".S", ".def", ".py", ".lds", ".asl"}
LINES_MAX = 500
KERNEL_LINES_MAX = 6000
ROOMS_WITHOUT_ASM = ("kernel/", "partitions/", "nestvmx/", "ept/", "trustvisor/")
BINARY_MAX = 128 << 10
PICTURE_OR_RECORDING = re.compile(r"docs/[\w-]+\.png|ci/recordings/[\w-]+\.rec\.xz")
FORBIDDEN_NAMES = re.compile(r"(^|/)(util|utils|misc|common|helper|helpers)(\.\w+)?$")
ASM = re.compile(r"\b(asm|__asm__)\b\s*(volatile|__volatile__|\()")
COMMENT_OR_BLANK = re.compile(r"\s*(//.*|/\*.*\*/|\*.*)?$")


def files(root: Path, *options: str) -> list[str]:
    """What git has (ls-files, with its options), or where there is no git (a source archive) all that isn't built."""
    if shutil.which("git"):
        listing = subprocess.run(["git", "-C", str(root), "ls-files", *options], text=True, capture_output=True)
        if listing.returncode == 0:
            return [name for name in listing.stdout.splitlines() if (root / name).is_file()]
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()
            and path.relative_to(root).parts[0] not in (".git", "build") and path.suffix != ".pyc"]


def is_code(name: str) -> bool:
    return Path(name).suffix in CODE or Path(name).name == "meson.build"


def check_file(name: str, text: str) -> Iterator[str]:
    lines = text.splitlines()
    if is_code(name):
        if not any(SPDX in line for line in lines[:2]):
            yield f"{name}: the first line has no '{SPDX}'"
        if len(lines) > LINES_MAX and not name.endswith(".def"):
            yield f"{name}: {len(lines)} lines, {LINES_MAX} at most"
    if FORBIDDEN_NAMES.search(name):
        yield f"{name}: a file is named after the one thing that it holds"
    if name.endswith(".h") and "#pragma once" not in text:
        yield f"{name}: no '#pragma once'"
    if name.endswith(".c") and name.startswith(ROOMS_WITHOUT_ASM) and ASM.search(text):
        yield f"{name}: inline assembly belongs into the header of its instruction family"


def kernel_lines(root: Path, names: list[str]) -> int:
    """Lines of C and assembly of the trusted computing base: the loader is none of it, comments and blanks don't count."""
    total = 0
    for name in names:
        if name.startswith("kernel/") and not name.startswith("kernel/loader/") and Path(name).suffix in {".c", ".h", ".S"}:
            total += sum(not COMMENT_OR_BLANK.match(line) for line in (root / name).read_text().splitlines())
    return total


def main() -> int:
    root = Path(sys.argv[1])
    names = files(root)
    problems = []
    for name in names:
        if PICTURE_OR_RECORDING.fullmatch(name):
            if (root / name).stat().st_size > BINARY_MAX:
                problems.append(f"{name}: more than {BINARY_MAX >> 10} KiB")
            continue
        try:
            text = (root / name).read_text()
        except UnicodeDecodeError:
            problems.append(f"{name}: not text")
            continue
        problems += check_file(name, text)
    count = kernel_lines(root, names)
    if count > KERNEL_LINES_MAX:
        problems.append(f"kernel/: {count} lines, {KERNEL_LINES_MAX} at most")
    print("\n".join(problems) if problems else f"{len(names)} files; the kernel has {count} lines")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
