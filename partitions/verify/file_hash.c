// SPDX-License-Identifier: BSD-2-Clause
// By BearSSL's SHA-256, of which only those functions are used that Debian's library has without vector registers: these are the guest's. So it isn't
// br_sha256_init() that begins, nor br_sha256_out() that ends.
#include "file_hash.h"

#include <bearssl.h>
#include <rt/string.h>

// FIPS 180-4 5.3.3 "SHA-256", initial hash value.
static const uint8_t initial[LOAD_HASH_BYTES] = {
    0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a,
    0x51, 0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19,
};

#define LENGTH_AT (LOAD_BLOCK - sizeof(uint64_t))

void file_hash_begin(struct file_hash *hash)
{
    memcpy(hash->state, initial, sizeof(initial));
    hash->bytes = hash->complete = 0;
}

// FIPS 180-4 5.1.1 "SHA-1, SHA-224 and SHA-256": a bit 1, zeroes, the length in bits.
static void pad(br_sha256_context *context, uint64_t bytes)
{
    static const uint8_t zeroes[LOAD_BLOCK];
    const uint32_t behind = (uint32_t)(bytes + 1) % LOAD_BLOCK;  // of the bit's byte
    const uint64_t bits = __builtin_bswap64(bytes * 8);
    br_sha256_update(context, "\x80", 1);
    br_sha256_update(context, zeroes, behind <= LENGTH_AT ? LENGTH_AT - behind : LOAD_BLOCK - behind + LENGTH_AT);
    br_sha256_update(context, &bits, sizeof(bits));
}

static void add(struct file_hash *hash, const void *block, uint32_t bytes, bool last)
{
    br_sha256_context context;
    br_sha256_set_state(&context, hash->state, hash->bytes);
    br_sha256_update(&context, block, bytes);
    hash->bytes += bytes;
    if (last)
        pad(&context, hash->bytes);
    br_sha256_state(&context, hash->state);
    hash->complete = last;
}

void file_hash_add(struct file_hash *hash, const void *block, uint32_t bytes) { add(hash, block, bytes, bytes < LOAD_BLOCK); }

void file_hash_end(struct file_hash *hash)
{
    if (!hash->complete)
        add(hash, "", 0, true);
}
