# SPDX-License-Identifier: BSD-2-Clause
"""Signs files of partitions for `bhctl load`, with OpenSSL: ECDSA on P-256 with SHA-256."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

CURVE = "prime256v1"
# SubjectPublicKeyInfo of an uncompressed point of P-256, up to the point (RFC 5480 2 "Subject Public Key Information Fields").
HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
POINT_BYTES = 65


class Refused(Exception):
    """A line for the user."""


def _openssl(what: str, *arguments: str | Path) -> bytes:
    try:
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Refused("there is no openssl on this machine") from None
    if done.returncode != 0:
        raise Refused(f"{what}: openssl says: {(done.stderr.decode(errors='replace').strip().splitlines() or ['nothing'])[0]}")
    return done.stdout


def generate(key: Path) -> None:
    """A new private key, for its owner's eyes only."""
    if key.exists():
        raise Refused(f"{key} is there already")
    made = _openssl(str(key), "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVE}", "-pkeyopt", "ec_param_enc:named_curve")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(made)


def public(key: Path) -> str:
    """The key's public half, as `load_key` of bulkhead.conf has it."""
    if not key.is_file():
        raise Refused(f"there is no key {key}: --generate makes one")
    encoded = _openssl(str(key), "pkey", "-in", key, "-pubout", "-outform", "DER")
    if encoded[:len(HEAD)] != HEAD or len(encoded) != len(HEAD) + POINT_BYTES or encoded[len(HEAD)] != 4:
        raise Refused(f"{key} is not a key of P-256")
    return encoded[len(HEAD):].hex()


def sign(key: Path, file: Path, signature: Path) -> None:
    public(key)
    if not file.is_file():
        raise Refused(f"there is no file {file}")
    made = _openssl(str(file), "dgst", "-sha256", "-sign", key, file)
    signature.write_bytes(made)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bulkhead sign", description="Signs partitions' files for `bhctl load`: FILE.sig beside each.")
    parser.add_argument("--key", type=Path, required=True, help="private key of P-256, PEM")
    parser.add_argument("--generate", action="store_true", help="make it first")
    parser.add_argument("--public", action="store_true", help="print the line for bulkhead.conf")
    parser.add_argument("files", metavar="FILE", type=Path, nargs="*")
    options = parser.parse_args()
    if not (options.files or options.generate or options.public):
        parser.error("nothing to do: FILE, --generate or --public")
    try:
        if options.generate:
            generate(options.key)
        if options.generate or options.public:
            print(f"load_key = {public(options.key)}")
        for file in options.files:
            signature = file.with_name(file.name + ".sig")
            sign(options.key, file, signature)
            print(signature)
    except (Refused, OSError) as error:
        print(f"bulkhead sign: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
