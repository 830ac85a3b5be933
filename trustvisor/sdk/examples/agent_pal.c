// SPDX-License-Identifier: BSD-2-Clause
// A key that signs, and that nobody else ever has: it is made here, is sealed when it leaves, and opens for this PAL alone. Linked by itself (image.ld), with BearSSL.
#include "agent.h"

#include <bearssl.h>
#include <trustvisor/utpm.h>

#define PRIVATE_BYTES 32u

// In a way that the compiler doesn't leave out.
static void forget(void *secret, uint32_t bytes)
{
    volatile uint8_t *at = secret;
    while (bytes-- > 0)
        *at++ = 0;
}

static uintptr_t make(struct agent *agent)
{
    uint8_t seed[48], private_bytes[BR_EC_KBUF_PRIV_MAX_SIZE];
    br_hmac_drbg_context random;
    br_ec_private_key key;
    uint32_t bytes = sizeof(agent->blob);
    if (pal_random(seed, sizeof(seed)) != TV_OK)
        return AGENT_NO_ENTROPY;
    br_hmac_drbg_init(&random, &br_sha256_vtable, seed, sizeof(seed));
    uintptr_t result = AGENT_NO_KEY;
    if (br_ec_keygen(&random.vtable, &br_ec_p256_m31, &key, private_bytes, BR_EC_secp256r1) == PRIVATE_BYTES &&
        br_ec_compute_pub(&br_ec_p256_m31, NULL, agent->public_key, &key) == AGENT_PUBLIC_BYTES)
        result = pal_seal(private_bytes, PRIVATE_BYTES, agent->blob, &bytes) == TV_OK ? AGENT_OK : AGENT_NOT_SEALED;
    agent->blob_bytes = bytes;
    forget(seed, sizeof(seed));
    forget(private_bytes, sizeof(private_bytes));
    forget(&random, sizeof(random));
    return result;
}

static uintptr_t sign(struct agent *agent)
{
    uint8_t private_bytes[PRIVATE_BYTES], digest[br_sha256_SIZE];
    uint32_t bytes = sizeof(private_bytes);
    if (agent->blob_bytes > sizeof(agent->blob) || agent->message_bytes > sizeof(agent->message))
        return AGENT_NOT_SEALED;
    if (pal_unseal(agent->blob, agent->blob_bytes, private_bytes, &bytes) != TV_OK || bytes != sizeof(private_bytes))
        return AGENT_NOT_SEALED;
    const br_ec_private_key key = { BR_EC_secp256r1, private_bytes, sizeof(private_bytes) };
    br_sha256_context hash;
    br_sha256_init(&hash);
    br_sha256_update(&hash, agent->message, agent->message_bytes);
    br_sha256_out(&hash, digest);
    const size_t signature = br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest, &key, agent->signature);
    forget(private_bytes, sizeof(private_bytes));
    return signature == AGENT_SIGNATURE_BYTES ? AGENT_OK : AGENT_NO_KEY;
}

uintptr_t agent_pal(struct agent *agent) { return agent->command == AGENT_MAKE ? make(agent) : sign(agent); }
