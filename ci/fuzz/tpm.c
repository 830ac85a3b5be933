// SPDX-License-Identifier: BSD-2-Clause
// A TPM that answers anything: each answer is so much of the input, laid over a buffer of the size that the loader has.
#include "../../kernel/loader/tpm_seed.h"

#include <stdlib.h>

#include "check.h"
#include "input.h"

static bool submit(struct tpm *tpm, const uint8_t *command, uint32_t bytes, uint8_t *response)
{
    struct input *input = tpm->context;
    CHECK(bytes >= 10 && bytes <= TPM_BYTES);
    const uint64_t how = take(input, 1), length = how & 0x40 ? take(input, 2) : 10 + (how & 0x3f);
    if (how == 0xff)
        return false;
    for (unsigned i = 0; i < (how & 0x3f) + 10 && i < TPM_BYTES; i++)
        response[i] = (uint8_t)take(input, 1);
    if (how & 0x80) {  // else nearly none would get past the header
        response[0] = command[0];
        response[1] = command[1];
        memset(&response[6], 0, 4);
        for (unsigned i = 0; i < 4; i++)
            response[2 + i] = (uint8_t)(length >> (24 - 8 * i));
    }
    return true;
}

static void pause(struct tpm *tpm) { (void)tpm; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = { data, bytes };
    struct tpm *tpm = calloc(1, sizeof(*tpm));  // where the address sanitizer sees what is read or written behind its end
    struct tpm_seed seed;
    char why[TPM_WHY];
    uint8_t *secret = calloc(1, SEED_BYTES);
    *tpm = (struct tpm){ .submit = submit, .pause = pause, .context = &input };
    if (tpm_seed_open(tpm, &seed, why)) {
        if (!tpm_seed_take(tpm, &seed, "trustvisor", secret, why)) {
            for (unsigned i = 0; i < SEED_BYTES; i++)
                CHECK(secret[i] == 0);
            CHECK(strnlen(why, TPM_WHY) > 0 && strnlen(why, TPM_WHY) < TPM_WHY);
        }
        tpm_seed_close(tpm, &seed);
        (void)tpm_seed_shut(tpm, &seed);
    } else {
        CHECK(strnlen(why, TPM_WHY) > 0 && strnlen(why, TPM_WHY) < TPM_WHY);
    }
    CHECK(tpm_random(tpm, secret, SEED_BYTES) <= SEED_BYTES);
    tpm_overwrite(tpm);
    free(secret);
    free(tpm);
    return 0;
}
