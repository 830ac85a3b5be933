// SPDX-License-Identifier: BSD-2-Clause
#include "tpm_fake.h"

#include <string.h>

#include "check.h"

static uint8_t *at;

static void put(uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        *at++ = (uint8_t)(value >> (8 * bytes));
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | *from++;
    return value;
}

static void put_digest(uint8_t byte)
{
    put(32, 2);
    memset(at, byte, 32);
    at += 32;
}

static void answer(struct tpm_fake *fake, const uint8_t *command, uint32_t code)
{
    switch (code) {
    case TPM_CC_START_AUTH_SESSION:
        fake->sessions++;
        put(0x03000000, 4);
        put_digest(1);
        break;
    case TPM_CC_POLICY_GET_DIGEST: put_digest((uint8_t)(0x50 + fake->extended)); break;
    case TPM_CC_CREATE_PRIMARY:
        fake->keys++;
        put(0x80000000, 4);
        put(40, 4);
        put_digest(command[0x2c]);
        break;
    case TPM_CC_HMAC:
        fake->sessions--;  // it isn't to go on
        put(34, 4);
        put_digest((uint8_t)(0x90 + command[44]));
        break;
    case TPM_CC_FLUSH_CONTEXT: *(get(command + 10, 1) == 0x80 ? &fake->keys : &fake->sessions) -= 1; break;
    case TPM_CC_GET_RANDOM: {
        const uint64_t asked = get(command + 10, 2), some = asked < fake->random_piece ? asked : fake->random_piece;
        put(some, 2);
        memset(at, 0x77, some);
        at += some;
        break;
    }
    case TPM_CC_PCR_READ:
        put(9, 4);
        put(1, 4);
        put(TPM_ALG_SHA256, 2);
        put(3, 1);
        put(0x100000, 3);
        put(1, 4);
        put_digest(fake->unmeasured ? 0 : 4);
        break;
    default: break;
    }
}

static bool submit(struct tpm *tpm, const uint8_t *command, uint32_t bytes, uint8_t *response)
{
    struct tpm_fake *fake = tpm->context;
    const uint32_t code = (uint32_t)get(command + 6, 4);
    CHECK(bytes >= 10 && bytes <= TPM_BYTES);
    CHECK_EQ(get(command + 2, 4), bytes);
    fake->commands++;
    at = response + 10;
    answer(fake, command, code);
    const uint64_t length = (uint64_t)(at - response);
    at = response;
    put(get(command, 2), 2);
    put(length, 4);
    put(TPM_RC_SUCCESS, 4);
    if (fake->commands == fake->change_at)
        fake->change(response, code);
    return true;
}

static void pause(struct tpm *tpm) { ((struct tpm_fake *)tpm->context)->paused++; }

void tpm_fake_start(struct tpm *tpm, struct tpm_fake *fake)
{
    *fake = (struct tpm_fake){ .random_piece = 32 };
    *tpm = (struct tpm){ .submit = submit, .pause = pause, .context = fake };
}
