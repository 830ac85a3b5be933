// SPDX-License-Identifier: BSD-2-Clause
// A TPM for tests: its answers are right until one is changed.
#pragma once

#include "../../../kernel/loader/tpm_seed.h"

struct tpm_fake {
    uint32_t commands;            // so many were sent
    uint32_t change_at;           // the answer to this one (from 1 on) is changed by:
    void (*change)(uint8_t *response, uint32_t code);
    bool unmeasured;              // PCR 4 holds zeros
    uint32_t extended;            // how often PCR 8 was
    uint32_t random_piece;        // GetRandom gives at most so many bytes
    uint32_t sessions, keys;      // that it holds
    uint32_t paused;
};
void tpm_fake_start(struct tpm *tpm, struct tpm_fake *fake);
