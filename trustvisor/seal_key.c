// SPDX-License-Identifier: BSD-2-Clause
#include "seal_key.h"

#include <bearssl.h>
#include <rt/state.h>
#include <rt/string.h>

#include "random.h"
#include "seed.h"

_Static_assert(SEAL_KEY_MASTER_BYTES == SEED_BYTES, "a key of the seed's");

// In the state region: a reload of the partition must not cost anybody what he has sealed.
STATE static uint8_t aes[SEAL_KEY_AES_BYTES], hmac[SEAL_KEY_HMAC_BYTES];

static void derive(const uint8_t master[SEAL_KEY_MASTER_BYTES], const char *purpose, uint8_t *out, uint32_t bytes)
{
    uint8_t full[br_sha256_SIZE];
    br_hmac_key_context key;
    br_hmac_context context;
    br_hmac_key_init(&key, &br_sha256_vtable, master, SEAL_KEY_MASTER_BYTES);
    br_hmac_init(&context, &key, 0);
    br_hmac_update(&context, purpose, strlen(purpose));
    br_hmac_out(&context, full);
    memcpy(out, full, bytes);
    memset(full, 0, sizeof(full));
}

void seal_key_set(const uint8_t master[SEAL_KEY_MASTER_BYTES])
{
    derive(master, "sealingaes", aes, sizeof(aes));
    derive(master, "sealinghmac", hmac, sizeof(hmac));
}

bool seal_key_make(void)
{
    uint8_t master[SEAL_KEY_MASTER_BYTES];
    if (!seed_key("sealing", master) && !random_bytes(master, sizeof(master)))
        return false;
    seal_key_set(master);
    memset(master, 0, sizeof(master));
    return true;
}

const uint8_t *seal_key_aes(void) { return aes; }
const uint8_t *seal_key_hmac(void) { return hmac; }
