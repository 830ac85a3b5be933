// SPDX-License-Identifier: BSD-2-Clause
// What micro_tpm's PAL works on: a copy in its parameters' page.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

struct micro_tpm {
    uint8_t secret[32], opened[32], nonce[32], before[32], after[32], created[32];
    uint8_t blob[256], signature[TV_SIGNATURE_BYTES], composite[64], key[320], old_quote[1708];
    struct tv_pcr_info info;
    struct tv_selection selection;
    uint32_t old_selection[1 + TV_PCRS], bytes, capacity, zero;
};
_Static_assert(sizeof(struct micro_tpm) % 8 == 0, "whole words");

// 0, or which step was wrong.
uintptr_t pal_micro_tpm(struct micro_tpm *area);
