// SPDX-License-Identifier: BSD-2-Clause
// The keys that data is sealed with: both derived from one master secret. They never leave the partition.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEAL_KEY_AES_BYTES    16u
#define SEAL_KEY_HMAC_BYTES   32u
#define SEAL_KEY_MASTER_BYTES 32u

// Takes the master secret from the seed, where there is one: that of the boots before. Else a new one from the random generator: what was sealed before can't be
// unsealed any more. false: no entropy.
bool seal_key_make(void);
// Takes the master secret of an earlier boot.
void seal_key_set(const uint8_t master[SEAL_KEY_MASTER_BYTES]);

const uint8_t *seal_key_aes(void);
const uint8_t *seal_key_hmac(void);
