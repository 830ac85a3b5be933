// SPDX-License-Identifier: BSD-2-Clause
#include "seed.h"

#include <bearssl.h>
#include <rt/state.h>
#include <rt/string.h>

STATE struct seed seed_given __attribute__((aligned(8)));

bool seed_key(const char *purpose, uint8_t out[SEED_BYTES])
{
    br_hmac_key_context key;
    br_hmac_context context;
    if (seed_given.origin != SEED_TPM)
        return false;
    br_hmac_key_init(&key, &br_sha256_vtable, seed_given.secret, SEED_BYTES);
    br_hmac_init(&context, &key, 0);
    br_hmac_update(&context, purpose, strlen(purpose));
    br_hmac_out(&context, out);
    return true;
}
_Static_assert(SEED_BYTES == br_sha256_SIZE, "a key is an HMAC");

void seed_forget(void)
{
    for (volatile uint8_t *byte = (volatile uint8_t *)&seed_given; byte < (volatile uint8_t *)(&seed_given + 1); byte++)
        *byte = 0;
}
