# SPDX-License-Identifier: BSD-2-Clause
"""Every header compiles alone, with each compiler that is installed: headers.py ROOT CC..."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What a header may look like to a file that includes it: the folders that are on its include path, and the flags.
ROOMS = {
    "subprojects/caps/include": [],
    "partitions": ["partitions/include"],
    "nestvmx": ["partitions/include"],
    "ept": ["partitions/include"],
    "trustvisor": ["partitions/include", "trustvisor/sdk/include"],
    "kernel": ["kernel"],
}
FLAGS = ["-std=c17", "-x", "c", "-fsyntax-only", "-ffreestanding", "-mgeneral-regs-only", "-mno-red-zone",
         "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Werror", "-Wno-unused-function"]
EFI_FLAGS = ["-std=c17", "-x", "c", "-fsyntax-only", "-ffreestanding", "-fshort-wchar", "-mno-red-zone", "-DGNU_EFI_USE_MS_ABI",
             "-isystem/usr/include/efi", "-isystem/usr/include/efi/x86_64",
             "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Werror", "-Wno-unused-function"]


def flags(root: Path, header: Path, room: str) -> list[str]:
    loader = header.is_relative_to(root / "kernel/loader")
    folders = ["subprojects/caps/include", *ROOMS[room]]
    return (EFI_FLAGS if loader else FLAGS) + [f"-I{root / folder}" for folder in folders]


def compile_alone(compiler: str, root: Path, header: Path, room: str) -> str:
    # Twice: a header that defines something without being guarded fails.
    source = f'#include "{header}"\n#include "{header}"\n'
    run = subprocess.run([compiler, *flags(root, header, room), "-"], input=source, text=True, capture_output=True)
    return "" if run.returncode == 0 else f"{compiler}: {header.relative_to(root)}\n{run.stderr}"


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    compilers = [compiler for compiler in sys.argv[2:] if shutil.which(compiler)]
    headers = [(header, room) for room in ROOMS for header in sorted((root / room).rglob("*.h"))]
    work = [(compiler, root, header, room) for compiler in compilers for header, room in headers]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [text for text in pool.map(lambda job: compile_alone(*job), work) if text]
    print("\n".join(failures) if failures else f"{len(headers)} headers compile alone with {', '.join(compilers)}")
    return 1 if failures or not work else 0


if __name__ == "__main__":
    sys.exit(main())
