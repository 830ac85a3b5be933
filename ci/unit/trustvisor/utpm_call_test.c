// SPDX-License-Identifier: BSD-2-Clause
// The micro-TPM's calls, the oldest forms too, as 32- and 64-bit PALs make them: where their buffers lie, what comes back, and what doesn't.
#include <string.h>

#include "../../../trustvisor/pal.h"
#include "program.h"

#define IN_AT     (DATA_PAGE + 0x10)   // buffers' descriptions
#define OUT_AT    (DATA_PAGE + 0x20)
#define MORE_AT   (DATA_PAGE + 0x30)
#define SIZE_AT   (DATA_PAGE + 0x80)   // of what goes out
#define INFO_AT   (DATA_PAGE + 0x100)
#define SECRET_AT (DATA_PAGE + 0x200)
#define BLOB_AT   (DATA_PAGE + 0x300)
#define OPENED_AT (DATA_PAGE + 0x700)
#define NONCE_AT  (DATA_PAGE + 0x800)
#define OLD_AT    (DATA_PAGE + 0xa00)
#define LONG_AT   (STACK_PAGE + 0x100)

static unsigned rights;
static uint32_t word;

static uint8_t *inside(uint64_t address) { return pal_sees(0, address, &rights); }
static void put32(uint64_t at, uint32_t value) { memcpy(inside(at), &value, sizeof(value)); }
static uint32_t get32(uint64_t at)
{
    uint32_t value;
    memcpy(&value, inside(at), sizeof(value));
    return value;
}

static void buffer(uint64_t at, uint64_t address, uint64_t value)
{
    const struct tv_buffer32 narrow = { (uint32_t)address, (uint32_t)value };
    const struct tv_buffer64 wide = { address, value };
    memcpy(inside(at), word == 8 ? (const void *)&wide : &narrow, word == 8 ? sizeof(wide) : sizeof(narrow));
}

static void pal_starts(uint32_t width)
{
    word = width;
    program_start(width);
    CHECK_EQ(program_register(), 0);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    memset(inside(DATA_PAGE), 0, PAGE_BYTES);
    memset(inside(STACK_PAGE), 0, 0x800);
    memcpy(inside(SECRET_AT), "a secret", 8);
}

// With the upper halves of registers full of what a 32-bit PAL doesn't say.
static uint64_t ask(uint64_t number, uint64_t ecx, uint64_t edx, uint64_t esi, uint64_t edi)
{
    const uint64_t dirt = word == 8 ? 0 : 0x5ec4e7ull << 32;
    return pal_hypercall(number, ecx | dirt, edx | dirt, esi | dirt, edi | dirt);
}

static void sealed_the_old_way(uint32_t width)
{
    pal_starts(width);
    buffer(IN_AT, SECRET_AT, 8);
    buffer(OUT_AT, BLOB_AT, SIZE_AT);
    CHECK_EQ(ask(TV_CALL_SEAL_OLD, IN_AT, 0, OUT_AT, 0), TV_OK);  // for its own PCR 0
    buffer(IN_AT, BLOB_AT, get32(SIZE_AT));
    buffer(OUT_AT, OPENED_AT, SIZE_AT);
    CHECK_EQ(ask(TV_CALL_UNSEAL_OLD, IN_AT, OUT_AT, 0, 0), TV_OK);
    CHECK_EQ(get32(SIZE_AT), 8);
    CHECK(memcmp(inside(OPENED_AT), "a secret", 8) == 0);
    CHECK(memcmp(inside(BLOB_AT), "a secret", 8) != 0);
    // For a PAL that it isn't.
    buffer(IN_AT, SECRET_AT, 8);
    buffer(OUT_AT, BLOB_AT, SIZE_AT);
    memset(inside(NONCE_AT), 0x77, TV_HASH_BYTES);
    CHECK_EQ(ask(TV_CALL_SEAL_OLD, IN_AT, NONCE_AT, OUT_AT, 0), TV_OK);
    buffer(IN_AT, BLOB_AT, get32(SIZE_AT));
    memset(inside(OPENED_AT), 0, 8);
    buffer(OUT_AT, OPENED_AT, SIZE_AT);
    CHECK(ask(TV_CALL_UNSEAL_OLD, IN_AT, OUT_AT, 0, 0) != TV_OK);
    CHECK_EQ(*inside(OPENED_AT), 0);
}
TEST(a_pal_seals_the_old_way) { sealed_the_old_way(8); }
TEST(a_32_bit_pal_seals_the_old_way) { sealed_the_old_way(4); }

static void sealed(uint32_t width)
{
    pal_starts(width);
    buffer(IN_AT, SECRET_AT, 8);
    buffer(OUT_AT, BLOB_AT, SIZE_AT);
    CHECK_EQ(ask(TV_CALL_SEAL, IN_AT, INFO_AT, OUT_AT, 0), TV_OK);
    buffer(IN_AT, BLOB_AT, get32(SIZE_AT));
    buffer(OUT_AT, OPENED_AT, SIZE_AT);
    CHECK_EQ(ask(TV_CALL_UNSEAL, IN_AT, OUT_AT, NONCE_AT, 0), TV_OK);
    CHECK(memcmp(inside(OPENED_AT), "a secret", 8) == 0);
}
TEST(a_32_bit_pal_seals) { sealed(4); }
TEST(a_64_bit_pal_seals) { sealed(8); }

// All of it is the PAL's own; there is no room for it.
static void larger_inputs_are_refused(uint32_t width)
{
    static const uint64_t number[] = { TV_CALL_SEAL_OLD, TV_CALL_UNSEAL_OLD, TV_CALL_SEAL, TV_CALL_UNSEAL };
    pal_starts(width);
    buffer(OUT_AT, STACK_PAGE, STACK_PAGE);
    for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
        const bool seals = number[i] == TV_CALL_SEAL_OLD || number[i] == TV_CALL_SEAL;
        const uint64_t room = seals ? TV_SEAL_DATA_MAX : TV_SEALED_MAX;
        buffer(IN_AT, DATA_PAGE, room + 1);
        CHECK_EQ(ask(number[i], IN_AT, seals ? INFO_AT : OUT_AT, OUT_AT, 0), TV_BAD_PARAM);
        buffer(IN_AT, DATA_PAGE, PAGE_BYTES);
        CHECK_EQ(ask(number[i], IN_AT, seals ? INFO_AT : OUT_AT, OUT_AT, 0), TV_BAD_PARAM);
        buffer(IN_AT, DATA_PAGE, 0xffffffff);
        CHECK_EQ(ask(number[i], IN_AT, seals ? INFO_AT : OUT_AT, OUT_AT, 0), TV_BAD_PARAM);
    }
}
TEST(inputs_larger_than_the_room_for_them_are_refused) { larger_inputs_are_refused(8); }
TEST(inputs_of_32_bit_pals_larger_than_the_room_for_them_are_refused) { larger_inputs_are_refused(4); }

static void random_bytes_come(uint32_t width)
{
    pal_starts(width);
    put32(SIZE_AT, TV_RANDOM_MAX + 1);
    CHECK_EQ(ask(TV_CALL_RANDOM, LONG_AT, SIZE_AT, 0, 0), TV_BAD_PARAM);
    put32(SIZE_AT, 700);  // more than a piece
    memset(inside(LONG_AT), 0, 0x300);
    CHECK_EQ(ask(TV_CALL_RANDOM, LONG_AT, SIZE_AT, 0, 0), TV_OK);
    CHECK(get32(LONG_AT) != 0 && get32(LONG_AT + 696) != 0 && get32(LONG_AT) != get32(LONG_AT + 696));
    CHECK_EQ(get32(LONG_AT + 700), 0);
    CHECK_EQ(ask(TV_CALL_RANDOM, BUFFER_PAGE, SIZE_AT, 0, 0), TV_BAD_PARAM);  // not its own
    CHECK_EQ(ask(TV_CALL_RANDOM, LONG_AT, CODE_PAGE, 0, 0), TV_BAD_PARAM);    // a size of 0x90909090
}
TEST(a_pal_gets_random_bytes) { random_bytes_come(8); }
TEST(a_32_bit_pal_gets_random_bytes) { random_bytes_come(4); }

// Without a good description there is no quote, nor is a key made for one.
static void quoted_badly(uint32_t width)
{
    pal_starts(width);
    struct tv_selection selection = { 4, { 1, 0, 0, 0 } };
    memcpy(inside(INFO_AT), &selection, sizeof(selection));
    buffer(OUT_AT, BLOB_AT, SIZE_AT);
    buffer(MORE_AT, OPENED_AT, SIZE_AT);
    put32(SIZE_AT, 4);  // too small for a composite
    CHECK_EQ(ask(TV_CALL_QUOTE, INFO_AT, OUT_AT, NONCE_AT, MORE_AT), TV_BAD_PARAM);
    CHECK(get32(SIZE_AT) > TV_HASH_BYTES);  // so much it takes
    CHECK_EQ(ask(TV_CALL_QUOTE, INFO_AT, OUT_AT, BUFFER_PAGE, MORE_AT), TV_BAD_PARAM);
    put32(INFO_AT, TV_PCRS + 1);  // of an old quote: at most as many as there are
    CHECK_EQ(ask(TV_CALL_QUOTE_OLD, INFO_AT, OUT_AT, NONCE_AT, 0), TV_BAD_PARAM);
    put32(INFO_AT, 1);
    put32(INFO_AT + 4, TV_PCRS);
    CHECK(ask(TV_CALL_QUOTE_OLD, INFO_AT, OUT_AT, NONCE_AT, 0) != TV_OK);
    CHECK_EQ(ask(TV_CALL_PUBLIC_KEY, 0, BUFFER_PAGE, 0, 0), TV_BAD_PARAM);
}
TEST(a_malformed_quote_is_refused) { quoted_badly(8); }
TEST(a_malformed_quote_of_a_32_bit_pal_is_refused) { quoted_badly(4); }

// The largest one, which lies across a border of pages.
static void quoted_the_old_way(uint32_t width)
{
    const uint32_t head = 8 + 4 + TV_PCRS * 4, bytes = head + TV_PCRS * TV_HASH_BYTES + TV_HASH_BYTES + 2 * TV_SIGNATURE_BYTES;
    pal_starts(width);
    memset(inside(NONCE_AT), 0x6e, TV_HASH_BYTES);
    for (uint32_t i = 0; i < TV_PCRS; i++) {
        CHECK_EQ(ask(TV_CALL_PCR_EXTEND, i, NONCE_AT, 0, 0), TV_OK);
        put32(INFO_AT + 4 + 4 * i, TV_PCRS - 1 - i);
    }
    put32(INFO_AT, TV_PCRS);
    buffer(OUT_AT, OLD_AT, SIZE_AT);
    CHECK_EQ(ask(TV_CALL_QUOTE_OLD, INFO_AT, OUT_AT, NONCE_AT, 0), TV_OK);
    CHECK_EQ(get32(SIZE_AT), bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        const uint32_t pcr = i - head;
        if (i >= 8 && i < head)
            CHECK_EQ(*inside(OLD_AT + i), *inside(INFO_AT + i - 8));
        else if (i >= head && pcr < TV_PCRS * TV_HASH_BYTES)
            CHECK_EQ(*inside(OLD_AT + i), pal_table[0].utpm.pcr[TV_PCRS - 1 - pcr / TV_HASH_BYTES][pcr % TV_HASH_BYTES]);
    }
    CHECK_EQ(*inside(OLD_AT + bytes), 0);
}
TEST(a_pal_quotes_all_pcrs_the_old_way) { quoted_the_old_way(8); }
TEST(a_32_bit_pal_quotes_all_pcrs_the_old_way) { quoted_the_old_way(4); }

TEST(a_pal_registers_nothing)
{
    static const uint64_t number[] = { TV_CALL_REGISTER, TV_CALL_UNREGISTER, TV_CALL_SHARE, 14, 20, 99 };
    pal_starts(8);
    for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++)
        CHECK_EQ(ask(number[i], DATA_PAGE, DATA_PAGE, DATA_PAGE, DATA_PAGE), TV_ERROR);
    CHECK_EQ(ask(TV_CALL_TEST, 7, 0, 0, 0), TV_OK);
}
