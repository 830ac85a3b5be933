// SPDX-License-Identifier: BSD-2-Clause
#include "identity.h"

#include <bearssl.h>
#include <rt/state.h>
#include <rt/string.h>

#include "hash.h"
#include "random.h"
#include "seed.h"

#define KEY_BITS 2048
#define EXPONENT 65537

static struct state_lock lock;

// What br_rsa_i62_keygen fills; its pointers lead into the two buffers, which lie at fixed addresses: a reload keeps them.
STATE static struct {
    uint64_t made;
    br_rsa_private_key private_key;
    br_rsa_public_key public_key;
    uint8_t private_bytes[BR_RSA_KBUF_PRIV_SIZE(KEY_BITS)];
    uint8_t public_bytes[BR_RSA_KBUF_PUB_SIZE(KEY_BITS)];
} key;

// What it is made of, where it is that of the boots before: a message that fails in its midst makes it of the same once more.
STATE static struct { uint64_t given; uint8_t bytes[SEED_BYTES]; } origin;

void identity_start(void) { origin.given = seed_key("identity", origin.bytes); }

// The 64-bit engine where BearSSL was built with it.
static br_rsa_keygen maker(void)
{
    const br_rsa_keygen fast = br_rsa_i62_keygen_get();
    return fast ? fast : br_rsa_i31_keygen;
}

static br_rsa_pkcs1_sign signer(void)
{
    const br_rsa_pkcs1_sign fast = br_rsa_i62_pkcs1_sign_get();
    return fast ? fast : br_rsa_i31_pkcs1_sign;
}

static void make(const br_prng_class **generator)
{
    const uint32_t good = maker()(generator, &key.private_key, key.private_bytes, &key.public_key, key.public_bytes, KEY_BITS, EXPONENT);
    __atomic_store_n(&key.made, good, __ATOMIC_RELEASE);
}

bool identity_make(void)
{
    state_lock(&lock);
    if (!__atomic_load_n(&key.made, __ATOMIC_ACQUIRE)) {
        const br_prng_class **generator;
        if (origin.given) {
            br_hmac_drbg_context own;  // which gives the same bytes each time, and so the same primes
            br_hmac_drbg_init(&own, &br_sha256_vtable, origin.bytes, sizeof(origin.bytes));
            make(&own.vtable);
            memset(&own, 0, sizeof(own));
        } else if ((generator = random_take()) != NULL) {
            make(generator);
            random_release();
        }
    }
    state_unlock(&lock);
    return key.made;
}

enum tv_result identity_sign(const void *data, uint32_t bytes, uint8_t signature[TV_SIGNATURE_BYTES])
{
    uint8_t digest[TV_HASH_BYTES];
    if (!identity_make())
        return TV_INSUFFICIENT_ENTROPY;
    hash_one(data, bytes, digest);
    return signer()(BR_HASH_OID_SHA256, digest, sizeof(digest), &key.private_key, signature) ? TV_OK : TV_ERROR;
}

const uint8_t *identity_modulus(void) { return key.public_key.n; }

// An INTEGER; a leading zero where the first bit would be taken for a sign.
static uint32_t der_integer(uint8_t *out, const uint8_t *value, uint32_t bytes)
{
    const uint32_t length = bytes + (value[0] >> 7);
    uint32_t used = 0;
    out[used++] = 0x02;
    if (length > 0x7f) {
        out[used++] = 0x82;
        out[used++] = (uint8_t)(length >> 8);
    }
    out[used++] = (uint8_t)length;
    if (length != bytes)
        out[used++] = 0;
    memcpy(&out[used], value, bytes);
    return used + bytes;
}

uint32_t identity_public_der(uint8_t out[IDENTITY_DER_MAX])
{
    uint32_t used = 4;
    used += der_integer(&out[used], key.public_key.n, (uint32_t)key.public_key.nlen);
    used += der_integer(&out[used], key.public_key.e, (uint32_t)key.public_key.elen);
    out[0] = 0x30;
    out[1] = 0x82;
    out[2] = (uint8_t)((used - 4) >> 8);
    out[3] = (uint8_t)(used - 4);
    return used;
}
