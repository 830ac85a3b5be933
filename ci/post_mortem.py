# SPDX-License-Identifier: BSD-2-Clause
"""Says where partitions faulted, or the kernel panicked, by function, file and line: the log has addresses, the build tree the symbols."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from l0log import Record

SHOWN = 5  # of many faults


def image(product: Path, name: str) -> Path | None:
    """A partition's image, or the kernel's, with its symbols; what lies beside the loader has none."""
    found = [path for path in sorted(product.glob(f"*/{name}.elf")) if path.parent.name != "loader"]
    return found[0] if found else None


def symbolise(elf: Path | None, addresses: list[int]) -> list[str]:
    """`function (file:line)` for each; the address itself where there is nothing to be known. All but the first are return addresses: what is
    meant is the call before them."""
    plain = [f"{address:#x}" for address in addresses]
    if elf is None or not addresses or not shutil.which("addr2line"):
        return plain
    asked = [f"{address - (i > 0):#x}" for i, address in enumerate(addresses)]
    result = subprocess.run(["addr2line", "-f", "-s", "-e", str(elf), *asked], text=True, capture_output=True)
    answer = result.stdout.splitlines()
    if result.returncode or len(answer) != 2 * len(addresses):
        return plain
    return [f"{function} ({place.split(' ')[0]})" if function != "??" else address
            for address, function, place in zip(plain, answer[::2], answer[1::2])]


def backtrace(product: Path, record: Record) -> list[str]:
    """Of a record of the log that has a backtrace: innermost first."""
    elf = image(product, record.fields.get("partition", "kernel"))
    addresses = [int(word, 16) for word in record.fields["backtrace"].split(",") if word]
    return symbolise(elf, addresses)


def render(product: Path, records: list[Record]) -> list[str]:
    lines, count = [], 0
    what = ""
    for record in records:
        if record.words[:1] == ["fault"] and "vector" in record.fields:
            vector = record.fields["vector"]
            what = f"partition {record.fields.get('partition')} faulted" + (f", vector {vector}" if vector != "-1" else "")
        elif record.words[:1] == ["panic:"]:
            what = "the kernel panicked: " + " ".join(record.words[1:])
        if "backtrace" not in record.fields:
            continue
        count += 1
        if count <= SHOWN:
            lines.append(what or "backtrace")
            lines += [f"  {'in' if i == 0 else 'called by'} {frame}" for i, frame in enumerate(backtrace(product, record))]
    if count > SHOWN:
        lines.append(f"and {count - SHOWN} more backtraces")
    return lines
