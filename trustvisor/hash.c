// SPDX-License-Identifier: BSD-2-Clause
#include "hash.h"

#include <bearssl.h>

void hash_one(const void *data, uint32_t bytes, uint8_t out[TV_HASH_BYTES]) { hash_two(data, bytes, 0, 0, out); }

void hash_two(const void *first, uint32_t first_bytes, const void *second, uint32_t second_bytes, uint8_t out[TV_HASH_BYTES])
{
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, first, first_bytes);
    br_sha256_update(&context, second, second_bytes);
    br_sha256_out(&context, out);
}
