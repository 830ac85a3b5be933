# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the verifier of the SDK's quotes: what it takes, and that it takes nothing else."""

import contextlib
import hashlib
import io
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

VERIFY = Path(__file__).resolve().parents[2] / "trustvisor/sdk/examples/verify.py"
sys.path.insert(0, str(VERIFY.parent))
import verify  # noqa: E402

P = int("db2a6ff155bb21b50e3f14e829ee56ce18856f5816703c2294bde81f93cf773e820eac7a4dbb8d9644c3d6c308dd1a94f19ed5d7339ab08fcbfc200a4d791ade"
        "a668d15315fe7c4e0d9f90718fd088b2a427f7c1d066889e83fb4fd3f6babf055dad08702707270a6359d5540c563958e7a95a8a68944418eed06779aa1fe78f", 16)
Q = int("e18a3cb10bb4e8130043ecae74e6e1f5308aa741a21aedb8f73887d5d6fb83cc5289619d99cac7d5bde827bc969d5e32b13b503651b347cef3fd9fc0c3b60918"
        "6bfb82169463a9e53c8d34f51c17452657dd7caf8c9096be88a46f3c238b6183118a47e05596875f94d0f707b00068a12443c29241fab4a19a9f87436a1bd349", 16)
OTHER = int("d80106870e2ef8d0652b9a3f42ac1f6f923ceac97a38c46170c58c55197eafc91e5a0071c4e61c1c4edbb413ae64e1c63affed8594beea3dd0d46e18f01c9008"
            "2319dd8ec1b8ef21cbf63b4ff7239223881c768a0f713b4398536e035c8f00b1b68676b2196c694f5e8bc67b7d83bdd26a92a3693313610d742c69a56637e587", 16)
NONCE, PCR0 = bytes(range(32)), hashlib.sha256(b"a PAL").digest()
COMPOSITE = bytes([1, 0, 1, 0, 0, 0, 32]) + PCR0
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def _key(modulus: int) -> bytes:
    return bytes.fromhex("3082010a0282010100") + modulus.to_bytes(256, "big") + bytes.fromhex("0203010001")


def _padded(digest: bytes) -> bytes:
    return b"\0\1" + b"\xff" * (253 - len(DIGEST_INFO) - len(digest)) + b"\0" + DIGEST_INFO + digest


def _sign(padded: bytes, other: int = Q) -> bytes:
    """By the key P times OTHER."""
    return pow(int.from_bytes(padded, "big"), pow(65537, -1, (P - 1) * (other - 1)), P * other).to_bytes(256, "big")


def _info(head: bytes = b"\1\1\0\0QUOT", composite: bytes = COMPOSITE, nonce: bytes = NONCE) -> bytes:
    return head + hashlib.sha256(composite).digest() + nonce


def _signed(info: bytes, other: int = Q) -> bytes:
    return _sign(_padded(hashlib.sha256(info).digest()), other)


def _lines(**changed: bytes) -> list[str]:
    good = {"nonce": NONCE, "composite": COMPOSITE, "signature": _signed(_info()), "key": _key(P * Q)}
    return [f"{name} {data.hex()}" for name, data in (good | changed).items()]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def _run(output: bytes, *arguments: str) -> tuple[int, str, str]:
    """Its status, what it says, and what it says is wrong."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(output))), \
            mock.patch("sys.argv", [VERIFY.name, *arguments]):
        return verify.main(), out.getvalue(), err.getvalue()


class Verify(unittest.TestCase):
    def refused(self, why: str, output: list[str] | bytes, *arguments: str) -> None:
        """By one line on standard error, and nothing on standard output."""
        data = output if isinstance(output, bytes) else ("\n".join(output) + "\n").encode()
        self.assertEqual(_run(data, *(arguments or (NONCE.hex(),))), (1, "", f"verify: {why}\n"))

    def test_good(self) -> None:
        output = "\n".join(_lines()).encode()
        for arguments in ((NONCE.hex(),), (NONCE.hex().upper(), PCR0.hex()), (NONCE.hex(), PCR0.hex().upper())):
            self.assertEqual(_run(output, *arguments), (0, PCR0.hex() + "\n", ""))
        self.assertEqual(_run("\r\n".join(_lines()).encode(), NONCE.hex())[0], 0)

    def test_as_a_program(self) -> None:
        for key, status in ((P * Q, 0), (P * OTHER, 1)):
            done = subprocess.run([sys.executable, str(VERIFY), NONCE.hex()], input="\n".join(_lines(key=_key(key))), text=True, capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), ((0, PCR0.hex() + "\n", ""), (1, "", "verify: the signature is wrong\n"))[status])

    def test_another_pal(self) -> None:
        self.refused(f"another PAL: {PCR0.hex()}", _lines(), NONCE.hex(), _flipped(PCR0, 31).hex())

    def test_another_nonce(self) -> None:
        changed = _flipped(NONCE, 0)
        self.refused("the quote is of another nonce", _lines(), changed.hex())
        self.refused("the quote is of another nonce", _lines(nonce=changed))
        self.refused("the quote is of another nonce", _lines(nonce=NONCE + b"\0"))
        self.refused("the signature is wrong", _lines(nonce=changed), changed.hex())  # as if it were the one that was sent

    def test_changed_pcr(self) -> None:
        for at in (7, 38):
            self.refused("the signature is wrong", _lines(composite=_flipped(COMPOSITE, at)))

    def test_other_composites(self) -> None:
        both = bytes([1, 0, 3, 0, 0, 0, 64]) + PCR0 * 2
        for composite in (b"\1", COMPOSITE[:-1], COMPOSITE + b"\0", both, bytes([1, 0, 2, 0, 0, 0, 32]) + PCR0, bytes([4, 0, 1, 0, 0, 0, 32]) + PCR0):
            self.refused("the composite is not of PCR 0 alone", _lines(composite=composite, signature=_signed(_info(composite=composite))))

    def test_changed_signature(self) -> None:
        signature = _signed(_info())
        for at in (1, 128, 255):
            self.refused("the signature is wrong", _lines(signature=_flipped(signature, at)))
        self.refused("the signature is wrong", _lines(signature=bytes(256)))
        self.refused("the signature is wrong", _lines(signature=bytes(255) + b"\1"))

    def test_size_of_the_signature(self) -> None:
        signature = _signed(_info())
        again = (int.from_bytes(signature, "big") + P * Q).to_bytes(257, "big")  # the same modulo the key
        for wrong in (signature[:-1], signature + b"\0", b"\0" + signature, again, b"\xff" * 256):
            self.refused("the signature is none of that key's size", _lines(signature=wrong))

    def test_wrong_magic_or_version(self) -> None:
        for head in (b"\1\1\0\0QUOt", b"\1\2\0\0QUOT", b"\2\1\0\0QUOT", b"\1\1\0\1QUOT", b"QUOT\1\1\0\0", b"QUOT"):
            self.refused("the signature is wrong", _lines(signature=_signed(_info(head))))

    def test_wrong_padding(self) -> None:
        digest = hashlib.sha256(_info()).digest()
        good = _padded(digest)
        for padded in (_flipped(good, 1), _flipped(good, 2), _flipped(good, 202), digest.rjust(256, b"\0"),
                       b"\0\1\xff\0" + DIGEST_INFO + digest + bytes(256 - 4 - 51), _padded(hashlib.sha1(_info()).digest())):
            self.assertEqual(len(padded), 256)
            self.refused("the signature is wrong", _lines(signature=_sign(padded)))

    def test_wrong_key(self) -> None:
        self.refused("the signature is wrong", _lines(key=_key(P * OTHER)))
        self.refused("the signature is wrong", _lines(signature=_signed(_info(), OTHER)))

    def test_malformed_keys(self) -> None:
        key = _key(P * Q)
        small = bytes.fromhex("3082010a0282010100") + (P * Q >> 1).to_bytes(256, "big") + bytes.fromhex("0203010001")
        three = key[:-5] + bytes.fromhex("0203000003")
        for wrong in (b"\x30", key[:-1], key + b"\0", _flipped(key, 0), _flipped(key, 3), _flipped(key, 4), _flipped(key, 8), three, small, b"\0" * len(key)):
            self.refused("the key is no RSA key of 2048 bits as trustvisor's", _lines(key=wrong))

    def test_lines_that_are_missing(self) -> None:
        lines = _lines()
        for at, line in enumerate(lines):
            self.refused(f"no line '{line.split()[0]}'", lines[:at] + lines[at + 1:])
        self.refused("no line 'nonce'", b"")
        self.refused("no line 'key'", "\n".join(lines[:3]).encode())

    def test_lines_that_are_too_many(self) -> None:
        for line in _lines():
            self.refused(f"there are two lines '{line.split()[0]}'", [*_lines(), line])
        self.refused("line 5 is none of a quote's", [*_lines(), "more 00"])

    def test_garbage(self) -> None:
        lines = _lines()
        for garbage in ("garbage", "nonce", "nonce ", "nonce 0", "nonce 0g", f"nonce {NONCE.hex()} ", f"nonce  {NONCE.hex()}", "nonce 00 00", "", "nonce \u0663\u0663"):
            self.refused("line 1 is none of a quote's", [garbage, *lines[1:]])
        self.refused("line 1 is none of a quote's", bytes(range(128, 256)))
        self.refused("line 1 is none of a quote's", bytes(1000))
        self.refused("line 4 is none of a quote's", "\n".join(lines).encode()[:-1])  # cut in the midst of a byte

    def test_usage(self) -> None:
        good = NONCE.hex()
        for arguments in ((), (good[:-1],), (good + "00",), ("x" * 64,), (good, "1"), (good, good, good), ("",), (good, "")):
            code, out, said = _run("\n".join(_lines()).encode(), *arguments)
            self.assertEqual((code, out), (2, ""))
            self.assertRegex(said, r"^usage: verify\.py [^\n]*\n$")


if __name__ == "__main__":
    unittest.main()
