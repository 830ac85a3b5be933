// SPDX-License-Identifier: BSD-2-Clause
// Sealing: encrypt, then authenticate. The older forms authenticate first: they are kept for programs that know no others.
#include <bearssl.h>
#include <rt/string.h>

#include "random.h"
#include "seal_key.h"
#include "utpm.h"

#define BLOCK         16u
#define NO_PCR_BYTES  2u    // of a PCR info that selects nothing
#define OLD_NONCE     20u
#define OLD_PCR_AT    (OLD_NONCE + TV_HASH_BYTES)
#define OLD_LENGTH_AT (OLD_PCR_AT + TV_HASH_BYTES)
#define OLD_DATA_AT   (OLD_LENGTH_AT + 4)



static uint32_t round_up(uint32_t bytes) { return (bytes + BLOCK - 1) & ~(BLOCK - 1); }

static void authenticate(const uint8_t *data, uint32_t bytes, uint8_t out[TV_HASH_BYTES])
{
    br_hmac_key_context key;
    br_hmac_context context;
    br_hmac_key_init(&key, &br_sha256_vtable, seal_key_hmac(), TV_HASH_BYTES);
    br_hmac_init(&context, &key, 0);
    br_hmac_update(&context, data, bytes);
    br_hmac_out(&context, out);
}

// In a time that doesn't depend on where they differ.
static bool equal(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
    uint8_t difference = 0;
    for (uint32_t i = 0; i < bytes; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static void encrypt(const uint8_t iv[BLOCK], uint8_t *data, uint32_t bytes)
{
    br_aes_ct64_cbcenc_keys keys;
    uint8_t chain[BLOCK];
    memcpy(chain, iv, BLOCK);
    br_aes_ct64_cbcenc_init(&keys, seal_key_aes(), SEAL_KEY_AES_BYTES);
    br_aes_ct64_cbcenc_run(&keys, chain, data, bytes);
}

static void decrypt(const uint8_t iv[BLOCK], uint8_t *data, uint32_t bytes)
{
    br_aes_ct64_cbcdec_keys keys;
    uint8_t chain[BLOCK];
    memcpy(chain, iv, BLOCK);
    br_aes_ct64_cbcdec_init(&keys, seal_key_aes(), SEAL_KEY_AES_BYTES);
    br_aes_ct64_cbcdec_run(&keys, chain, data, bytes);
}

static enum tv_result digest_now(const struct utpm *utpm, const struct tv_selection *selection, uint8_t out[TV_HASH_BYTES])
{
    uint8_t composite[TV_COMPOSITE_MAX];
    const uint32_t bytes = utpm_composite(utpm, selection, composite);
    if (bytes == 0)
        return TV_BAD_PARAM;
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, composite, bytes);
    br_sha256_out(&context, out);
    return TV_OK;
}

enum tv_result utpm_seal(const struct utpm *utpm, const struct tv_pcr_info *info, const void *data, uint32_t bytes,
                         uint8_t out[TV_SEALED_MAX], uint32_t *out_bytes)
{
    struct tv_pcr_info full = *info;
    uint32_t used = BLOCK;
    if (bytes > TV_SEAL_DATA_MAX || (full.selection.bytes != 0 && full.selection.bytes != sizeof(full.selection.map)))
        return TV_BAD_PARAM;
    const uint32_t info_bytes = full.selection.bytes == 0 ? NO_PCR_BYTES : (uint32_t)sizeof(full);
    const uint32_t end = round_up(used + info_bytes + 4 + bytes);
    if (end + TV_HASH_BYTES > TV_SEALED_MAX)
        return TV_BAD_PARAM;
    if (full.selection.bytes != 0 && digest_now(utpm, &full.selection, full.at_creation) != TV_OK)
        return TV_BAD_PARAM;
    if (!random_bytes(out, BLOCK))
        return TV_INSUFFICIENT_ENTROPY;
    memcpy(&out[used], &full, info_bytes);
    used += info_bytes;
    memcpy(&out[used], &bytes, 4);
    memcpy(&out[used + 4], data, bytes);
    used += 4 + bytes;
    memset(&out[used], 0, end - used);
    encrypt(out, &out[BLOCK], end - BLOCK);
    authenticate(out, end, &out[end]);
    *out_bytes = end + TV_HASH_BYTES;
    return TV_OK;
}

enum tv_result utpm_unseal(const struct utpm *utpm, uint8_t *blob, uint32_t blob_bytes, uint32_t *at, uint32_t *bytes,
                           uint8_t at_creation[TV_HASH_BYTES])
{
    uint8_t check[TV_HASH_BYTES];
    if (blob_bytes < 2 * BLOCK + TV_HASH_BYTES || blob_bytes > TV_SEALED_MAX || (blob_bytes - TV_HASH_BYTES) % BLOCK != 0)
        return TV_BAD_PARAM;
    const uint32_t end = blob_bytes - TV_HASH_BYTES;
    authenticate(blob, end, check);
    if (!equal(check, &blob[end], TV_HASH_BYTES))
        return TV_BAD_PARAM;
    decrypt(blob, &blob[BLOCK], end - BLOCK);

    // What follows was written by utpm_seal: the key has shown it. It is checked all the same.
    struct tv_pcr_info info;
    memset(&info, 0, sizeof(info));
    memcpy(&info.selection.bytes, &blob[BLOCK], sizeof(info.selection.bytes));
    uint32_t used = BLOCK + NO_PCR_BYTES;
    if (info.selection.bytes != 0) {
        used = BLOCK + (uint32_t)sizeof(info);
        if (used + 4 > end)
            return TV_ERROR;
        memcpy(&info, &blob[BLOCK], sizeof(info));
        if (digest_now(utpm, &info.selection, check) != TV_OK)
            return TV_ERROR;
        if (!equal(check, info.at_release, TV_HASH_BYTES)) {
            memset(blob, 0, end);
            return TV_BAD_PARAM;
        }
    }
    uint32_t length;
    memcpy(&length, &blob[used], 4);
    if (length > end - used - 4)
        return TV_ERROR;
    memcpy(at_creation, info.at_creation, TV_HASH_BYTES);
    *at = used + 4;
    *bytes = length;
    return TV_OK;
}

enum tv_result utpm_seal_old(const uint8_t at_release[TV_HASH_BYTES], const void *data, uint32_t bytes, uint8_t out[TV_SEALED_MAX],
                             uint32_t *out_bytes)
{
    static const uint8_t no_iv[BLOCK];
    uint8_t check[TV_HASH_BYTES];
    if (bytes > TV_SEAL_DATA_MAX || round_up(OLD_DATA_AT + bytes) > TV_SEALED_MAX)
        return TV_BAD_PARAM;
    const uint32_t end = round_up(OLD_DATA_AT + bytes);
    if (!random_bytes(out, OLD_NONCE))
        return TV_INSUFFICIENT_ENTROPY;
    memset(&out[OLD_NONCE], 0, TV_HASH_BYTES);
    memcpy(&out[OLD_PCR_AT], at_release, TV_HASH_BYTES);
    memcpy(&out[OLD_LENGTH_AT], &bytes, 4);
    memcpy(&out[OLD_DATA_AT], data, bytes);
    memset(&out[OLD_DATA_AT + bytes], 0, end - OLD_DATA_AT - bytes);
    authenticate(out, end, check);
    memcpy(&out[OLD_NONCE], check, TV_HASH_BYTES);
    encrypt(no_iv, out, end);
    *out_bytes = end;
    return TV_OK;
}

enum tv_result utpm_unseal_old(const struct utpm *utpm, uint8_t *blob, uint32_t blob_bytes, uint32_t *at, uint32_t *bytes)
{
    static const uint8_t no_iv[BLOCK];
    uint8_t is[TV_HASH_BYTES], check[TV_HASH_BYTES];
    if (blob_bytes < round_up(OLD_DATA_AT) || blob_bytes > TV_SEALED_MAX || blob_bytes % BLOCK != 0)
        return TV_BAD_PARAM;
    decrypt(no_iv, blob, blob_bytes);
    memcpy(is, &blob[OLD_NONCE], TV_HASH_BYTES);
    memset(&blob[OLD_NONCE], 0, TV_HASH_BYTES);
    authenticate(blob, blob_bytes, check);
    uint32_t length;
    memcpy(&length, &blob[OLD_LENGTH_AT], 4);
    const bool good = equal(is, check, TV_HASH_BYTES) && equal(&blob[OLD_PCR_AT], utpm->pcr[0], TV_HASH_BYTES) &&
                      length <= blob_bytes - OLD_DATA_AT;
    if (!good) {
        memset(blob, 0, blob_bytes);
        return TV_BAD_PARAM;
    }
    *at = OLD_DATA_AT;
    *bytes = length;
    return TV_OK;
}
