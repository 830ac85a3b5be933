// SPDX-License-Identifier: BSD-2-Clause
// What the loader gives a partition that may hold secrets, where its header says so (cap.h), before it runs: a secret that is the same at each boot of the
// same Bulkhead on the same machine, and some of the TPM's randomness. It lies in the state region, which is scrubbed before a reset; who has
// read it should clear it.
#pragma once

#include <stdint.h>

#define SEED_BYTES 32u

enum seed_origin {
    SEED_NONE,     // nobody has given anything
    SEED_NO_TPM,   // there is no TPM 2.0
    SEED_UNUSABLE, // there is one, but no secret can be had from it: the loader has said why
    SEED_TPM,      // secret[] holds one
};

struct seed {
    uint32_t origin;       // enum seed_origin
    uint32_t noise_bytes;  // in use of noise[]
    uint8_t secret[SEED_BYTES];  // of this partition's alone, by its name; 0 where there is none
    uint8_t noise[SEED_BYTES];   // from the TPM's random number generator, another at each boot
};
_Static_assert(sizeof(struct seed) == 72, "no padding: all of it is written");
