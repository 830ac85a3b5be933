# SPDX-License-Identifier: BSD-2-Clause
"""Verifies what a program signed, as a remote verifier would, with nothing but Python: quote.py PROGRAM."""

from __future__ import annotations

import hashlib
import subprocess
import sys

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2 note 1


def integers(der: bytes) -> tuple[int, int]:
    """Modulus and exponent of an RSAPublicKey (RFC 8017 A.1.1)."""
    if der[:2] != b"\x30\x82" or int.from_bytes(der[2:4], "big") != len(der) - 4:
        raise SystemExit("the key is no DER sequence")
    found, rest = [], der[4:]
    while rest:
        if rest[0] != 2:
            raise SystemExit("the key has something that is no integer")
        length, start = (int.from_bytes(rest[2:4], "big"), 4) if rest[1] == 0x82 else (rest[1], 2)
        found.append(int.from_bytes(rest[start:start + length], "big", signed=True))
        rest = rest[start + length:]
    if len(found) != 2 or found[0] <= 0:
        raise SystemExit("the key is no positive modulus and an exponent")
    return found[0], found[1]


def signed(message: bytes, signature: bytes, modulus: int, exponent: int) -> bool:
    """RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2)."""
    digest = SHA256_INFO + hashlib.sha256(message).digest()
    expected = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(256, "big") == expected


def main() -> int:
    text = subprocess.run([sys.argv[1]], check=True, text=True, capture_output=True).stdout
    value = {name: bytes.fromhex(data) for name, data in (line.split() for line in text.splitlines())}
    modulus, exponent = integers(value["key"])
    info = b"\1\1\0\0QUOT" + hashlib.sha256(value["composite"]).digest() + value["nonce"]
    old, old_signature, old_modulus = value["old"][:-512], value["old"][-512:-256], value["old"][-256:]
    every, every_signature = value["all"][:-512], value["all"][-512:-256]
    numbers = b"".join(number.to_bytes(4, "little") for number in (32, *range(32)))
    checks = {
        "the modulus has 2048 bits": modulus.bit_length() == 2048,
        "the exponent": exponent == 65537,
        "the modulus alone is that of the key": int.from_bytes(value["modulus"], "big") == modulus,
        "the composite": value["composite"] == bytes([4, 0, 1, 2, 0, 0x80, 0, 0, 0, 96]) + b"\0" * 32 + b"\x09" * 32 + b"\x1f" * 32,
        "the quote": signed(info, value["signature"], modulus, exponent),
        "not another quote": not signed(info[:-1] + b"\0", value["signature"], modulus, exponent),
        "the older quote's text": old == b"\1\1\0\0QUOT" + bytes([2, 0, 0, 0] + [0] * 4 + [31, 0, 0, 0]) + b"\0" * 32 + b"\x1f" * 32 + value["nonce"],
        "the older quote": signed(old, old_signature, modulus, exponent),
        "the older quote's key": old_modulus == value["modulus"],
        "the older quote's text, of all PCRs": every == b"\1\1\0\0QUOT" + numbers + b"".join(bytes([pcr] * 32) for pcr in range(32)) + value["nonce"],
        "the older quote of all PCRs": signed(every, every_signature, modulus, exponent),
    }
    for number, (what, good) in enumerate(checks.items(), 1):
        print(f"{'ok' if good else 'not ok'} {number} - {what}")
    print(f"1..{len(checks)}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
