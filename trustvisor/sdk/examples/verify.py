#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks what `quote NONCE` printed, far away from the machine: verify.py NONCE [PCR0] < OUTPUT

NONCE is the one that was sent, PCR0 the measurement that the PAL should have (without it, it is printed). Whose key it is, is for who asks to know.
"""

from __future__ import annotations

import hashlib
import re
import sys

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2 note 1
PCR0_ALONE = bytes([1, 0, 1, 0, 0, 0, 32])                             # selection of PCR 0; 32 bytes follow
KEY_BYTES = 256
NAMES = ("nonce", "composite", "signature", "key")
# RSAPublicKey (RFC 8017, A.1.1) of 2048 bits, with 65537, in DER: what is before and behind the modulus.
KEY_BEFORE, KEY_BEHIND = bytes.fromhex("3082010a0282010100"), bytes.fromhex("0203010001")


def values(output: str) -> dict[str, bytes]:
    """Of each line its name and what it says; each of NAMES once, nothing else."""
    found: dict[str, bytes] = {}
    for number, line in enumerate(output.splitlines(), 1):
        match = re.fullmatch(r"(\w+) ((?:[0-9a-f]{2})+)", line)
        if match is None or match[1] not in NAMES:
            raise ValueError(f"line {number} is none of a quote's")
        if match[1] in found:
            raise ValueError(f"there are two lines '{match[1]}'")
        found[match[1]] = bytes.fromhex(match[2])
    for name in NAMES:
        if name not in found:
            raise ValueError(f"no line '{name}'")
    return found


def modulus(key: bytes) -> int:
    number = int.from_bytes(key[len(KEY_BEFORE):-len(KEY_BEHIND)], "big")
    if key != KEY_BEFORE + number.to_bytes(len(key), "big")[-KEY_BYTES:] + KEY_BEHIND or number.bit_length() != 8 * KEY_BYTES:
        raise ValueError("the key is no RSA key of 2048 bits as trustvisor's")
    return number


def check(output: str, nonce: bytes) -> bytes:
    """PCR 0 that the quote proves; ValueError: it proves nothing."""
    value = values(output)
    if value["nonce"] != nonce:
        raise ValueError("the quote is of another nonce")
    if len(value["composite"]) != len(PCR0_ALONE) + 32 or not value["composite"].startswith(PCR0_ALONE):
        raise ValueError("the composite is not of PCR 0 alone")
    key, signature = modulus(value["key"]), int.from_bytes(value["signature"], "big")
    if len(value["signature"]) != KEY_BYTES or signature >= key:
        raise ValueError("the signature is none of that key's size")
    info = b"\1\1\0\0QUOT" + hashlib.sha256(value["composite"]).digest() + nonce
    digest = SHA256_INFO + hashlib.sha256(info).digest()
    expected = b"\0\1" + b"\xff" * (KEY_BYTES - 3 - len(digest)) + b"\0" + digest
    if pow(signature, 65537, key).to_bytes(KEY_BYTES, "big") != expected:
        raise ValueError("the signature is wrong")
    return value["composite"][len(PCR0_ALONE):]


def main() -> int:
    if len(sys.argv) not in (2, 3) or not all(re.fullmatch("[0-9a-fA-F]{64}", word) for word in sys.argv[1:]):
        print("usage: verify.py NONCE [PCR0] < OUTPUT (NONCE and PCR0: 64 hexadecimal digits)", file=sys.stderr)
        return 2
    try:
        pcr0 = check(sys.stdin.buffer.read().decode("ascii", "replace"), bytes.fromhex(sys.argv[1]))
    except ValueError as wrong:
        print(f"verify: {wrong}", file=sys.stderr)
        return 1
    if len(sys.argv) == 3 and pcr0.hex() != sys.argv[2].lower():
        print(f"verify: another PAL: {pcr0.hex()}", file=sys.stderr)
        return 1
    print(pcr0.hex())
    return 0


if __name__ == "__main__":
    sys.exit(main())
