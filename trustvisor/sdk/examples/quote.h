// SPDX-License-Identifier: BSD-2-Clause
// The quoting PAL, and what goes in and out of it.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

struct quote {
    uint8_t nonce[TV_HASH_BYTES];            // in
    uint8_t signature[TV_SIGNATURE_BYTES];
    uint32_t composite_bytes, key_bytes;
    uint8_t composite[64], key[320];
    uint8_t unused[4];                       // whole words
};

// 0, or enum tv_result.
uintptr_t quote_pal(struct quote *quote);
