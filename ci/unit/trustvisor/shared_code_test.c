// SPDX-License-Identifier: BSD-2-Clause
// SHARED_CODE: the PAL has a copy of it, and its program goes on using the pages.
#include <string.h>

#include <caps/ept_map.h>

#include "../../../trustvisor/pal.h"
#include "program.h"

#define OTHER    LARGE_AT          // a second PAL's pages, four
#define OTHER_IN (OTHER + 0x80)
#define SHARED   (LARGE_AT + 0x8000)

static unsigned rights;

static uint8_t *frame(uint64_t linear) { return world_at(FRAME_OF(linear)); }

// A registration with so many pages of shared code behind the other sections.
static void start(uint32_t pages)
{
    program_start(8);
    program_large(64);
    program_params->count = 0;
    program_sections->count = 5;
    program_sections->section[4] = (struct tv_section){ TV_SECTION_SHARED_CODE, pages, SHARED };
    for (uint32_t page = 0; page < pages && page < 48; page++)
        memset(frame(SHARED + page * PAGE_BYTES), 0xc0 + (int)page % 32, PAGE_BYTES);
}

// The PAL has what was there at its registration.
static void check_copy(uint32_t number, uint32_t page, uint8_t value)
{
    const uint64_t address = SHARED + page * PAGE_BYTES;
    const uint8_t *copy = pal_sees(number, address, &rights);
    CHECK(copy != NULL && copy != frame(address));
    CHECK_EQ(rights, EPT_READ | EPT_EXECUTE);
    CHECK(copy[0] == value && copy[PAGE_BYTES - 1] == value);
}

TEST(shared_code_is_copied_and_stays_its_programs)
{
    start(3);
    CHECK_EQ(program_register(), TV_OK);
    CHECK_EQ(world_owned_pages(), 4);
    for (uint32_t page = 0; page < 3; page++) {
        CHECK(!world_owned(FRAME_OF(SHARED + page * PAGE_BYTES)));
        memset(frame(SHARED + page * PAGE_BYTES), 0x11, PAGE_BYTES);  // nothing to the PAL
        check_copy(0, page, (uint8_t)(0xc0 + page));
    }
    CHECK(pal_sees(0, DATA_PAGE, &rights) == frame(DATA_PAGE));
    CHECK_EQ(program_unregister(), TV_OK);
    CHECK(program_nothing_left());
    CHECK_EQ(frame(SHARED)[0], 0x11);
}

TEST(two_pals_have_the_same_shared_code)
{
    start(2);
    CHECK_EQ(program_register(), TV_OK);
    for (unsigned i = 0; i < 4; i++) {
        program_sections->section[i].start = OTHER + i * PAGE_BYTES;
        memset(frame(OTHER + i * PAGE_BYTES), 0x90, PAGE_BYTES);
    }
    memset(frame(SHARED), 0x11, PAGE_BYTES);
    CHECK_EQ(program_call(TV_CALL_REGISTER, SECTIONS_AT, 0, PARAMS_AT, OTHER_IN), TV_OK);
    CHECK_EQ(world_owned_pages(), 8);
    check_copy(0, 0, 0xc0);
    check_copy(1, 0, 0x11);
    CHECK_EQ(program_unregister(), TV_OK);
    check_copy(1, 1, 0xc1);
}

TEST(shared_code_is_measured_as_it_was_copied)
{
    uint8_t measured[2][TV_HASH_BYTES];
    for (unsigned i = 0; i < 2; i++) {
        start(2);
        frame(SHARED)[PAGE_BYTES + 77] = (uint8_t)i;
        CHECK_EQ(program_register(), TV_OK);
        memcpy(measured[i], pal_table[0].utpm.pcr[0], TV_HASH_BYTES);
        CHECK_EQ(program_unregister(), TV_OK);
    }
    CHECK(memcmp(measured[0], measured[1], TV_HASH_BYTES) != 0);
}

TEST(what_the_system_does_to_shared_code_is_nothing_to_the_pal)
{
    start(2);
    CHECK_EQ(program_register(), TV_OK);
    *program_pte(SHARED) = 0;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    check_copy(0, 0, 0xc0);
    CHECK_EQ(pal_return(1)->verdict, VERDICT_L1);
    CHECK_EQ(program_touch(DATA_PAGE, 1)->verdict, VERDICT_FORWARD);  // it is still there: ones
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
}

TEST(a_pal_cannot_have_its_shared_code_written)
{
    start(1);
    CHECK_EQ(program_register(), TV_OK);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_READ, 0, SHARED, 0, 0), TV_BAD_PARAM);
    check_copy(0, 0, 0xc0);
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_EXTEND, 4, SHARED, 0, 0), TV_OK);  // read it may
}

TEST(copies_stay_when_lent_pages_go)
{
    start(5);
    CHECK_EQ(program_register(), TV_OK);
    CHECK_EQ(program_share(OTHER, 2 * PAGE_BYTES), TV_OK);
    CHECK_EQ(world_owned_pages(), 6);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    check_copy(0, 4, 0xc4);
    CHECK_EQ(pal_return(1)->verdict, VERDICT_L1);
    CHECK_EQ(world_owned_pages(), 4);
    for (uint32_t page = 0; page < 5; page++)
        check_copy(0, page, (uint8_t)(0xc0 + page));
    CHECK(pal_sees(0, OTHER, &rights) == NULL);
}

// As many as there is room for beside page tables; one more is an error and leaves nothing.
TEST(there_are_so_many_copies)
{
    uint32_t pages = 1;
    for (; pages < 40; pages++) {
        start(pages);
        if (program_register() != TV_OK)
            break;
        check_copy(0, pages - 1, (uint8_t)(0xc0 + (pages - 1) % 32));
        CHECK_EQ(program_unregister(), TV_OK);
    }
    CHECK(pages > PAL_TABLES / 2 && pages < PAL_TABLES);
    CHECK(program_nothing_left());
    for (uint32_t count = PAL_TABLES - 1; count <= PAL_TABLES + 2; count++) {
        start(count);
        CHECK(program_register() != TV_OK);
        CHECK(program_nothing_left());
    }
    start(1);
    program_sections->section[4].pages = 0xffffffff;
    CHECK(program_register() != TV_OK);
}

// There are four of them, one for each level.
TEST(page_tables_and_copies_have_no_page_in_common)
{
    start(PAL_TABLES - 3);
    CHECK(program_register() != TV_OK);
    start(PAL_TABLES - 4);
    CHECK_EQ(program_register(), TV_OK);
    check_copy(0, 0, 0xc0);
}

static void refused(void)
{
    CHECK(program_register() != TV_OK);
    CHECK(program_nothing_left());
}

TEST(shared_code_that_is_not_the_programs_to_execute_is_refused)
{
    start(1);
    *program_pte(SHARED) |= 1ull << 63;
    refused();
    start(1);
    *program_pte(SHARED) = 0;
    refused();
    start(1);
    *program_pte(SHARED) &= ~4ull;
    refused();
    start(1);
    world_unmap(FRAME_OF(SHARED), 1);
    refused();
    start(1);
    program_sections->section[4].start = CODE_PAGE;
    refused();
}

TEST(shared_code_that_is_another_pals_is_refused)
{
    start(1);
    CHECK_EQ(program_register(), TV_OK);
    for (unsigned i = 0; i < 4; i++)
        program_sections->section[i].start = OTHER + i * PAGE_BYTES;
    program_sections->section[4].start = DATA_PAGE;
    CHECK(program_call(TV_CALL_REGISTER, SECTIONS_AT, 0, PARAMS_AT, OTHER_IN) != TV_OK);
    CHECK_EQ(world_owned_pages(), 4);
}
