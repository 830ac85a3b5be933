// SPDX-License-Identifier: BSD-2-Clause
// The secret that the loader gives where there is a TPM: the keys that are derived from it are the same at each boot of the same Bulkhead.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/seed.h>

extern struct seed seed_given;  // in the state region, where the loader finds it by the header

// A key of 32 bytes for that purpose. false: no secret was given, out is untouched.
bool seed_key(const char *purpose, uint8_t out[SEED_BYTES]);

// When all keys are derived, and the noise is used.
void seed_forget(void);
