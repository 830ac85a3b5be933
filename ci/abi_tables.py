# SPDX-License-Identifier: BSD-2-Clause
"""The tables of docs/abi.md, made from the .def files: abi_tables.py [--write] ROOT

Between `<!-- table NAME -->` and `<!-- end -->` the page holds what this program makes of NAME. Without --write it says whether that is so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

DEFINITIONS = Path("subprojects/caps/include/caps")
PAGE = Path("docs/abi.md")
SECTION = re.compile(r"(<!-- table (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
WIDTHS = ("16", "64", "32", "natural")


def rows(root: Path, file: str, macro: str) -> list[list[str]]:
    """The arguments of every macro(...) line."""
    lines = re.findall(rf"^{macro}\((.*)\)\s*$", (root / DEFINITIONS / file).read_text(), re.MULTILINE)
    return [[part.strip().strip('"') for part in re.split(r",\s*(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", line)] for line in lines]


def constants(root: Path, file: str, pattern: str) -> list[tuple[str, ...]]:
    return re.findall(pattern, (root / DEFINITIONS / file).read_text(), re.MULTILINE)


def table(heads: list[str], body: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *body]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def messages(root: Path) -> str:
    text = (root / DEFINITIONS / "msg.h").read_text()
    body = re.search(r"enum msg_kind \{(.*?)\};", text, re.DOTALL).group(1)
    joined = re.sub(r"\n\s*//\s*", " ", body)
    return table(["kind", "when, and what it holds"], [list(row) for row in re.findall(r"(MSG_\w+),\s*//\s*(.*)", joined)])


def verdicts(root: Path) -> str:
    return table(["verdict", "meaning"], [list(row) for row in constants(root, "msg.h", r"^\s*(VERDICT_(?!COUNT)\w+),\s*//\s*(.*)$")])


def calls(root: Path) -> str:
    found = constants(root, "syscall.h", r"^\s*(SYS_(?!COUNT)\w+),\s*//\s*(.*)$")
    return table(["RAX", "call", "arguments and effect"], [[str(number), name, text] for number, (name, text) in enumerate(found)])


def operations(root: Path) -> str:
    lines = (root / DEFINITIONS / "op.def").read_text().splitlines()
    head = next(line for line in lines if re.match(r"//\s+name\s+object", line))
    starts = [head.index(name) for name in ("name", "object", " a ", " b ", " c")]
    starts = [starts[0], starts[1], *(start + 1 for start in starts[2:])]
    starts.append(starts[-1] + len("L1-physical  "))
    described = {}
    for line in lines[lines.index(head) + 1:]:
        if not line.startswith("//   "):
            break
        cells = [line[start:end].strip() for start, end in zip(starts, starts[1:] + [None])]
        described[cells[0]] = cells[1:]
    body = [[name, right, *described[name]] for name, right, _ in rows(root, "op.def", "OP")]
    return table(["operation", "right", "object", "a", "b", "c", ""], body)


def rights(root: Path) -> str:
    return table(["right", "bit", "to"], rows(root, "right.def", "RIGHT"))


def statuses(root: Path) -> str:
    return table(["value", "status", "meaning"], [[str(i), *row] for i, row in enumerate(rows(root, "status.def", "STATUS"))])


def hypercalls(root: Path) -> str:
    return table(["RAX", "name", "who answers", "what it does"],
                 [[f"`{number}`", name, who.lower(), text] for name, number, who, text in rows(root, "hypercall.def", "HYPERCALL")])


def groups(root: Path) -> str:
    members: dict[str, list[str]] = {}
    for name, _, group, *_ in rows(root, "vmcs_field.def", "FIELD"):
        members.setdefault(group, []).append(name)
    return table(["bit", "group", "shadow VMCS", "fields"],
                 [[str(bit), name, shadow, ", ".join(members[name])] for bit, (name, shadow) in enumerate(rows(root, "group.def", "GROUP"))])


def fields(root: Path) -> str:
    body = []
    for index, (name, encoding, group, policy, nested, exists) in enumerate(rows(root, "vmcs_field.def", "FIELD")):
        width = WIDTHS[int(encoding, 16) >> 13 & 3]
        body.append([str(index), name, f"`{encoding}`", width, group, policy, nested, "" if exists == "ALWAYS" else exists])
    return table(["index", "field", "encoding", "bits", "group", "policy", "nested", "exists with"], body)


def layout(root: Path) -> str:
    found = constants(root, "layout.h", r"^//\s+(0x[0-9a-f']+)\s+(.*)$")
    return table(["address", "what"], [[f"`{address}`", text] for address, text in found])


TABLES: dict[str, Callable[[Path], str]] = {
    function.__name__: function
    for function in (messages, verdicts, calls, operations, rights, statuses, hypercalls, groups, fields, layout)
}


def main() -> int:
    write, root = "--write" in sys.argv, Path(sys.argv[-1])
    page = root / PAGE
    text = page.read_text()
    named = [name for _, name, _, _ in SECTION.findall(text)]
    if sorted(named) != sorted(TABLES):
        print(f"{PAGE}: tables {named}, expected one of each of {sorted(TABLES)}")
        return 1
    fresh = SECTION.sub(lambda match: match[1] + TABLES[match[2]](root) + match[4], text)
    if write:
        page.write_text(fresh)
    elif fresh != text:
        print(f"{PAGE} isn't what the .def files say: python3 ci/abi_tables.py --write .")
        return 1
    print(f"{PAGE}: {len(named)} tables")
    return 0


if __name__ == "__main__":
    sys.exit(main())
