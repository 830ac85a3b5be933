# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of a partition's messages: a build in which it records itself, and what it says in the log put into a file. The form of what is
in it is partitions/include/rt/recording.h's."""

from __future__ import annotations

import base64
import binascii
import hashlib
import lzma
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAGIC = b"BHREC1\n"
SEALED = b"BHREC2\n"  # a file: this, a digest, and the recording
PARTITIONS = ("nestvmx", "ept")
START = 1
VERSION = int(re.findall(r"#define RECORDING_VERSION (\d+)u", (ROOT / "partitions/include/rt/recording.h").read_text())[0])
LINE = re.compile(r"L0 \d+ info (\w+): recording (\d+) (:?)([A-Za-z0-9+/]+=*)$")


class Unusable(Exception):
    """One line: why there is no recording, or none that could be replayed."""


def build(folder: Path, partition: str) -> Path:
    """The build in which the partition records itself, under the normal one."""
    variant = folder / f"variant/recorded-{partition}"
    targets = [f"kernel/loader/{name}" for name in ("bulkhead.efi", "kernel.elf", *(f"{name}.elf" for name in ("nestvmx", "ept", "report")))]
    commands = [["ninja", "--quiet", "-C", str(variant), *targets]]
    if not (variant / "build.ninja").exists():
        commands.insert(0, ["meson", "setup", f"-Drecorded={partition}", str(variant), str(ROOT)])
    for command in commands:
        result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if result.returncode:
            raise Unusable(f"the build in which {partition} records itself fails:\n{result.stdout}")
    return variant


def extract(log: Iterable[str], partition: str) -> bytes:
    """The recording that is in a log, as a file has it: segments, each with its length. Of several boots it is the first one's."""
    segments: list[bytearray] = []
    expected, last = 0, ""
    for line in log:
        match = LINE.match(line.rstrip())
        if not match or match[1] != partition:
            continue
        number, first, text = int(match[2]), bool(match[3]), match[4]
        if number == 0 and first and segments:
            break
        if number == expected - 1 and text == last:
            continue  # written again, by who didn't know that it was
        if number != expected:
            raise Unusable(f"line {expected} of the recording is missing in the log, {number} follows")
        expected, last = number + 1, text
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise Unusable(f"line {number} of the recording is damaged") from None
        if first:
            segments.append(bytearray())
        if not segments:
            raise Unusable("the recording doesn't begin with the partition's start")
        segments[-1] += data
    if not segments:
        raise Unusable(f"the log has no recording of {partition}")
    return MAGIC + b"".join(len(segment).to_bytes(4, "little") + bytes(segment) for segment in segments)


def _numbers(segment: bytes, count: int) -> list[int]:
    found, at = list[int](), 0
    while len(found) < count and at < len(segment):
        value = shift = 0
        while at < len(segment):
            byte = segment[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        found.append(value)
    return found


def partition_of(data: bytes) -> str:
    """Whose recording it is."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 4:
        raise Unusable("it is not a recording")
    first = data[len(MAGIC) + 4:]
    numbers = _numbers(first[:64], 4)
    name = b"".join((number & (1 << 64) - 1).to_bytes(8, "little") for number in numbers[2:]).split(b"\0")[0].decode("ascii", "replace")
    if numbers[:2] != [START, VERSION] or name not in PARTITIONS:
        raise Unusable("it is a recording of another version, or of a partition that can't be replayed")
    return name


def sealed(data: bytes) -> bytes:
    """As a file has it: a byte that is another one is noticed, also where the partition would not look at it."""
    return SEALED + hashlib.sha256(data).digest() + data


def unsealed(path: Path, data: bytes) -> bytes:
    body = data[len(SEALED) + hashlib.sha256().digest_size:]
    if not data.startswith(SEALED):
        raise Unusable(f"{path}: it is not a recording, or one of another version")
    if sealed(body) != data:
        raise Unusable(f"{path}: it is damaged")
    return body


def read(path: Path) -> bytes:
    """A recording from a file, which may be packed."""
    try:
        data = path.read_bytes()
        return unsealed(path, lzma.decompress(data) if path.suffix == ".xz" else data)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None
    except lzma.LZMAError:
        raise Unusable(f"{path}: it is damaged") from None


def write(path: Path, data: bytes) -> None:
    """With the sources that it fits beside it, in a file *.toml."""
    path.write_bytes(lzma.compress(sealed(data), preset=9) if path.suffix == ".xz" else sealed(data))
    about = (path.with_suffix("") if path.suffix == ".xz" else path).with_suffix(".toml")
    partition = partition_of(data)
    about.write_text(f'partition = "{partition}"\nsources = "{sources(partition)}"  # a digest of what it was made with: ci/recording.py\n')


def sources(partition: str) -> str:
    """Of all that a partition is made of: with other sources it may answer otherwise."""
    digest = hashlib.sha256()
    folders = [ROOT / partition, ROOT / "partitions", ROOT / "subprojects/caps/include"]
    for path in sorted(path for folder in folders for pattern in ("*.c", "*.h", "*.S", "*.def") for path in folder.rglob(pattern)):
        name = path.relative_to(ROOT)
        if name.parts[0] == "partitions" and len(name.parts) > 2 and name.parts[1] != "include":
            continue  # another partition's
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
