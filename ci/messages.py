# SPDX-License-Identifier: BSD-2-Clause
"""What travelled with a message: the slots of the request rings (caps/ring.h) keep it until it is overwritten. An event names its message by the low byte of
its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ram import Ram

if TYPE_CHECKING:
    from records import Layout

# What is known of the fields of an event's message.
NONE, WHOLE, OVERWRITTEN, SECRET = "", "whole", "overwritten", "secret"
GPRS = ("rax", "rcx", "rdx", "rbx", "cr2", "rbp", "rsi", "rdi", *(f"r{i}" for i in range(8, 16)))
WITH_ARGUMENTS = ("INIT", "ENTRY_FAILED", "CALL")
PAL = 2  # enum msg_origin
Told = tuple[str, dict[str, int]]


class Messages:
    """Those of one machine."""

    def __init__(self, ram: Ram, form: Layout, channels: list[int]):
        self.ram, self.form, self.channels = ram, form, channels

    def _u64s(self, request: bytes, at: int, count: int) -> list[int]:
        return [int.from_bytes(request[at + 8 * i:at + 8 * i + 8], "little") for i in range(count)]

    def _number(self, request: bytes, name: str, size: int) -> int:
        at = self.form[f"request_{name}"]
        return int.from_bytes(request[at:at + size], "little")

    def _bank(self, request: bytes, bank: int, groups: int, prefix: str) -> dict[str, int]:
        count = len(self.form.fields)
        values = self._u64s(request, self.form["request_field"] + 8 * count * bank, count) if groups else []
        return {prefix + name: value for name, group, value in zip(self.form.fields, self.form.groups, values) if groups >> group & 1}

    def _fields(self, request: bytes) -> dict[str, int]:
        groups, shadow = self._number(request, "groups", 8), self._number(request, "groups_shadow", 8)
        kind = self._number(request, "kind", 1)
        found: dict[str, int] = {}
        if groups & self.form["group_gpr"]:
            found |= zip(GPRS, self._u64s(request, self.form["request_gpr"], len(GPRS)))
        found |= self._bank(request, 0, groups & ~self.form["group_gpr"], "")
        found |= self._bank(request, 1, shadow, "SHADOW.")
        if self.form.messages[kind] in WITH_ARGUMENTS or self._number(request, "flags", 1) & self.form["forwarded"]:
            found |= {f"arg{i}": value for i, value in enumerate(self._u64s(request, self.form["request_arg"], self.form["args"]))}
        return found

    def told(self, cpu: int, partition: int, sequence: int, number: int | None, level: int, reason: int, later: int) -> Told:
        """Of a message to that partition. number: all of its number, where that is known; later: how many later ones of that CPU are known."""
        channel = self.channels[partition] if partition < len(self.channels) else 0
        if not channel or level == PAL:
            return SECRET, {}
        if later >= self.form["ring_slots"]:
            return OVERWRITTEN, {}
        slot = channel + cpu * self.form["channel_bytes"] + sequence % self.form["ring_slots"] * self.form["request_slot"]
        request = self.ram.read(slot, self.form["request_bytes"])
        there = self._number(request, "sequence", 4)
        same = there and there & 0xff == sequence and (number is None or there == number & 0xffffffff)
        if not same or self._number(request, "origin", 1) != level or self._number(request, "reason", 1) != reason:
            return OVERWRITTEN, {}
        if self._number(request, "kind", 1) >= len(self.form.messages):
            return OVERWRITTEN, {}
        return WHOLE, self._fields(request)
