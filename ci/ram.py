# SPDX-License-Identifier: BSD-2-Clause
"""The guest-physical memory of an emulator that runs, read and written from outside: the guest neither sees nor pays it."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PAGE = 4096

# Bochs: what its memory object holds besides guest memory: the ROM area, and behind it room for option ROMs (Bochs' memory.h).
BOCHS_ROM = 4 << 20
BOCHS_EXPANSION = 128 << 10
BLOCK = 128 << 10  # guest memory gets its place block by block, at the first access; bochs.py asks for this size


class NotFound(Exception):
    """The emulator's memory isn't where it is looked for: not yet, or it isn't the emulator that this file knows."""


class Ram(Protocol):
    size: int

    def read(self, address: int, count: int) -> bytes:
        """Guest-physical memory; zeroes where the guest has touched nothing yet."""

    def write(self, address: int, data: bytes) -> None:
        """Changes it behind the guest's back."""

    def used(self) -> Iterator[range]:
        """The pieces that the guest may have touched, in order. Everything else is zero."""


@dataclass(frozen=True)
class Mapping:
    first: int
    end: int
    rights: str
    path: str


def mappings(text: str) -> list[Mapping]:
    """/proc/PID/maps."""
    found = []
    for line in text.splitlines():
        words = line.split(maxsplit=5)
        first, _, end = words[0].partition("-")
        found.append(Mapping(int(first, 16), int(end, 16), words[1], words[5] if len(words) > 5 else ""))
    return found


class Process:
    """The memory of a process. Linux lets its parent, and root, read and write it."""

    def __init__(self, pid: int):
        self.pid = pid
        self.file = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)

    def read(self, address: int, count: int) -> bytes:
        data = os.pread(self.file, count, address)
        if len(data) != count:
            raise NotFound(f"process {self.pid} has no {count} bytes at {address:#x}")
        return data

    def write(self, address: int, data: bytes) -> None:
        if os.pwrite(self.file, data, address) != len(data):
            raise NotFound(f"process {self.pid} has no {len(data)} bytes at {address:#x}")

    def mappings(self) -> list[Mapping]:
        return mappings(Path(f"/proc/{self.pid}/maps").read_text())

    def close(self) -> None:
        os.close(self.file)

    def _state(self) -> str:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return "X"

    def gone(self, patience: float = 0.0) -> bool:
        """It has ended, waited for or not, or does so within so many seconds."""
        end = time.monotonic() + patience
        while self._state() not in "ZX":
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)
        return True

    def holds(self) -> bool:
        """It stands still, maybe by itself before its end (preload.c)."""
        return self._state() == "T"

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The emulator, a child of ours, doesn't run meanwhile; nothing of the guest's time goes by."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT | os.WEXITED)
            if self.gone():
                raise NotFound(f"process {self.pid} has ended")
            yield
        finally:
            self.resume()


@dataclass(frozen=True)
class Blocks:
    """Bochs' memory object: guest memory lies in one piece in Bochs, but its blocks in the order in which they were first used."""
    vector: int  # where that piece begins
    table: int   # of a pointer for each block, null where it has no place yet
    rom: int


def blocks_find(data: bytes, size: int) -> Blocks | None:
    """In a page of Bochs' variables: block size, the piece as allocated and aligned, table, ROM, what lies behind."""
    words = struct.unpack(f"<{len(data) // 8}Q", data[:len(data) & ~7])
    for i in range(len(words) - 5):
        vector = words[i + 2]
        if (words[i] & 0xffffffff == BLOCK and vector and vector % PAGE == 0 and vector - PAGE < words[i + 1] <= vector
                and words[i + 4] == vector + size and words[i + 5] == words[i + 4] + BOCHS_ROM + BOCHS_EXPANSION):
            return Blocks(vector, words[i + 3], words[i + 4])
    return None


def places_check(pointers: tuple[int, ...], blocks: Blocks, size: int) -> bool:
    """Every block that has a place has one of its own, and they were given out without a gap."""
    places = sorted(pointer - blocks.vector for pointer in pointers if pointer)
    return len(pointers) * BLOCK == size and bool(places) and places == [BLOCK * i for i in range(len(places))]


class BochsRam:
    """Found by what is known: its memory object is consistent in itself, and the ROM that it names holds the firmware."""

    def __init__(self, process: Process, size: int, firmware: bytes):
        self.process, self.size = process, size
        self.blocks = self._find()
        if process.read(self.blocks.rom + BOCHS_ROM - len(firmware), len(firmware)) != firmware:
            raise NotFound("Bochs' ROM does not hold the firmware")
        if not places_check(self._pointers(), self.blocks, size):
            raise NotFound("Bochs' table of memory blocks is not what it should be")
        self.known: dict[int, int] = {}

    def _find(self) -> Blocks:
        for mapping in self.process.mappings():
            if "w" in mapping.rights and "bochs" in Path(mapping.path).name:
                if found := blocks_find(self.process.read(mapping.first, mapping.end - mapping.first), self.size):
                    return found
        raise NotFound("no memory object in Bochs' variables")

    def _pointers(self) -> tuple[int, ...]:
        count = self.size // BLOCK
        return struct.unpack(f"<{count}Q", self.process.read(self.blocks.table, count * 8))

    def _place(self, block: int) -> int:
        """Where a block is in Bochs' memory; 0: nowhere yet. A place once given stays."""
        if block not in self.known:
            (pointer,) = struct.unpack("<Q", self.process.read(self.blocks.table + block * 8, 8))
            if not pointer:
                return 0
            self.known[block] = pointer
        return self.known[block]

    def _pieces(self, address: int, count: int) -> Iterator[tuple[int, int]]:
        """(place or 0, bytes) for each block that the range touches."""
        if address < 0 or count < 0 or address + count > self.size:
            raise ValueError(f"no guest memory at {address:#x}, {count} bytes")
        while count:
            offset = address % BLOCK
            piece = min(count, BLOCK - offset)
            place = self._place(address // BLOCK)
            yield (place + offset if place else 0), piece
            address, count = address + piece, count - piece

    def read(self, address: int, count: int) -> bytes:
        return b"".join(self.process.read(place, piece) if place else bytes(piece) for place, piece in self._pieces(address, count))

    def write(self, address: int, data: bytes) -> None:
        for place, piece in self._pieces(address, len(data)):
            if not place:
                raise NotFound("the guest has not touched that memory yet")
            self.process.write(place, data[:piece])
            data = data[piece:]

    def used(self) -> Iterator[range]:
        for block, pointer in enumerate(self._pointers()):
            if pointer:
                yield range(block * BLOCK, (block + 1) * BLOCK)


class FileRam:
    """QEMU's memory, where it is a file (memory-backend-file, below the hole for devices: one piece from address 0)."""

    def __init__(self, path: Path, size: int):
        self.file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = size
        if os.fstat(self.file).st_size != size:
            raise NotFound(f"{path} is not {size} bytes")

    def _check(self, address: int, count: int) -> None:
        if address < 0 or count < 0 or address + count > self.size:
            raise ValueError(f"no guest memory at {address:#x}, {count} bytes")

    def read(self, address: int, count: int) -> bytes:
        self._check(address, count)
        return os.pread(self.file, count, address)

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        os.pwrite(self.file, data, address)

    def used(self) -> Iterator[range]:
        """What the file has on the disk."""
        at = 0
        while True:
            try:
                first = os.lseek(self.file, at, os.SEEK_DATA)
            except OSError:
                return
            at = os.lseek(self.file, first, os.SEEK_HOLE)
            yield range(first, at)


def find_all(ram: Ram, pattern: bytes) -> list[int]:
    """Every address at which the bytes lie."""
    return [at for piece in ram.used() for at in find(ram, pattern, piece, 1)]


def find(ram: Ram, pattern: bytes, within: range, step: int = PAGE) -> list[int]:
    """Addresses, multiples of `step`, at which the bytes lie."""
    memory, found = ram.read(within.start, len(within)), []
    at = memory.find(pattern)
    while at >= 0:
        if (within.start + at) % step == 0:
            found.append(within.start + at)
        at = memory.find(pattern, at + 1)
    return found
