// SPDX-License-Identifier: BSD-2-Clause
#include "random.h"

#include <bearssl.h>
#include <caps/seed.h>
#include <rt/state.h>
#include <rt/string.h>

#include "entropy.h"

static struct state_lock lock;
static br_hmac_drbg_context drbg;
static uint32_t requests_left;   // until the next seed
STATE static struct { uint32_t bytes; uint8_t byte[SEED_BYTES]; } stirred;

// Under the lock.
static bool seeded(void)
{
    uint8_t seed[RANDOM_SEED_BYTES];
    if (requests_left > 0)
        return true;
    if (!entropy_fill(seed, sizeof(seed)))
        return false;
    if (drbg.vtable == NULL) {
        br_hmac_drbg_init(&drbg, &br_sha256_vtable, seed, sizeof(seed));
        if (stirred.bytes > 0)
            br_hmac_drbg_update(&drbg, stirred.byte, stirred.bytes);
    } else {
        br_hmac_drbg_update(&drbg, seed, sizeof(seed));
    }
    memset(seed, 0, sizeof(seed));
    requests_left = RANDOM_RESEED;
    return true;
}

void random_stir(const void *noise, uint32_t bytes)
{
    stirred.bytes = bytes < SEED_BYTES ? bytes : SEED_BYTES;
    memcpy(stirred.byte, noise, stirred.bytes);
}

bool random_bytes(void *out, uint32_t bytes)
{
    state_lock(&lock);
    const bool good = seeded();
    if (good) {
        requests_left--;
        br_hmac_drbg_generate(&drbg, out, bytes);
    } else {
        memset(out, 0, bytes);
    }
    state_unlock(&lock);
    return good;
}

const br_prng_class **random_take(void)
{
    state_lock(&lock);
    if (seeded())
        return &drbg.vtable;
    state_unlock(&lock);
    return NULL;
}

void random_release(void) { state_unlock(&lock); }
