// SPDX-License-Identifier: BSD-2-Clause
// Random bytes: HMAC-DRBG with SHA-256, seeded from entropy.h (and the TPM's noise, where there is one), and again after every RANDOM_RESEED requests.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RANDOM_RESEED 100000u
#define RANDOM_SEED_BYTES 48u

// Noise of somebody else's (at most SEED_BYTES of it), which the first seed is mixed with: it can't make up for entropy that is missing, as it is the same after a reload.
void random_stir(const void *noise, uint32_t bytes);

// false: there is no entropy; nothing is in out that could be taken for random bytes.
bool random_bytes(void *out, uint32_t bytes);

// The generator as BearSSL's functions take it, seeded; NULL without entropy. Locked until random_release().
struct br_prng_class_;
const struct br_prng_class_ **random_take(void);
void random_release(void);
