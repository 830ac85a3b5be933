// SPDX-License-Identifier: BSD-2-Clause
// A secret that only the Bulkhead that was measured gets from the TPM, the same at each boot. Nothing is stored: the TPM makes a *primary key* of its owner
// hierarchy's seed and of a template, in which the policy stands under which the key may be used: the PCRs as they are now. The secret is an HMAC by that key. So
//   another firmware, loader, kernel, partition or configuration has another key;
//   who comes later can have the same key made, but not used: the PCR of this loader has been extended once more (measure_close());
//   who owns the TPM can't put in a secret that he knows, nor an old one: there is no place to put it;
//   what TPM2_Clear makes of the owner's seed is another key: what was sealed by it stays shut.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/seed.h>

#include "tpm.h"

// SHA-256 bank. 0: firmware; 2: what firmware loads from devices; 4: boot manager and what it started, this loader the last; 7: Secure Boot; 8: what this
// loader measures, and nobody before it in this boot (TCG PC Client Platform Firmware Profile, 3.3.4 "PCR Usage").
#define TPM_PCR_BOOT 4u
#define TPM_PCR_OWN  8u
#define TPM_PCRS     (1u << 0 | 1u << 2 | 1u << TPM_PCR_BOOT | 1u << 7 | 1u << TPM_PCR_OWN)

#define TPM_WHY 96

struct tpm_seed {
    uint8_t policy[TPM_DIGEST_BYTES];
    uint32_t key;  // handle
};

// Makes the key. false, with the reason and nothing held in the TPM: there can be none.
bool tpm_seed_open(struct tpm *tpm, struct tpm_seed *seed, char why[TPM_WHY]);

// The secret of that name (1 to 64 characters). false with the reason.
bool tpm_seed_take(struct tpm *tpm, const struct tpm_seed *seed, const char *name, uint8_t secret[SEED_BYTES], char why[TPM_WHY]);

// The TPM drops the key.
void tpm_seed_close(struct tpm *tpm, const struct tpm_seed *seed);

// When TPM_PCR_OWN was extended: does the policy not hold any more? Else whoever comes next gets the secrets, too.
bool tpm_seed_shut(struct tpm *tpm, const struct tpm_seed *seed);

// Random bytes, as many as it gives (at most bytes).
uint32_t tpm_random(struct tpm *tpm, uint8_t *out, uint32_t bytes);

// Has it say something long, so that neither it nor who stands between holds on to an answer with a secret; and forgets that as well.
void tpm_overwrite(struct tpm *tpm);
