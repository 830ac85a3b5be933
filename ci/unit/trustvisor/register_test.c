// SPDX-License-Identifier: BSD-2-Clause
// What registration refuses, and that it then leaves everything as it was.
#include <string.h>

#include "../../../trustvisor/pal.h"
#include "../../../trustvisor/register.h"
#include "program.h"

// As many as there may be, of each kind and all good; and one more, which is what lies behind them.
static void eleven_sections(void)
{
    program_large(10);
    for (unsigned i = 4; i < TV_SECTIONS_MAX; i++)
        program_sections->section[i] = (struct tv_section){ TV_SECTION_DATA, 1, LARGE_AT + i * PAGE_BYTES };
    program_sections->count = TV_SECTIONS_MAX + 1;
    *(struct tv_section *)(void *)program_params = (struct tv_section){ TV_SECTION_DATA, 1, LARGE_AT };
}

static void eleven_parameters(void)
{
    for (unsigned i = 0; i < TV_PARAMS_MAX; i++)
        program_params->param[i] = (struct tv_param){ TV_PARAM_INTEGER, 0, 1 };
    program_params->count = TV_PARAMS_MAX + 1;
}

#define REFUSED(name, change)                      \
    TEST(registration_refuses_##name)              \
    {                                              \
        program_start(8);                          \
        program_two_params();                              \
        change;                                    \
        CHECK(program_register() != 0);            \
        CHECK(program_nothing_left());                     \
        CHECK_EQ(world_count(OP_EPT_CREATE), 0);   \
    }

REFUSED(no_sections, program_sections->count = 0)
REFUSED(eleven_sections, eleven_sections())
REFUSED(endless_sections, program_sections->count = 0xffffffff)
REFUSED(eleven_parameters, eleven_parameters())
REFUSED(unknown_parameters, program_params->param[1].type = 3)
REFUSED(a_parameter_too_large, program_params->param[1].words = 1ull << 61)
REFUSED(unknown_sections, program_sections->section[1].type = 6)
REFUSED(section_type_0, program_sections->section[1].type = 0)
REFUSED(unaligned_sections, program_sections->section[1].start |= 8)
REFUSED(empty_sections, program_sections->section[1].pages = 0)
REFUSED(large_sections, program_sections->section[1].pages = PAL_PAGES_MAX + 1)
REFUSED(endless_section, program_sections->section[1].pages = 0xffffffff)
REFUSED(too_many_pages, (program_sections->section[0].pages = PAL_PAGES_MAX, program_sections->section[1].pages = PAL_PAGES_MAX))
REFUSED(overlapping_sections, program_sections->section[1].start = CODE_PAGE)
REFUSED(sections_of_the_kernels_half, program_sections->section[1].start = 0xffff800000000000)
REFUSED(sections_around_the_end, program_sections->section[1].start = 0xfffffffffffff000)
REFUSED(the_page_at_zero, program_sections->section[1].start = 0)
REFUSED(pages_that_are_absent, program_sections->section[1].start = ABSENT)
REFUSED(pages_that_it_cannot_write, program_sections->section[1].start = READ_ONLY)
REFUSED(pages_of_the_kernel, program_sections->section[1].start = KERNEL_PAGE)
REFUSED(the_same_frame_twice, *program_pte(DATA_PAGE) = FRAME_OF(STACK_PAGE) | 7)
REFUSED(pages_that_are_no_memory, world_unmap(FRAME_OF(DATA_PAGE), 1))
REFUSED(code_that_it_cannot_execute, *program_pte(CODE_PAGE) |= 1ull << 63)
REFUSED(no_stack, program_sections->section[2].type = TV_SECTION_DATA)
REFUSED(an_entry_in_data, (program_sections->section[0].type = TV_SECTION_DATA, program_sections->section[1].type = TV_SECTION_CODE))
REFUSED(an_entry_in_shared_code, program_sections->section[0].type = TV_SECTION_SHARED_CODE)
REFUSED(an_entry_outside_of_its_sections, program_sections->section[0].start = BUFFER_PAGE)
REFUSED(a_read_of_absent_sections, *program_pte(SECTIONS_AT) = 0)

// One page up to the end of what a program has, and one beyond.
TEST(sections_end_where_a_program_does)
{
    static const struct { uint64_t end; uint32_t word; } half[] = { { 0x800000000000, 8 }, { 0x100000000, 4 } };
    for (unsigned i = 0; i < sizeof(half) / sizeof(half[0]); i++) {
        CHECK(section_valid(&(struct tv_section){ TV_SECTION_DATA, 1, half[i].end - PAGE_BYTES }, half[i].word));
        CHECK(!section_valid(&(struct tv_section){ TV_SECTION_DATA, 2, half[i].end - PAGE_BYTES }, half[i].word));
        CHECK(!section_valid(&(struct tv_section){ TV_SECTION_DATA, 1, half[i].end }, half[i].word));
    }
}

TEST(wrong_pointers_are_refused)
{
    static const uint64_t bad[] = { 0, ABSENT, KERNEL_PAGE, 0xffff800000000000, 0x8000000000000000, ~0ull, SECTIONS_AT + 0xfff };
    program_start(8);
    program_two_params();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(program_call(TV_CALL_REGISTER, bad[i], 0, PARAMS_AT, ENTRY) != 0);
        CHECK(program_call(TV_CALL_REGISTER, SECTIONS_AT, 0, bad[i] == SECTIONS_AT + 0xfff ? 0 : bad[i], ENTRY) != 0);
        CHECK(program_call(TV_CALL_REGISTER, SECTIONS_AT, 0, PARAMS_AT, bad[i]) != 0);
        CHECK(program_call(TV_CALL_UNREGISTER, bad[i], 0, 0, 0) != 0);
    }
    CHECK(program_nothing_left());
}

TEST(a_page_of_another_pal_is_refused_and_stays_its_own)
{
    program_registered(8);
    // A second PAL of the same program, whose data is the first one's.
    for (uint64_t page = BUFFER_PAGE; page <= OWN_STACK; page += PAGE_BYTES)
        program_sections->section[(page - BUFFER_PAGE) / PAGE_BYTES].start = page;
    program_sections->section[3].start = DATA_PAGE;
    CHECK(program_call(TV_CALL_REGISTER, SECTIONS_AT, 0, PARAMS_AT, BUFFER_PAGE) != 0);
    CHECK_EQ(world_owned_pages(), 4);
    unsigned rights;
    CHECK(pal_sees(0, DATA_PAGE, &rights) == world_at(FRAME_OF(DATA_PAGE)));
    CHECK_EQ(pal_table[1].place.as.state, PAL_FREE);
    CHECK_EQ(program_unregister(), 0);
    CHECK(program_nothing_left());
}

TEST(the_same_pal_twice_is_refused)
{
    program_registered(8);
    CHECK(program_register() != 0);
    CHECK_EQ(world_owned_pages(), 4);
}

TEST(slots_of_programs_that_are_gone_are_used_again)
{
    program_start(8);
    program_two_params();
    for (unsigned i = 0; i < PAL_MAX + 4; i++) {
        program_l1[VMCS_GUEST_CR3] = 0x600000;
        CHECK_EQ(program_register(), 0);
        for (uint64_t page = CODE_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES) {
            const uint64_t frame = FRAME_OF(page) + (i + 1) * 0x20000;
            *program_pte(page) = frame | 7;  // it is gone; the next one has the same tables and other frames
            memset(world_at(frame), 0x90, PAGE_BYTES);
        }
    }
}

// The kernel refuses the operation that many are before, of those that it may refuse.
static unsigned until_refused;
static enum status refusal;
static enum status refuse_one(const struct reply *rep, const struct op *op)
{
    (void)rep;
    if (op->code != OP_PAGE_TAKE && op->code != OP_EPT_CREATE && op->code != OP_EPT_MAP && op->code != OP_VMCS_RESET)
        return STATUS_OK;
    return until_refused-- == 0 ? refusal : STATUS_OK;
}

static void refused_anywhere(enum status status)
{
    uint64_t result = 1;
    unsigned tried = 0;
    for (; result != 0; tried++) {
        program_start(8);
        program_two_params();
        program_large(100);  // more than a batch
        program_sections->count = 5;
        program_sections->section[4] = (struct tv_section){ TV_SECTION_DATA, 100, LARGE_AT };
        memset(world_at(FRAME_OF(LARGE_AT)), 0x90, 100 * PAGE_BYTES);
        until_refused = tried;
        refusal = status;
        world_check_op = refuse_one;
        result = program_register();
        world_check_op = NULL;
        if (result == 0)
            break;
        CHECK(program_nothing_left());
        for (uint64_t i = 0; i < PAGE_BYTES; i++)
            CHECK(*((uint8_t *)world_at(FRAME_OF(DATA_PAGE)) + i) == 0x90 && *((uint8_t *)world_at(FRAME_OF(LARGE_AT)) + 99 * PAGE_BYTES + i) == 0x90);
        CHECK_EQ(program_register(), 0);
        CHECK_EQ(program_unregister(), 0);
    }
    CHECK(tried > 200);  // each page is taken and mapped
    CHECK_EQ(program_unregister(), 0);
}

TEST(what_the_kernel_refuses_in_its_midst_leaves_all_as_it_was)
{
    refused_anywhere(STATUS_NO_TABLES);
    refused_anywhere(STATUS_BUSY);
}
