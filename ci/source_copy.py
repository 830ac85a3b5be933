# SPDX-License-Identifier: BSD-2-Clause
"""Bulkhead built from a copy of the sources with something changed in it: for tests that want to see what that changes."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import conventions
from boot import KERNEL, LOADER, Places
from case import require
from broken_route import do

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Edit:
    """What is in a file once, and stands there instead."""
    file: str
    old: str
    new: str


def edited(name: str, edits: Iterable[Edit]) -> bytes:
    data = (ROOT / name).read_bytes()
    for edit in edits:
        if edit.file == name:
            text = data.decode()
            require(text.count(edit.old) == 1, f"{name} does not have '{edit.old}' once")
            data = text.replace(edit.old, edit.new).encode()
    return data


def built_copy(places: Places, name: str, edits: Iterable[Edit], partitions: Iterable[str], options: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Places:
    """Under the name in the build folder, with these partitions and `more` of ninja's targets; only what changed since the last time is built again."""
    place = places.build / "variant" / name
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:  # another case may want the same one now
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(places, place, tuple(edits), partitions, options, more)


def _build(places: Places, place: Path, edits: tuple[Edit, ...], partitions: Iterable[str], options: tuple[str, ...], more: tuple[str, ...]) -> Places:
    copy, built = place / "source", place / "build"
    listed = set(conventions.files(ROOT, "--cached", "--others", "--exclude-standard"))
    for missing in {edit.file for edit in edits} - listed:
        require(False, f"there is no {missing}")
    for file in listed:
        text, target = edited(file, edits), copy / file
        if not target.exists() or target.read_bytes() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
    if not (built / "build.ninja").exists():
        do("meson", "setup", *options, str(built), str(copy))
    do("ninja", "--quiet", "-C", str(built), LOADER, KERNEL, *(f"kernel/loader/{partition}.elf" for partition in partitions), *more)
    return Places(places.build, built)
