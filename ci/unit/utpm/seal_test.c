// SPDX-License-Identifier: BSD-2-Clause
// Blobs and PCRs against values that another implementation of SHA-256, HMAC, HMAC-DRBG and AES-CBC computed from the same inputs.
#include <string.h>

#include "../../../trustvisor/hash.h"
#include "../../../trustvisor/random.h"
#include "../../../trustvisor/seal_key.h"
#include "../../../trustvisor/utpm.h"
#include "../check.h"
#include "entropy_fake.h"

static const uint8_t pcr3_expected[] = {
    0xde, 0xbb, 0x3e, 0x7a, 0xcf, 0xff, 0x6d, 0xd1, 0x8d, 0x50, 0x10, 0x42, 0x27, 0x36, 0x29, 0xf0,
    0xb7, 0x9c, 0xb2, 0x06, 0xbb, 0x8c, 0x24, 0xf5, 0x9f, 0x62, 0xdd, 0xb8, 0x08, 0x49, 0x40, 0x3b,
};
static const uint8_t blob_expected[] = {
    0x6e, 0xce, 0xfb, 0x96, 0x58, 0x7e, 0x9b, 0xf8, 0x72, 0xc4, 0xeb, 0xca, 0xce, 0x2b, 0x60, 0x9c,
    0x95, 0x8c, 0x6b, 0x8e, 0xcd, 0x83, 0xf6, 0x04, 0x9d, 0x63, 0x31, 0xeb, 0xbe, 0x88, 0xcd, 0x1a,
    0xc4, 0x48, 0x2e, 0x8b, 0x0f, 0x23, 0x9b, 0x4e, 0xf0, 0xbe, 0x88, 0x52, 0xb1, 0x94, 0xe7, 0xd5,
    0xa0, 0x31, 0x84, 0x4e, 0x75, 0xc1, 0xb8, 0x23, 0x40, 0x69, 0xa7, 0xb1, 0xcc, 0x46, 0x60, 0x4b,
    0x76, 0x0b, 0xf1, 0xba, 0xbd, 0x40, 0x43, 0x34, 0x4d, 0x8b, 0x18, 0x77, 0xc9, 0x38, 0xb7, 0x86,
    0x06, 0x5f, 0x4c, 0xa2, 0xd7, 0x29, 0xcc, 0x5a, 0x83, 0x10, 0xea, 0x5e, 0x05, 0x88, 0x32, 0xc9,
    0x78, 0x20, 0x60, 0xf6, 0x8b, 0xa3, 0xc4, 0x87, 0x13, 0xc9, 0x40, 0x4a, 0x33, 0x07, 0xdc, 0x5c,
    0xe6, 0xb2, 0x76, 0xc0, 0xac, 0x65, 0x84, 0x32, 0xe6, 0x32, 0xc4, 0x14, 0x9c, 0xd3, 0xee, 0xbe,
    0x2e, 0x72, 0xff, 0x15, 0x66, 0x9f, 0x92, 0x47, 0xe6, 0xee, 0x7a, 0x90, 0x2f, 0x45, 0x0c, 0xf3,
};
static const uint8_t old_expected[] = {
    0xda, 0x2a, 0xbe, 0xd3, 0xb4, 0xe9, 0xa9, 0x8c, 0x23, 0xe0, 0xea, 0xad, 0x21, 0x44, 0xdd, 0x89,
    0xea, 0x58, 0x3b, 0x2b, 0x4d, 0x26, 0xfb, 0x08, 0xcd, 0xe6, 0x77, 0x52, 0x17, 0x99, 0x03, 0xe4,
    0x43, 0xcf, 0xbb, 0x37, 0x6d, 0x5c, 0x27, 0x2b, 0x8f, 0x69, 0x1e, 0x64, 0x7a, 0x89, 0xa8, 0x5a,
    0xf6, 0x3e, 0x4c, 0xe9, 0xa3, 0x98, 0x5c, 0x47, 0x1a, 0x11, 0xcd, 0xd5, 0x94, 0x9c, 0x38, 0x13,
    0x99, 0xb1, 0x8a, 0x02, 0x26, 0xaf, 0x99, 0x3e, 0x2c, 0x4a, 0x89, 0x8a, 0x7c, 0x15, 0x67, 0x68,
    0xbd, 0xbf, 0xd9, 0x00, 0xd6, 0x34, 0x1b, 0xd6, 0xd7, 0x40, 0x3b, 0x9f, 0x51, 0x9c, 0xdc, 0x5b,
    0x85, 0x0a, 0x41, 0xb3, 0xb1, 0x56, 0x5f, 0xe3, 0xb7, 0xa3, 0x10, 0xb4, 0x3f, 0xc2, 0xac, 0x9c,
};

static const char secret[] = "a secret of some bytes";
#define SECRET_BYTES (sizeof(secret) - 1)

static struct utpm utpm;
static uint8_t blob[TV_SEALED_MAX];
static uint32_t blob_bytes, at, bytes;
static uint8_t creation[TV_HASH_BYTES];

static void extend(uint32_t pcr, uint8_t with)
{
    uint8_t measurement[TV_HASH_BYTES];
    memset(measurement, with, sizeof(measurement));
    CHECK_EQ(utpm_extended(&utpm, pcr, measurement, utpm.pcr[pcr]), TV_OK);
}

// PCR 3 and 31, as they are now.
static struct tv_pcr_info info_now(void)
{
    struct tv_pcr_info info = { .selection = { 4, { 8, 0, 0, 0x80 } } };
    uint8_t composite[TV_COMPOSITE_MAX];
    hash_one(composite, utpm_composite(&utpm, &info.selection, composite), info.at_release);
    return info;
}

static void start(void)
{
    uint8_t master[SEAL_KEY_MASTER_BYTES];
    for (unsigned i = 0; i < sizeof(master); i++)
        master[i] = (uint8_t)i;
    seal_key_set(master);
    extend(3, 0xab);
}

TEST(pcr_is_the_hash_of_pcr_and_measurement)
{
    start();
    CHECK(memcmp(utpm.pcr[3], pcr3_expected, sizeof(pcr3_expected)) == 0);
}

TEST(pcr_out_of_range_is_refused)
{
    uint8_t out[TV_HASH_BYTES], measurement[TV_HASH_BYTES] = { 0 };
    CHECK_EQ(utpm_extended(&utpm, TV_PCRS, measurement, out), TV_PCR_OUT_OF_RANGE);
    CHECK_EQ(utpm_extended(&utpm, 0xffffffff, measurement, out), TV_PCR_OUT_OF_RANGE);
}

TEST(sealed_blob_is_byte_exact)
{
    start();
    const struct tv_pcr_info info = info_now();
    CHECK_EQ(utpm_seal(&utpm, &info, secret, SECRET_BYTES, blob, &blob_bytes), TV_OK);
    CHECK_EQ(blob_bytes, sizeof(blob_expected));
    CHECK(memcmp(blob, blob_expected, blob_bytes) == 0);
}

TEST(old_sealed_blob_is_byte_exact)
{
    start();
    CHECK_EQ(utpm_seal_old(utpm.pcr[0], secret, SECRET_BYTES, blob, &blob_bytes), TV_OK);
    CHECK_EQ(blob_bytes, sizeof(old_expected));
    CHECK(memcmp(blob, old_expected, blob_bytes) == 0);
}

static enum tv_result unseal_expected(void)
{
    memcpy(blob, blob_expected, sizeof(blob_expected));
    return utpm_unseal(&utpm, blob, sizeof(blob_expected), &at, &bytes, creation);
}

TEST(unseals_what_was_sealed)
{
    start();
    const struct tv_pcr_info info = info_now();
    CHECK_EQ(unseal_expected(), TV_OK);
    CHECK_EQ(bytes, SECRET_BYTES);
    CHECK(memcmp(&blob[at], secret, bytes) == 0);
    CHECK(memcmp(creation, info.at_release, sizeof(creation)) == 0);
}

TEST(unseal_needs_the_pcrs)
{
    start();
    extend(31, 1);
    CHECK_EQ(unseal_expected(), TV_BAD_PARAM);
    for (unsigned i = 0; i + SECRET_BYTES <= sizeof(blob_expected) - TV_HASH_BYTES; i++)
        CHECK(memcmp(&blob[i], secret, SECRET_BYTES) != 0);  // nothing of it is left for who ignores the error
}

TEST(unseal_does_not_care_for_other_pcrs)
{
    start();
    extend(0, 1);
    extend(30, 1);
    CHECK_EQ(unseal_expected(), TV_OK);
}

TEST(unseal_finds_every_changed_bit)
{
    start();
    for (unsigned bit = 0; bit < sizeof(blob_expected) * 8; bit++) {
        memcpy(blob, blob_expected, sizeof(blob_expected));
        blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_EQ(utpm_unseal(&utpm, blob, sizeof(blob_expected), &at, &bytes, creation), TV_BAD_PARAM);
    }
}

TEST(unseal_refuses_every_other_length)
{
    start();
    for (uint32_t length = 0; length < sizeof(blob); length++) {
        memcpy(blob, blob_expected, sizeof(blob_expected));
        if (length != sizeof(blob_expected))
            CHECK_EQ(utpm_unseal(&utpm, blob, length, &at, &bytes, creation), TV_BAD_PARAM);
    }
    CHECK_EQ(utpm_unseal(&utpm, blob, TV_SEALED_MAX + 16, &at, &bytes, creation), TV_BAD_PARAM);
    CHECK_EQ(utpm_unseal(&utpm, blob, 0xfffffff0, &at, &bytes, creation), TV_BAD_PARAM);
}

TEST(unseal_needs_the_key)
{
    start();
    static const uint8_t other[SEAL_KEY_MASTER_BYTES] = { 1 };
    seal_key_set(other);
    CHECK_EQ(unseal_expected(), TV_BAD_PARAM);
}

TEST(seal_without_pcrs)
{
    start();
    static const struct tv_pcr_info none;
    CHECK_EQ(utpm_seal(&utpm, &none, secret, SECRET_BYTES, blob, &blob_bytes), TV_OK);
    CHECK_EQ(blob_bytes, 16 + 32 + 32);
    extend(3, 1);
    CHECK_EQ(utpm_unseal(&utpm, blob, blob_bytes, &at, &bytes, creation), TV_OK);
    CHECK_EQ(bytes, SECRET_BYTES);
    CHECK(memcmp(&blob[at], secret, bytes) == 0);
}

TEST(seals_up_to_the_limit)
{
    static uint8_t data[4096], clear[TV_SEALED_MAX];
    static const struct tv_pcr_info none;
    start();
    memset(data, 0x5a, sizeof(data));
    for (uint32_t length = 0; length < sizeof(data); length++) {
        const bool fits = length <= TV_SEAL_DATA_MAX && ((2 + 4 + length + 15) & ~15u) + 16 + 32 <= TV_SEALED_MAX;
        CHECK_EQ(utpm_seal(&utpm, &none, data, length, blob, &blob_bytes), fits ? TV_OK : TV_BAD_PARAM);
        if (fits && length % 97 == 0) {
            memcpy(clear, blob, blob_bytes);
            CHECK_EQ(utpm_unseal(&utpm, clear, blob_bytes, &at, &bytes, creation), TV_OK);
            CHECK_EQ(bytes, length);
        }
    }
    CHECK_EQ(utpm_seal(&utpm, &none, data, 0xffffffff, blob, &blob_bytes), TV_BAD_PARAM);
}

TEST(seal_refuses_malformed_selections)
{
    start();
    for (uint32_t length = 1; length < 0x10000; length++) {
        const struct tv_pcr_info info = { .selection = { (uint16_t)length, { 1, 0, 0, 0 } } };
        if (length != 4)
            CHECK_EQ(utpm_seal(&utpm, &info, secret, SECRET_BYTES, blob, &blob_bytes), TV_BAD_PARAM);
    }
}

TEST(composite_refuses_malformed_selections)
{
    uint8_t out[TV_COMPOSITE_MAX];
    const struct tv_selection all = { 4, { 0xff, 0xff, 0xff, 0xff } }, none = { 0, { 0xff, 0, 0, 0 } }, long_one = { 5, { 0 } };
    CHECK_EQ(utpm_composite(&utpm, &all, out), TV_COMPOSITE_MAX);
    CHECK_EQ(utpm_composite(&utpm, &none, out), 6);
    CHECK_EQ(utpm_composite(&utpm, &long_one, out), 0);
}

TEST(old_unseal_needs_pcr_0_and_finds_changes)
{
    start();
    memcpy(blob, old_expected, sizeof(old_expected));
    CHECK_EQ(utpm_unseal_old(&utpm, blob, sizeof(old_expected), &at, &bytes), TV_OK);
    CHECK_EQ(bytes, SECRET_BYTES);
    CHECK(memcmp(&blob[at], secret, bytes) == 0);
    for (unsigned bit = 0; bit < sizeof(old_expected) * 8; bit++) {
        memcpy(blob, old_expected, sizeof(old_expected));
        blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_EQ(utpm_unseal_old(&utpm, blob, sizeof(old_expected), &at, &bytes), TV_BAD_PARAM);
    }
    extend(0, 1);
    memcpy(blob, old_expected, sizeof(old_expected));
    CHECK_EQ(utpm_unseal_old(&utpm, blob, sizeof(old_expected), &at, &bytes), TV_BAD_PARAM);
}

TEST(no_entropy_no_blob)
{
    start();
    entropy_missing = true;
    const struct tv_pcr_info info = info_now();
    CHECK_EQ(utpm_seal(&utpm, &info, secret, SECRET_BYTES, blob, &blob_bytes), TV_INSUFFICIENT_ENTROPY);
    CHECK_EQ(utpm_seal_old(utpm.pcr[0], secret, SECRET_BYTES, blob, &blob_bytes), TV_INSUFFICIENT_ENTROPY);
    CHECK(!seal_key_make());
}

TEST(random_is_seeded_again_in_time)
{
    uint8_t byte;
    for (uint32_t i = 0; i < RANDOM_RESEED; i++)
        CHECK(random_bytes(&byte, 1));
    CHECK_EQ(entropy_calls, 1);
    CHECK(random_bytes(&byte, 1));
    CHECK_EQ(entropy_calls, 2);
}
