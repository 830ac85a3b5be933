// SPDX-License-Identifier: BSD-2-Clause
// bhctl load and unload: signatures as OpenSSL writes them, and damaged ones; what is handed over; what it says of Bulkhead's answers.

#include <stdlib.h>
#include <string.h>

#include <caps/status.h>

#include "../../../partitions/report/bhctl/load.h"
#include "check.h"

static char why[REGION_WHY];
static uint64_t signature[SIGNATURE_WORDS];

// Both numbers have a byte more, for their sign.
static const uint8_t der[] = {
    0x30, 0x46, 0x02, 0x21, 0x00, 0xba, 0x13, 0x66, 0x51, 0x7c, 0x68, 0x7b, 0x48, 0x03, 0x9a, 0x4a,
    0xee, 0x51, 0xf1, 0x9d, 0x6a, 0xd3, 0xb4, 0x51, 0xb1, 0x68, 0x70, 0xc0, 0x53, 0x6e, 0x7f, 0x24,
    0x51, 0x66, 0x40, 0xff, 0x7f, 0x02, 0x21, 0x00, 0x90, 0x34, 0x9f, 0xcd, 0x24, 0x44, 0xab, 0x11,
    0x08, 0x72, 0x4a, 0xb8, 0xf0, 0x5c, 0xf4, 0x4d, 0x8e, 0x70, 0x0c, 0x6d, 0xb5, 0x4c, 0x44, 0x4f,
    0xe7, 0x28, 0x75, 0x36, 0x5c, 0x8f, 0x20, 0xc3,
};

#define BAD "isn't one of ECDSA"
static bool bad(const uint8_t *text, size_t bytes)
{
    uint8_t *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, text, bytes);
    const char *wrong = load_signature(exact, bytes, signature);
    free(exact);
    return wrong && strstr(wrong, BAD);
}

TEST(signatures)
{
    CHECK(load_signature(der, sizeof(der), signature) == NULL);
    CHECK(memcmp(signature, &der[5], 32) == 0 && memcmp(&signature[4], &der[40], 32) == 0);
    static const uint8_t small[] = { 0x30, 7, 2, 1, 5, 2, 2, 0, 0x80 };
    CHECK(load_signature(small, sizeof(small), signature) == NULL);
    const uint8_t *raw = (const uint8_t *)signature;
    for (unsigned i = 0; i < 64; i++)
        CHECK_EQ(raw[i], i == 31 ? 5 : i == 63 ? 0x80 : 0);
    for (size_t bytes = 0; bytes < sizeof(der); bytes++)
        CHECK(bad(der, bytes));
    uint8_t changed[sizeof(der) + 1] = { 0 };
    memcpy(changed, der, sizeof(der));
    CHECK(bad(changed, sizeof(changed)));
    static const struct { uint8_t at, value; } wrong[] = { { 0, 0x31 }, { 1, 0x47 }, { 1, 0x45 }, { 1, 0x80 }, { 1, 0x81 }, { 1, 0xff }, { 2, 3 }, { 3, 0x20 }, { 3, 0x22 },
        { 3, 0 }, { 3, 0xff }, { 4, 1 }, { 4, 0x80 }, { 5, 0 }, { 37, 0x30 }, { 38, 0x22 }, { 38, 0x7f }, { 39, 0xff } };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(changed, der, sizeof(der));
        changed[wrong[i].at] = wrong[i].value;
        CHECK(bad(changed, sizeof(der)));
    }
    static const uint8_t empty[] = { 0x30, 4, 2, 0, 2, 0 }, three[] = { 0x30, 9, 2, 1, 5, 2, 1, 5, 2, 1, 5 };
    CHECK(bad(empty, sizeof(empty)) && bad(three, sizeof(three)));
}

// What Bulkhead gets, and says.
static struct { uint64_t number, rbx, rcx; uint8_t block[LOAD_BLOCK]; } got[8];
static unsigned calls, fails_at;
static uint64_t answer;
static uint64_t take(uint64_t number, uint64_t *rbx, uint64_t rcx, const uint64_t block[LOAD_BLOCK / sizeof(uint64_t)])
{
    got[calls].number = number, got[calls].rbx = *rbx, got[calls].rcx = rcx;
    memcpy(got[calls].block, block, LOAD_BLOCK);
    *rbx = 3;
    return calls++ == fails_at ? answer : STATUS_OK;
}

static const char *load(size_t bytes, unsigned at, uint64_t with)
{
    uint8_t *file = malloc(bytes);
    uint32_t partition = 9;
    for (size_t i = 0; i < bytes; i++)
        file[i] = (uint8_t)i;
    calls = 0, fails_at = at, answer = with;
    const char *wrong = load_file(take, file, bytes, signature, &partition, why);
    free(file);
    CHECK(wrong || partition == 3);
    return wrong;
}

TEST(a_file_is_handed_over)
{
    CHECK(load(130, 99, 0) == NULL);
    CHECK(calls == 4 && got[0].rbx == 0 && got[1].rbx == 64 && got[2].rbx == 128 && got[0].rcx == 64 && got[2].rcx == 2);
    CHECK(got[0].number == HYPERCALL_LOAD_BLOCK && got[2].block[1] == 129 && got[2].block[2] == 0 && got[1].block[63] == 127);
    CHECK(got[3].number == HYPERCALL_LOAD_BEGIN && memcmp(got[3].block, signature, LOAD_BLOCK) == 0);
    CHECK(load(128, 99, 0) == NULL && calls == 3 && got[1].rcx == 64);
    CHECK(strstr(load(130, 0, UINT32_MAX), "the partition verify is not loaded") && calls == 1);
    CHECK(strstr(load(130, 1, STATUS_BAD_STATE), "something else is being loaded") && calls == 2);
    CHECK(strstr(load(130, 3, STATUS_BAD_STATE), "loaded already"));
    CHECK(strstr(load(130, 3, STATUS_BUSY), "try again"));
    CHECK(strstr(load(130, 3, STATUS_DENIED), "not one by the load_key"));
    CHECK(strstr(load(130, 3, STATUS_BAD_IMAGE), "not that of a loadable partition"));
    CHECK(strstr(load(130, 3, STATUS_FAULTED), "does not start"));
    CHECK(strstr(load(130, 3, 77), "refuses it: status 77"));
}

TEST(a_name_is_handed_over)
{
    calls = 0, fails_at = 0, answer = STATUS_OK;
    CHECK(load_end(take, "trustvisor", why) == NULL && got[0].number == HYPERCALL_LOAD_END && strcmp((const char *)got[0].block, "trustvisor") == 0);
#define ENDS(with, expected) (calls = 0, fails_at = 0, answer = (with), strstr(load_end(take, "trustvisor", why), expected))
    CHECK(ENDS(STATUS_BUSY, "a PAL is registered"));
    CHECK(ENDS(STATUS_BAD_STATE, "it is not loaded"));
    CHECK(ENDS(STATUS_BAD_ARG, "no loadable partition 'trustvisor'"));
    CHECK(ENDS(UINT32_MAX, "verify is not loaded"));
    calls = 0;
    CHECK(load_end(take, "", why) && load_end(take, "abcdefghijklmnop", why) && calls == 0);
}
