# SPDX-License-Identifier: BSD-2-Clause
"""Builds what a user of the PAL SDK builds, from an installed SDK, for the Linux test guest: sdk_programs.py BUILD SOURCE OUT

In OUT: program (the template, 64-bit, static), program32 (the template) and counter32 (the example), which need the C library of Debian's package libc6-i386.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOADER = "/lib/ld-linux.so.2"


def library32(name: str) -> Path:
    found = next((path for folder in ("/lib32", "/usr/lib32") if (path := Path(folder) / name).exists()), None)
    if found is None:
        raise SystemExit(f"{name} for 32-bit programs is missing: ./bulkhead setup")
    return found


def installed(build: Path, root: Path) -> dict[str, str]:
    """Installs the SDK there. The environment in which pkg-config finds it."""
    subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir", str(root)], check=True)
    return os.environ | {"PKG_CONFIG_SYSROOT_DIR": str(root), "PKG_CONFIG_PATH": str(next(root.rglob("trustvisor-pal.pc")).parent)}


def make(project: Path, environment: dict[str, str], *variables: str) -> Path:
    # Not ninja's own variables for make.
    clean = {name: value for name, value in environment.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS", "LDFLAGS", "CC")}
    subprocess.run(["make", "-s", "-C", str(project), *variables], check=True, env=clean)
    return project / "program"


def variables32(folder: Path, source: Path) -> list[str]:
    """A compiler for 64-bit programs makes 32-bit ones with these, without gcc-multilib."""
    (folder / "gnu").mkdir(parents=True)
    (folder / "gnu/stubs-32.h").touch()
    start = folder / "crt32.o"
    subprocess.run(["gcc", "-m32", "-c", "-o", str(start), str(source / "ci/guests/sdk/crt32.S")], check=True)
    return ["SDK=trustvisor-pal32", f"CC=gcc -isystem /usr/include/x86_64-linux-gnu -isystem {folder}",
            f"LDFLAGS=-nostdlib -no-pie -Wl,--no-as-needed,-dynamic-linker,{LOADER} {start} {library32('libc.so.6')}"]


def main() -> None:
    build, source, out = (Path(word).resolve() for word in sys.argv[1:4])
    template, examples = source / "trustvisor/sdk/template", source / "trustvisor/sdk/examples"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = installed(build, folder / "root")
        for project in ("wide", "narrow"):
            shutil.copytree(template, folder / project)
        (folder / "counter").mkdir()
        for file in (template / "Makefile", *examples.glob("counter*.[ch]")):
            shutil.copy(file, folder / "counter")
        for32 = variables32(folder / "for32", source)
        shutil.copy(make(folder / "wide", environment, "LDFLAGS=-static"), out / "program")
        shutil.copy(make(folder / "narrow", environment, *for32), out / "program32")
        shutil.copy(make(folder / "counter", environment, *for32), out / "counter32")


if __name__ == "__main__":
    main()
