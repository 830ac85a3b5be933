# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the verifier of the SDK's signing example, with the vector of RFC 6979, A.2.5."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "trustvisor/sdk/examples"))
from verify_signature import N, good

PUBLIC = bytes.fromhex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                       "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
SIGNATURE = bytes.fromhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")


class Verify(unittest.TestCase):
    def test_good(self) -> None:
        self.assertTrue(good(PUBLIC, SIGNATURE, b"sample"))

    def test_changed(self) -> None:
        self.assertFalse(good(PUBLIC, SIGNATURE, b"Sample"))
        for at in (0, 31, 32, 63):
            self.assertFalse(good(PUBLIC, SIGNATURE[:at] + bytes([SIGNATURE[at] ^ 1]) + SIGNATURE[at + 1:], b"sample"))

    def test_malformed(self) -> None:
        for public in (b"", PUBLIC[:-1], b"\2" + PUBLIC[1:], PUBLIC[:-1] + b"\0", b"\4" + b"\xff" * 64):
            self.assertFalse(good(public, SIGNATURE, b"sample"))
        for signature in (b"", SIGNATURE[:-1], bytes(64), bytes(32) + SIGNATURE[32:], SIGNATURE[:32] + N.to_bytes(32, "big")):
            self.assertFalse(good(PUBLIC, signature, b"sample"))


if __name__ == "__main__":
    unittest.main()
