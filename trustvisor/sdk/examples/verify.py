#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks what `quote NONCE` printed, far away from the machine: verify.py NONCE [PCR0] < OUTPUT

NONCE is the one that was sent, PCR0 the measurement that the PAL should have (without it, it is printed). Whose key it is, is for who asks to know.
"""

from __future__ import annotations

import hashlib
import sys

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2 note 1
PCR0_ALONE = bytes([1, 0, 1, 0, 0, 0, 32])                             # selection of PCR 0; 32 bytes follow


def integer(der: bytes, at: int) -> tuple[int, int]:
    """The INTEGER there, and what is behind it."""
    if der[at] != 2:
        raise ValueError("the key has something that is no integer")
    length, start = (int.from_bytes(der[at + 2:at + 4], "big"), at + 4) if der[at + 1] == 0x82 else (der[at + 1], at + 2)
    return int.from_bytes(der[start:start + length], "big"), start + length


def check(output: str, nonce: bytes) -> bytes:
    """PCR 0 that the quote proves; ValueError: it proves nothing."""
    value = {name: bytes.fromhex(data) for name, data in (line.split() for line in output.splitlines())}
    if value["nonce"] != nonce:
        raise ValueError("another nonce")
    if len(value["composite"]) != 39 or value["composite"][:7] != PCR0_ALONE:
        raise ValueError("not of PCR 0 alone")
    modulus, behind = integer(value["key"], 4)
    exponent, _ = integer(value["key"], behind)
    if modulus.bit_length() != 2048 or exponent != 65537:
        raise ValueError("no key of trustvisor's")
    info = b"\1\1\0\0QUOT" + hashlib.sha256(value["composite"]).digest() + nonce
    digest = SHA256_INFO + hashlib.sha256(info).digest()
    expected = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    if pow(int.from_bytes(value["signature"], "big"), exponent, modulus).to_bytes(256, "big") != expected:
        raise ValueError("the signature is wrong")
    return value["composite"][7:]


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print("usage: verify.py NONCE [PCR0] < OUTPUT", file=sys.stderr)
        return 2
    try:
        pcr0 = check(sys.stdin.read(), bytes.fromhex(sys.argv[1]))
    except (ValueError, KeyError, IndexError) as wrong:
        print(f"verify: {wrong}", file=sys.stderr)
        return 1
    if len(sys.argv) == 3 and pcr0.hex() != sys.argv[2].lower():
        print(f"verify: another PAL: {pcr0.hex()}", file=sys.stderr)
        return 1
    print(pcr0.hex())
    return 0


if __name__ == "__main__":
    sys.exit(main())
