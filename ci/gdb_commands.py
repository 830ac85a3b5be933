# SPDX-License-Identifier: BSD-2-Clause
"""gdb's own commands for a partition of Bulkhead; gdb sources this file. Names and layouts are the partition's debug information: nothing is written twice.

    bh message [TEXT]
    bh vmcs [TEXT]
"""

from __future__ import annotations

import re

import gdb

KINDS = ("VMCS01", "shadow VMCS", "VMCS02")  # enum vmcs_kind


def enumerators(name: str, prefix: str) -> dict[str, int]:
    """Names without the prefix, those that have it."""
    return {field.name.removeprefix(prefix): field.enumval for field in gdb.lookup_type(f"enum {name}").fields() if field.name.startswith(prefix)}


def name_of(value: int, name: str, prefix: str) -> str:
    return next((text for text, number in enumerators(name, prefix).items() if number == value), str(value))


def vmcs_fields() -> dict[str, int]:
    return {name: number for name, number in enumerators("vmcs_field", "VMCS_").items() if name != "FIELD_COUNT"}


def cpu() -> int:
    """Whose stack this is."""
    return (int(gdb.parse_and_eval("(unsigned long)$rsp")) - 1 - int(gdb.convenience_variable("bh_stack_base"))) // int(gdb.convenience_variable("bh_stack_stride"))


def request() -> gdb.Value:
    """The message that this CPU handles: the slot of its ring with the highest number."""
    base = int(gdb.convenience_variable("bh_channel_base")) + cpu() * int(gdb.convenience_variable("bh_channel_stride"))
    pointer = gdb.lookup_type("struct request").pointer()
    slots = [gdb.Value(base + slot * 4096).cast(pointer).dereference() for slot in range(int(gdb.convenience_variable("bh_ring_slots")))]
    newest = max(slots, key=lambda slot: int(slot["sequence"]))
    newest.fetch_lazy()  # all of it at once
    return newest


def vmread(kind: int, field: int) -> int | None:
    """A field, by Bulkhead's own packet; None: the partition may not read it, the CPU doesn't have it, or there is no such VMCS now."""
    said = gdb.execute(f"maintenance packet B{kind:x},{field:x}", to_string=True)
    answer = re.search(r'received: "([0-9a-f]{16})"', said)
    return int.from_bytes(bytes.fromhex(answer[1]), "little") if answer else None


def show_fields(values: dict[str, int], wanted: str) -> None:
    for name, value in values.items():
        if wanted.upper() in name:
            print(f"  {name:32} {value:#x}")


class Bulkhead(gdb.Command):
    """About a partition of Bulkhead: bh message, bh vmcs"""

    def __init__(self) -> None:
        super().__init__("bh", gdb.COMMAND_DATA, prefix=True)


class Message(gdb.Command):
    """bh message [TEXT]: the message that the partition handles on this CPU, with the fields that travelled (those with TEXT in their name)"""

    def __init__(self) -> None:
        super().__init__("bh message", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        message = request()
        origin, kind = int(message["origin"]), name_of(int(message["kind"]), "msg_kind", "MSG_")
        reason = name_of(int(message["reason"]) & 0xffff, "exit_reason", "EXIT_")
        print(f"message {int(message['sequence'])} on CPU {cpu()}: {kind} from {name_of(origin, 'msg_origin', 'ORIGIN_')}, reason {reason}, "
              f"attempt {int(message['attempt'])}, groups {int(message['groups']):#x}, of the shadow {int(message['groups_shadow']):#x}")
        for bank, groups in enumerate((int(message["groups"]), int(message["groups_shadow"]))):
            values = {name: int(message["field"][bank][number]) for name, number in vmcs_fields().items()
                      if groups >> int(gdb.parse_and_eval(f"vmcs_field_info[{number}].group")) & 1}
            if values:
                print(f"bank {bank}:")
                show_fields(values, argument)


class Vmcs(gdb.Command):
    """bh vmcs [TEXT]: the VMCSs of L1, its shadow, and of the L2 that the message is about: what the partition may read (with TEXT in its name)"""

    def __init__(self) -> None:
        super().__init__("bh vmcs", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        for kind, title in enumerate(KINDS):
            values = {name: value for name, number in vmcs_fields().items() if argument.upper() in name and (value := vmread(kind, number)) is not None}
            print(f"{title}: {len(values)} fields" if values else f"{title}: none, or nothing of it is this partition's to read")
            show_fields(values, argument)


Bulkhead()
Message()
Vmcs()
