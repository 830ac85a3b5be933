// SPDX-License-Identifier: BSD-2-Clause
// By BearSSL's implementations for 31-bit words, which Debian's library has without vector registers (ci/checks/vectors.py).
#include "signature.h"

#include <bearssl.h>
#include <rt/string.h>

bool signature_good(const uint8_t key[LOAD_KEY_BYTES], const uint8_t hash[LOAD_HASH_BYTES], const uint8_t signature[SIGNATURE_BYTES])
{
    uint8_t point[1 + LOAD_KEY_BYTES] = { 4 };  // uncompressed
    memcpy(&point[1], key, LOAD_KEY_BYTES);
    const br_ec_public_key public = { .curve = BR_EC_secp256r1, .q = point, .qlen = sizeof(point) };
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, hash, LOAD_HASH_BYTES, &public, signature, SIGNATURE_BYTES) == 1;
}
