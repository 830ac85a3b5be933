# SPDX-License-Identifier: BSD-2-Clause
"""./bulkhead sign: keys, signatures that OpenSSL itself finds good, and what it refuses in a line."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sign


class Sign(unittest.TestCase):
    def setUp(self) -> None:
        self.home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.key = self.home / "key.pem"

    def run_sign(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", ["sign", *words]), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = sign.main()
        return status, out.getvalue(), err.getvalue()

    def test_signs(self) -> None:
        status, out, _ = self.run_sign("--key", str(self.key), "--generate")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"\Aload_key = 04[0-9a-f]{128}\n\Z")
        self.assertEqual(self.key.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.run_sign("--key", str(self.key), "--public")[1], out)
        file = self.home / "a.elf"
        file.write_bytes(b"partition")
        self.assertEqual(self.run_sign("--key", str(self.key), str(file))[:2], (0, f"{file}.sig\n"))
        public = self.home / "public.pem"
        public.write_bytes(subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout"], check=True, capture_output=True).stdout)
        verify = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", f"{file}.sig", str(file)]
        self.assertEqual(subprocess.run(verify, capture_output=True, check=False).returncode, 0)

    def test_refuses(self) -> None:
        file, wrong = self.home / "a.elf", self.home / "wrong.pem"
        file.write_bytes(b"partition")
        cases = [(["--public"], f"there is no key {wrong}: --generate makes one")]
        for arguments, line in cases:
            self.assertEqual(self.run_sign("--key", str(wrong), *arguments), (1, "", f"bulkhead sign: {line}\n"))
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", wrong], check=True, capture_output=True)
        self.assertEqual(self.run_sign("--key", str(wrong), str(file)), (1, "", f"bulkhead sign: {wrong} is not a key of P-256\n"))
        self.assertFalse((self.home / "a.elf.sig").exists())
        self.assertEqual(self.run_sign("--key", str(wrong), "--generate"), (1, "", f"bulkhead sign: {wrong} is there already\n"))
        wrong.write_text("no key")
        status, out, err = self.run_sign("--key", str(wrong), str(file))
        self.assertEqual((status, out, len(err.splitlines())), (1, "", 1))
        sign.generate(self.key)
        status, out, err = self.run_sign("--key", str(self.key), str(self.home / "none.elf"))
        self.assertEqual((status, out, err), (1, "", f"bulkhead sign: there is no file {self.home / 'none.elf'}\n"))


if __name__ == "__main__":
    unittest.main()
