# SPDX-License-Identifier: BSD-2-Clause
"""What of BearSSL is linked where there are secrets is constant-time: constant_time.py NM [--finds NAME,...] IMAGE...
Every name of BearSSL's in an image must be in the table below, each row with what BearSSL itself says of it (its headers, version 0.6): so an implementation that is new here
fails until somebody has looked it up. `--finds`: the check's own test, of images that have these names and must not pass. verify has public data alone, and isn't looked at."""

from __future__ import annotations

import re
import subprocess
import sys

ALLOWED = (
    (r"br_aes_ct64_\w+", 'bearssl_block.h: "constant-time"; bit-sliced, without tables'),
    (r"br_sha2(24|56)_\w+|br_sha2small_round", "bearssl_hash.h: additions, rotations and the like of words; nothing depends on data but their length"),
    (r"br_hmac_(key_)?(init|update|out)|br_hmac_drbg_\w+", "bearssl_hmac.h, bearssl_rand.h: SHA-256 over data of known lengths"),
    (r"br_rsa_i(31|62)_(private|pkcs1_sign)(_get)?|br_rsa_pkcs1_sig_pad", 'bearssl_rsa.h: "constant-time": time and accesses depend on lengths only'),
    (r"br_rsa_i(31|62)_keygen(_inner|_get)?", "arithmetic as above; how often it starts over depends on candidates, which it throws away"),
    (r"br_ec_p256_m31|br_ec_keygen|br_ec_compute_pub|br_secp(256|384|521)r1", 'bearssl_ec.h: "Processing is constant-time", for points and multipliers'),
    (r"br_ecdsa_i31_(sign_raw|bits2int)", "bearssl_ec.h: on the curve as above, integers as below"),
    (r"br_i31_\w+|br_i62_modpow_opt(_as_i31)?|br_ccopy|br_divrem", "inner.h: the integers of what is above: lengths are public, values aren't branched on or used as addresses"),
    (r"br_range_(enc|dec)32[bl]e", "inner.h: moves bytes"),
)
# What the check is there for, with BearSSL's words. Anything else that isn't above is as wrong.
REFUSED = (
    (r"br_aes_(big|small)_\w+", '"not constant-time, since it makes data-dependent array accesses"'),
    (r"br_des_tab_\w+", '"not constant-time"'),
    (r"br_rsa_\w+_public|br_rsa_\w+_vrfy", '"need not be constant-time": for public data'),
)


def names(nm: str, image: str) -> list[str]:
    """Of BearSSL, functions and data, its own static ones too."""
    lines = subprocess.run([nm, image], text=True, capture_output=True, check=True).stdout.splitlines()
    return sorted({line.split()[-1] for line in lines if line.split()[-1].startswith("br_")})


def problem(name: str) -> str:
    """Nothing where it may be linked."""
    if any(re.fullmatch(pattern, name) for pattern, _ in ALLOWED):
        return ""
    known = next((why for pattern, why in REFUSED if re.fullmatch(pattern, name)), "not known to be constant-time: look it up")
    return f"{name}: {known}"


def main() -> int:
    nm, *images = sys.argv[1:]
    finds = set()
    if images[:1] == ["--finds"]:
        finds, images = set(images[1].split(",")), images[2:]
    problems, count = [], 0
    for image in images:
        found = names(nm, image)
        if not found:
            problems.append(f"{image}: has no names of BearSSL's to look at")
        count += len(found)
        problems += [f"{image}: {why}" for name in found if (why := problem(name))]
    print("\n".join(problems) if problems else f"{count} names in {len(images)} images")
    if finds:
        missed = [name for name in finds if not any(f": {name}: " in why for why in problems)]
        print(f"missed: {', '.join(missed)}" if missed else "as it should be")
        return 1 if missed else 0
    return 1 if problems or not images else 0


if __name__ == "__main__":
    sys.exit(main())
