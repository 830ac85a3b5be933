// SPDX-License-Identifier: BSD-2-Clause
// ECDSA on P-256.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/loadable.h>

#define SIGNATURE_BYTES 64u  // r and s, big-endian

// Whether it is the signature of what has this hash, by the key. A key that isn't a point of the curve has signed nothing.
bool signature_good(const uint8_t key[LOAD_KEY_BYTES], const uint8_t hash[LOAD_HASH_BYTES], const uint8_t signature[SIGNATURE_BYTES]);
