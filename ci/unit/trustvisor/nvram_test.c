// SPDX-License-Identifier: BSD-2-Clause
// NVRAM: whose it is, who may have it at a time, and what is left where a message is cut short.
#include <string.h>

#include "../../../trustvisor/nvram.h"
#include "../../../trustvisor/pal.h"
#include "program.h"

#define IN_AT      (DATA_PAGE + 0x100)
#define OUT_AT     (DATA_PAGE + 0x200)
#define MEASURE_AT (DATA_PAGE + 0x300)

static unsigned rights;
static const uint8_t ones[TV_NV_BYTES] = { [0 ... TV_NV_BYTES - 1] = 0xff };

static uint8_t *inside(uint64_t address) { return pal_sees(0, address, &rights); }

static void pal_starts(uint32_t width)
{
    program_start(width);
    memset(world_at(FRAME_OF(DATA_PAGE)), 0, PARAM_PAGE + PAGE_BYTES - DATA_PAGE);  // as they are after its end: they are measured
    CHECK_EQ(program_register(), 0);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
}

// What the first one held, any other may have then.
static void pal_starts_again(void)
{
    uint8_t owner[TV_HASH_BYTES], data[TV_NV_BYTES];
    memcpy(owner, pal_table[0].utpm.pcr[0], sizeof(owner));
    CHECK_EQ(nvram_read(7, owner, data), TV_ERROR);
    CHECK_EQ(pal_return(0)->verdict, VERDICT_L1);
    CHECK_EQ(program_unregister(), 0);
    CHECK_EQ(nvram_read(7, owner, data), TV_OK);
    nvram_release(7);
    CHECK_EQ(program_register(), 0);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
}

static void check_reads(const uint8_t expected[TV_NV_BYTES])
{
    memset(inside(OUT_AT), 0x11, TV_NV_BYTES + 1);
    CHECK_EQ(pal_hypercall(TV_CALL_NV_READ, OUT_AT, 0, 0, 0), TV_OK);
    CHECK(memcmp(inside(OUT_AT), expected, TV_NV_BYTES) == 0);
    CHECK_EQ(*inside(OUT_AT + TV_NV_BYTES), 0x11);
}

static void writes(uint8_t value)
{
    memset(inside(IN_AT), value, TV_NV_BYTES);
    CHECK_EQ(pal_hypercall(TV_CALL_NV_WRITE, IN_AT, 0, 0, 0), TV_OK);
}

static void check_reads_all(uint8_t value)
{
    uint8_t expected[TV_NV_BYTES];
    memset(expected, value, sizeof(expected));
    check_reads(expected);
}

static void kept(uint32_t width)
{
    pal_starts(width);
    CHECK_EQ(pal_hypercall(TV_CALL_NV_SIZE, OUT_AT, 0, 0, 0), TV_OK);
    CHECK_EQ(*(uint32_t *)(void *)inside(OUT_AT), TV_NV_BYTES);
    check_reads(ones);
    writes(0x42);
    check_reads_all(0x42);
    writes(0x43);
    check_reads_all(0x43);
    pal_starts_again();  // another one, of the same measurement
    check_reads_all(0x43);
}
TEST(a_pal_keeps_32_bytes) { kept(8); }
TEST(a_32_bit_pal_keeps_32_bytes) { kept(4); }

TEST(wrong_addresses_of_nvram_change_nothing)
{
    pal_starts(8);
    writes(0x42);
    static const uint64_t wrong[] = { 0, BUFFER_PAGE, ABSENT, PARAM_PAGE + PAGE_BYTES - 16, 0x8000000000000000ull, ~0ull - 8 };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ(pal_hypercall(TV_CALL_NV_READ, wrong[i], 0, 0, 0), TV_BAD_PARAM);
        CHECK_EQ(pal_hypercall(TV_CALL_NV_WRITE, wrong[i], 0, 0, 0), TV_BAD_PARAM);
    }
    CHECK_EQ(pal_hypercall(TV_CALL_NV_READ, CODE_PAGE, 0, 0, 0), TV_BAD_PARAM);  // which the PAL can't write itself
    CHECK_EQ(pal_hypercall(TV_CALL_NV_SIZE, CODE_PAGE, 0, 0, 0), TV_BAD_PARAM);
    CHECK_EQ(pal_hypercall(TV_CALL_NV_SIZE, BUFFER_PAGE, 0, 0, 0), TV_BAD_PARAM);
    check_reads_all(0x42);
}

// What extends its PCR 0 is another PAL from then on, as for what is sealed.
TEST(another_measurement_has_another_nvram)
{
    pal_starts(8);
    writes(0x42);
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_EXTEND, 0, MEASURE_AT, 0, 0), TV_OK);
    check_reads(ones);
    writes(0x77);
    pal_starts_again();
    check_reads_all(0x42);
}

static const uint8_t owner[2][TV_HASH_BYTES] = { { 1 }, { 1, 2 } };
static uint8_t data[TV_NV_BYTES];

// Or who calls the same PAL twice could have the second one write what is older than what the first one has written.
TEST(one_of_those_with_the_same_measurement_has_it_at_a_time)
{
    CHECK_EQ(nvram_read(3, owner[0], data), TV_OK);
    CHECK_EQ(nvram_read(4, owner[0], data), TV_ERROR);
    CHECK(memcmp(data, ones, sizeof(data)) == 0);
    memset(data, 0x42, sizeof(data));
    CHECK_EQ(nvram_write(4, owner[0], data), TV_ERROR);
    CHECK_EQ(nvram_write(3, owner[0], data), TV_OK);
    memset(data, 0, sizeof(data));
    CHECK_EQ(nvram_read(4, owner[0], data), TV_ERROR);
    CHECK(memcmp(data, ones, sizeof(data)) == 0);  // nothing of it
    CHECK_EQ(nvram_read(4, owner[1], data), TV_OK);
    nvram_release(4);
    CHECK_EQ(nvram_read(4, owner[0], data), TV_ERROR);
    nvram_release(3);
    CHECK_EQ(nvram_read(4, owner[0], data), TV_OK);
    CHECK_EQ(data[0], 0x42);
}

TEST(areas_that_hold_nothing_go_to_others_those_written_to_do_not)
{
    uint8_t many[TV_HASH_BYTES] = { 9 };
    for (unsigned i = 0; i < NVRAM_AREAS; i++) {
        many[1] = (uint8_t)i;
        CHECK_EQ(i % 2 ? nvram_write(5, many, data) : nvram_read(5, many, data), TV_OK);
    }
    CHECK_EQ(nvram_read(6, owner[0], data), TV_ERROR);
    nvram_release(5);
    for (unsigned i = 0; i < NVRAM_AREAS / 2; i++) {
        many[1] = (uint8_t)(100 + i);
        CHECK_EQ(nvram_write(6, many, data), TV_OK);
    }
    nvram_release(6);
    CHECK_EQ(nvram_write(6, owner[0], data), TV_ERROR);
    many[1] = 1;
    CHECK_EQ(nvram_read(6, many, data), TV_OK);
}
