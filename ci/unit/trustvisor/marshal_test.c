// SPDX-License-Identifier: BSD-2-Clause
// Parameters of calls: what the PAL finds in its area, what its program finds afterwards.
#include <string.h>

#include "../../../trustvisor/pal.h"
#include "program.h"

static const uint8_t register_of[] = { GPR_RDI, GPR_RSI, GPR_RDX, GPR_RCX, GPR_R8, GPR_R9 };
static unsigned rights;
static uint32_t word;

static uint8_t *inside(uint64_t address) { return pal_sees(0, address, &rights); }
static uint8_t *outside(uint64_t address) { return world_at(FRAME_OF(address)); }

// Parameter i of the call that is about to be made, or of the one that the PAL has got.
static void give(unsigned i, uint64_t value)
{
    if (word == 8)
        world_gpr[register_of[i]] = value;
    else
        memcpy(outside(CALL_RSP) + 4 + 4 * i, &value, 4);
}

static uint64_t got(unsigned i)
{
    uint64_t value = 0;
    if (word == 8)
        return world_gpr[register_of[i]];
    memcpy(&value, inside(PAL_VMCS(0)[VMCS_GUEST_RSP] + 4 + 4 * i), 4);
    return value;
}

static void starts(uint32_t width)
{
    word = width;
    program_start(width);
}

static void param(enum tv_param_type type, uint64_t words)
{
    program_params->param[program_params->count++] = (struct tv_param){ (uint32_t)type, 0, words };
}

// Pointers that overlap by all but one word: the PAL changes what the first one points to, and leaves its copy of the second as it is.
static void first_wins(uint32_t width)
{
    starts(width);
    param(TV_PARAM_POINTER, 4);
    param(TV_PARAM_POINTER, 4);
    CHECK_EQ(program_register(), 0);
    memset(outside(BUFFER_PAGE), 0x11, 5 * word);
    give(0, BUFFER_PAGE);
    give(1, BUFFER_PAGE + word);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    memset(inside(got(0)), 0x77, 4 * word);
    CHECK_EQ(pal_return(1)->verdict, VERDICT_L1);
    for (uint32_t i = 0; i < 5 * word; i++)
        CHECK_EQ(outside(BUFFER_PAGE)[i], i < 4 * word ? 0x77 : 0x11);
}
TEST(where_pointers_overlap_the_first_ones_data_is_what_the_program_finds) { first_wins(8); }
TEST(where_pointers_of_32_bits_overlap_the_first_ones_data_is_what_the_program_finds) { first_wins(4); }

// What the area must be, byte by byte.
static uint8_t area[PAGE_BYTES];
static uint32_t area_used;
static void expect64(uint64_t value)
{
    memcpy(&area[area_used], &value, sizeof(value));
    area_used += 8;
}

static void area_is_exact(uint32_t width)
{
    starts(width);
    param(TV_PARAM_POINTER, 3);
    param(TV_PARAM_INTEGER, 1);
    param(TV_PARAM_POINTER, 0);
    param(TV_PARAM_POINTER, 5);
    CHECK_EQ(program_register(), 0);
    for (unsigned i = 0; i < 64; i++)
        outside(BUFFER_PAGE)[i] = (uint8_t)(0x40 + i);
    for (unsigned i = 0; i < 64; i++)
        outside(BUFFER_PAGE + 0x800)[i] = (uint8_t)(0x80 + i);
    give(0, BUFFER_PAGE);
    give(1, 0x76543210);
    give(2, BUFFER_PAGE + 0x400);
    give(3, BUFFER_PAGE + 0x800);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);

    memset(area, 0x90, sizeof(area));
    area_used = 0x10;
    expect64(4);
    expect64(2), expect64(5 * width), expect64(BUFFER_PAGE + 0x800);
    CHECK_EQ(got(3), PARAM_PAGE + area_used);
    for (unsigned i = 0; i < 5 * width; i++)
        area[area_used++] = (uint8_t)(0x80 + i);
    expect64(2), expect64(0), expect64(BUFFER_PAGE + 0x400);
    CHECK_EQ(got(2), PARAM_PAGE + area_used);
    expect64(1), expect64(width), expect64(0x76543210);
    CHECK_EQ(got(1), 0x76543210);
    expect64(2), expect64(3 * width), expect64(BUFFER_PAGE);
    CHECK_EQ(got(0), PARAM_PAGE + area_used);
    for (unsigned i = 0; i < 3 * width; i++)
        area[area_used++] = (uint8_t)(0x40 + i);
    CHECK(memcmp(inside(PARAM_PAGE), area, PAGE_BYTES) == 0);
}
TEST(the_area_is_byte_exact) { area_is_exact(8); }
TEST(the_area_of_a_32_bit_program_is_byte_exact) { area_is_exact(4); }

// A call that isn't made: the program has its result, the PAL stays idle, and that page of it as it was.
static void call_fails(uint64_t page)
{
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(world_gpr[GPR_RAX], word == 8 ? ~0ull : 0xffffffff);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    for (unsigned i = 0; i < PAGE_BYTES; i++)
        CHECK_EQ(outside(page)[i], 0x90);
    CHECK_EQ(program_unregister(), 0);
    CHECK(program_nothing_left());
}

// What the area's one page has room for, behind 16 bytes of the section's, the count, and a head for each of so many parameters.
#define ROOM(params) ((PAGE_BYTES - 0x10 - 8 - (params) * 24) / word)

// The last word of a pointer that is the first or the last of two. adjacent: another section of the PAL's begins where the area ends.
static void area_ends(uint32_t width, bool first, bool adjacent)
{
    for (unsigned excess = 0; excess < 2; excess++) {
        starts(width);
        if (adjacent) {
            program_sections->section[1].start = PARAM_PAGE;
            program_sections->section[2].start = DATA_PAGE;
            program_sections->section[3].start = STACK_PAGE;
        }
        program_large(2);
        const uint64_t words = ROOM(2) + excess;
        param(first ? TV_PARAM_POINTER : TV_PARAM_INTEGER, first ? words : 1);
        param(first ? TV_PARAM_INTEGER : TV_PARAM_POINTER, first ? 1 : words);
        CHECK_EQ(program_register(), 0);
        give(first ? 0 : 1, LARGE_AT);
        memset(outside(LARGE_AT), 0x5a, 2 * PAGE_BYTES);
        if (excess > 0) {
            call_fails(adjacent ? PARAM_PAGE : DATA_PAGE);
            continue;
        }
        CHECK_EQ(program_enter()->verdict, VERDICT_L2);
        const uint64_t copy = got(first ? 0 : 1);
        for (unsigned i = 0; i < words * word; i++)
            CHECK_EQ(inside(copy)[i], 0x5a);
        memset(inside(copy), 0x77, words * word);
        CHECK_EQ(pal_return(3)->verdict, VERDICT_L1);
        CHECK_EQ(outside(LARGE_AT)[words * word - 1], 0x77);
        CHECK_EQ(outside(LARGE_AT)[words * word], 0x5a);
        CHECK_EQ(program_unregister(), 0);
    }
}
TEST(a_first_parameter_larger_than_the_area_fails_the_call) { area_ends(8, true, false); }
TEST(a_last_parameter_larger_than_the_area_fails_the_call) { area_ends(8, false, false); }
TEST(a_parameter_of_32_bits_larger_than_the_area_fails_the_call) { area_ends(4, true, false); }
TEST(a_parameter_ends_where_the_next_section_begins) { area_ends(8, true, true); }
TEST(a_last_parameter_ends_where_the_next_section_begins) { area_ends(8, false, true); }

TEST(an_area_of_several_pages_is_filled_and_read_across_their_borders)
{
    starts(8);
    program_sections->section[3] = (struct tv_section){ TV_SECTION_PARAM, 3, LARGE_AT };
    program_large(3);
    param(TV_PARAM_POINTER, 1000);
    CHECK_EQ(program_register(), 0);
    for (unsigned i = 0; i < 8000; i++)
        outside(BUFFER_PAGE)[i] = (uint8_t)(i % 251);
    give(0, BUFFER_PAGE);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    const uint64_t copy = got(0);
    for (unsigned i = 0; i < 8000; i++) {
        CHECK_EQ(*inside(copy + i), i % 251);
        *inside(copy + i) = (uint8_t)(i % 249);
    }
    CHECK_EQ(pal_return(3)->verdict, VERDICT_L1);
    for (unsigned i = 0; i < 8000; i++)
        CHECK_EQ(outside(BUFFER_PAGE)[i], i % 249);
}

TEST(a_call_with_parameters_and_no_area_for_them_fails)
{
    starts(8);
    program_sections->section[3].type = TV_SECTION_DATA;
    param(TV_PARAM_INTEGER, 1);
    CHECK_EQ(program_register(), 0);
    call_fails(DATA_PAGE);
    program_params->count = 0;
    CHECK_EQ(program_register(), 0);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
}

// Where no CPU can be entered. The PAL hasn't run, and the program may call again.
static const uint64_t nowhere[] = { 1ull << 47, 1ull << 48, 0xffff7fffffffffff, 1ull << 63, 0x5a5a5a5a5a5a5a5a };
TEST(a_call_that_cannot_return_is_gp)
{
    starts(8);
    CHECK_EQ(program_register(), 0);
    program_l1[VMCS_GUEST_RIP] = ENTRY;
    program_l1[VMCS_GUEST_RSP] = CALL_RSP;
    for (unsigned i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        memcpy(outside(CALL_RSP), &nowhere[i], 8);
        program_l1[VMCS_ENTRY_INTR_INFO] = 0;
        world_gpr[GPR_RAX] = 0xa;
        CHECK_EQ(program_touch(ENTRY, 4)->verdict, VERDICT_RESUME);
        CHECK(program_l1[VMCS_ENTRY_INTR_INFO] == 0x80000b0d && program_l1[VMCS_ENTRY_EXCEPTION_ERROR] == 0);
        CHECK(program_l1[VMCS_GUEST_RIP] == ENTRY && program_l1[VMCS_GUEST_RSP] == CALL_RSP && world_gpr[GPR_RAX] == 0xa);
        CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    }
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
}
TEST(a_call_of_an_l2s_that_cannot_return_is_gp)
{
    program_start_l2(8);
    CHECK_EQ(program_register(), 0);
    program_l1[VMCS_GUEST_RIP] = ENTRY;
    program_l1[VMCS_GUEST_RSP] = CALL_RSP;
    memcpy(outside(CALL_RSP), &nowhere[0], 8);
    const struct reply *rep = program_touch(ENTRY, 4);
    CHECK(rep->verdict == VERDICT_FORWARD && rep->arg[0] == 0x80000b0d && rep->arg[1] == 0);
    CHECK(program_l1[VMCS_GUEST_RIP] == ENTRY && pal_table[0].place.as.state == PAL_IDLE);
}
