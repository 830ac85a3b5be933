// SPDX-License-Identifier: BSD-2-Clause
// Secrets from a TPM, and TPMs that answer anything: no answer is taken for a secret, and nothing stays in the TPM.
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "noise.h"
#include "tpm_fake.h"

#define OPEN_COMMANDS 6u   // until the key is there
#define TAKE_COMMANDS 3u

static struct tpm tpm;
static struct tpm_fake fake;
static struct tpm_seed seed;
static uint8_t secret[SEED_BYTES];
static char why[TPM_WHY];

static bool all_of_it(void)
{
    why[0] = 0;
    memset(secret, 0, sizeof(secret));
    if (!tpm_seed_open(&tpm, &seed, why))
        return false;
    const bool taken = tpm_seed_take(&tpm, &seed, "trustvisor", secret, why);
    tpm_seed_close(&tpm, &seed);
    return taken;
}

static bool zero(const uint8_t *bytes, unsigned count)
{
    while (count > 0 && *bytes == 0)
        bytes++, count--;
    return count == 0;
}

TEST(a_tpm_gives_a_secret)
{
    tpm_fake_start(&tpm, &fake);
    CHECK(all_of_it());
    CHECK(!zero(secret, sizeof(secret)));
    CHECK_EQ(seed.policy[31], 0x50);
    CHECK(fake.sessions == 0 && fake.keys == 0);
    CHECK_EQ(fake.commands, OPEN_COMMANDS + TAKE_COMMANDS + 1);
    CHECK(why[0] == 0);
}

TEST(a_closed_pcr_is_told_from_an_open_one)
{
    tpm_fake_start(&tpm, &fake);
    CHECK(all_of_it());
    CHECK(!tpm_seed_shut(&tpm, &seed));
    fake.extended++;
    CHECK(tpm_seed_shut(&tpm, &seed));
    CHECK(fake.sessions == 0);
}

TEST(firmware_that_measures_nothing_gets_no_secret)
{
    tpm_fake_start(&tpm, &fake);
    fake.unmeasured = true;
    CHECK(!all_of_it());
    CHECK(strstr(why, "measured nothing") != NULL && fake.commands == 1);
}

static uint32_t error;
static void error_answer(uint8_t *response, uint32_t code)
{
    if (code == TPM_CC_START_AUTH_SESSION)
        fake.sessions--;
    if (code == TPM_CC_CREATE_PRIMARY)
        fake.keys--;
    if (code == TPM_CC_HMAC)
        fake.sessions++;  // it stays when the command fails
    memset(response, 0, 10);
    response[0] = 0x80;
    response[1] = 1;
    response[5] = 10;
    for (unsigned i = 0; i < 4; i++)
        response[6 + i] = (uint8_t)(error >> (24 - 8 * i));
}

static void said_at(uint32_t command, uint32_t code, const char *words)
{
    tpm_fake_start(&tpm, &fake);
    fake.change_at = command;
    fake.change = error_answer;
    error = code;
    CHECK(!all_of_it());
    if (strstr(why, words) == NULL)
        check_failed(__FILE__, __LINE__, why);
    CHECK(zero(secret, sizeof(secret)));
    CHECK(fake.sessions == 0 && fake.keys == 0);
}

TEST(each_error_is_told)
{
    said_at(1, 0x101, "TPM2_PCR_Read: error 0x101");
    said_at(2, 0x903, "TPM2_StartAuthSession: error 0x903");
    said_at(3, 0x1c4, "TPM2_PolicyPCR: error 0x1c4");
    said_at(4, 0x18b, "TPM2_PolicyGetDigest: error 0x18b");
    said_at(6, 0x9a2, "owner hierarchy has a password");
    said_at(6, 0x98e, "owner hierarchy has a password");
    said_at(6, 0x185, "owner hierarchy is switched off");
    said_at(6, 0x902, "TPM2_CreatePrimary: error 0x902");
    said_at(9, 0x99d, "TPM2_HMAC: error 0x99d");
    said_at(9, TPM_RC_COMMAND_CODE, "it has no TPM2_HMAC");
}

static void busy_answer(uint8_t *response, uint32_t code)
{
    fake.change_at++;  // the next time, too
    error = TPM_RC_RETRY;
    error_answer(response, code);
}

static void busy_once(uint8_t *response, uint32_t code)
{
    error = TPM_RC_TESTING;
    error_answer(response, code);
}

TEST(a_tpm_that_is_busy_is_asked_again_but_not_for_ever)
{
    tpm_fake_start(&tpm, &fake);
    fake.change_at = 6;
    fake.change = busy_once;
    CHECK(all_of_it());
    CHECK_EQ(fake.paused, 1);
    tpm_fake_start(&tpm, &fake);
    fake.change_at = 2;
    fake.change = busy_answer;
    CHECK(!tpm_seed_open(&tpm, &seed, why));
    CHECK_EQ(fake.commands, 1 + TPM_TRIES);
    CHECK(strstr(why, "0x922") != NULL);
}

static uint32_t length;
static void other_length(uint8_t *response, uint32_t code)
{
    (void)code;
    for (unsigned i = 0; i < 4; i++)
        response[2 + i] = (uint8_t)(length >> (24 - 8 * i));
}

// Shorter than what should be in it: of those answers that hold something.
TEST(an_answer_that_is_too_short_is_none)
{
    static const struct { uint32_t command, bytes; } answers[] = { { 1, 62 }, { 2, 14 }, { 4, 44 }, { 6, 14 }, { 9, 48 } };
    for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        for (length = 0; length < answers[i].bytes; length++) {
            tpm_fake_start(&tpm, &fake);
            fake.change_at = answers[i].command;
            fake.change = other_length;
            CHECK(!all_of_it());
            CHECK(strstr(why, "its answer is none") != NULL && zero(secret, sizeof(secret)));
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        length = i == 0 ? TPM_BYTES + 1 : 0xffffffff;
        tpm_fake_start(&tpm, &fake);
        fake.change_at = 9;
        fake.change = other_length;
        CHECK(!all_of_it() && zero(secret, sizeof(secret)));
    }
}

static void other_tag(uint8_t *response, uint32_t code)
{
    (void)code;
    response[1] ^= 3;  // with sessions for without, and back
}

static void other_digest_length(uint8_t *response, uint32_t code)
{
    response[code == TPM_CC_HMAC ? 15 : 11] = 31;
}

TEST(an_answer_of_another_form_is_none)
{
    for (uint32_t command = 1; command <= OPEN_COMMANDS + TAKE_COMMANDS; command++) {
        if (command == 5)
            continue;  // a session is dropped: nobody waits for that
        tpm_fake_start(&tpm, &fake);
        fake.change_at = command;
        fake.change = other_tag;
        CHECK(!all_of_it() && zero(secret, sizeof(secret)));
    }
    for (uint32_t command = 4; command <= 9; command += 5) {
        tpm_fake_start(&tpm, &fake);
        fake.change_at = command;
        fake.change = other_digest_length;
        CHECK(!all_of_it() && zero(secret, sizeof(secret)));
    }
}

TEST(random_bytes_come_in_pieces)
{
    uint8_t noise[SEED_BYTES + 1] = { 0 };
    for (uint32_t piece = 1; piece <= 32; piece += 5) {
        tpm_fake_start(&tpm, &fake);
        fake.random_piece = piece;
        CHECK_EQ(tpm_random(&tpm, noise, SEED_BYTES), SEED_BYTES);
        CHECK(noise[0] == 0x77 && noise[SEED_BYTES - 1] == 0x77 && noise[SEED_BYTES] == 0);
    }
    tpm_fake_start(&tpm, &fake);
    fake.random_piece = 0;
    CHECK_EQ(tpm_random(&tpm, noise, SEED_BYTES), 0);
    CHECK_EQ(fake.commands, 1);
}

static void more_than_asked(uint8_t *response, uint32_t code)
{
    (void)code;
    response[4] = 4;  // 1024 bytes, of which 1012 are
    response[5] = 0;
    response[10] = 1012 >> 8;
    response[11] = 1012 & 0xff;
}

TEST(more_random_bytes_than_asked_for_are_none)
{
    uint8_t *noise = malloc(SEED_BYTES);
    tpm_fake_start(&tpm, &fake);
    fake.change_at = 1;
    fake.change = more_than_asked;
    CHECK_EQ(tpm_random(&tpm, noise, SEED_BYTES), 0);
    free(noise);
}

static bool unreachable(struct tpm *to, const uint8_t *command, uint32_t bytes, uint8_t *response)
{
    (void)to, (void)command, (void)bytes, (void)response;
    return false;
}

TEST(a_tpm_that_cannot_be_asked_gives_nothing)
{
    tpm_fake_start(&tpm, &fake);
    tpm.submit = unreachable;
    CHECK(!all_of_it());
    CHECK(!tpm_seed_shut(&tpm, &seed));
    CHECK_EQ(tpm_random(&tpm, secret, SEED_BYTES), 0);
}

TEST(nothing_of_a_secret_stays_in_the_buffers)
{
    tpm_fake_start(&tpm, &fake);
    CHECK(all_of_it());
    tpm_overwrite(&tpm);
    CHECK(zero(tpm.command, TPM_BYTES) && zero(tpm.response, TPM_BYTES));
}
