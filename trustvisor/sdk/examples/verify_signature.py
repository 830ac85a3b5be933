#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks a signature of `agent sign`, anywhere: verify_signature.py PUBLIC SIGNATURE MESSAGE (ECDSA, P-256, SHA-256; FIPS 186-5, 6.4.2)."""

from __future__ import annotations

import hashlib
import sys

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
Point = tuple[int, int] | None  # None: the point at infinity
G: Point = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296, 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(k: int, point: Point) -> Point:
    total: Point = None
    while k:
        if k & 1:
            total = add(total, point)
        point, k = add(point, point), k >> 1
    return total


def good(public: bytes, signature: bytes, message: bytes) -> bool:
    if len(public) != 65 or public[0] != 4 or len(signature) != 64:
        return False
    key = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if max(key) >= P or (key[1] ** 2 - key[0] ** 3 + 3 * key[0] - B) % P:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    point = add(multiply(digest * inverse % N, G), multiply(r * inverse % N, key))
    return point is not None and point[0] % N == r


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: verify_signature.py PUBLIC SIGNATURE MESSAGE", file=sys.stderr)
        return 2
    try:
        valid = good(bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2]), sys.argv[3].encode())
    except ValueError:
        valid = False
    print("good" if valid else "WRONG")
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
