// SPDX-License-Identifier: BSD-2-Clause
// Pages that a program lends to its PAL for one call.
#include <string.h>

#include <caps/ept_map.h>

#include "../../../trustvisor/pal.h"
#include "program.h"
#include "vector_fake.h"

static unsigned rights;

static void registered(uint32_t word)
{
    program_start(word);
    program_large(64);
    program_params->count = 0;
    CHECK_EQ(program_register(), TV_OK);
}

static uint8_t *frame(uint64_t linear) { return world_at(FRAME_OF(linear)); }

// Nothing but what was registered.
static void check_own_alone(void)
{
    CHECK_EQ(world_owned_pages(), 4);
    CHECK(pal_table[0].place.as.state == PAL_IDLE && pal_table[0].section_count == 4 && pal_table[0].page_count == 4);
    CHECK(pal_sees(0, LARGE_AT, &rights) == NULL);
    CHECK(pal_sees(0, DATA_PAGE, &rights) != NULL);
}

static void lent_and_back(uint32_t word)
{
    registered(word);
    memset(frame(LARGE_AT), 0x11, 2 * PAGE_BYTES);
    CHECK_EQ(program_share(LARGE_AT, 2 * PAGE_BYTES), TV_OK);
    CHECK_EQ(world_owned_pages(), 6);
    CHECK(pal_sees(0, LARGE_AT + PAGE_BYTES, &rights) == frame(LARGE_AT) + PAGE_BYTES);
    CHECK_EQ(rights, EPT_READ | EPT_WRITE);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    memset(pal_sees(0, LARGE_AT + PAGE_BYTES, &rights), 0x77, PAGE_BYTES);
    CHECK_EQ(pal_leave(EXIT_EXTERNAL_INTERRUPT)->verdict, VERDICT_L1);
    CHECK_EQ(world_owned_pages(), 6);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    CHECK_EQ(pal_return(1)->verdict, VERDICT_L1);
    CHECK_EQ(world_gpr[GPR_RAX], 1);
    check_own_alone();
    CHECK(frame(LARGE_AT)[0] == 0x11 && frame(LARGE_AT)[PAGE_BYTES] == 0x77 && frame(LARGE_AT)[2 * PAGE_BYTES - 1] == 0x77);
}

TEST(what_is_lent_is_the_pals_until_it_returns) { lent_and_back(8); }
TEST(a_32_bit_program_lends_by_32_bit_words) { lent_and_back(4); }

TEST(it_can_be_lent_for_each_call_again)
{
    registered(8);
    for (unsigned i = 0; i < 40; i++) {
        CHECK_EQ(program_share(LARGE_AT + i * PAGE_BYTES, 2 * PAGE_BYTES), TV_OK);
        CHECK_EQ(program_enter()->verdict, VERDICT_L2);
        CHECK(pal_sees(0, LARGE_AT + i * PAGE_BYTES, &rights) != NULL);
        (void)pal_return(i);
        check_own_alone();
    }
}

TEST(several_ranges_are_lent_at_once)
{
    registered(8);
    const uint64_t start[6] = { LARGE_AT, LARGE_AT + 8 * PAGE_BYTES, LARGE_AT + 4 * PAGE_BYTES, LARGE_AT + 12 * PAGE_BYTES, LARGE_AT + 16 * PAGE_BYTES,
                                LARGE_AT + 20 * PAGE_BYTES };
    const uint64_t bytes[6] = { PAGE_BYTES, 4 * PAGE_BYTES, 3 * PAGE_BYTES, PAGE_BYTES, PAGE_BYTES, PAGE_BYTES };
    memcpy(frame(OWN_STACK), start, sizeof(start));
    memcpy(frame(OWN_STACK) + 0x100, bytes, sizeof(bytes));
    CHECK_EQ(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK + 0x100, 6), TV_OK);
    CHECK_EQ(world_owned_pages(), 4 + 11);
    CHECK(pal_sees(0, LARGE_AT + 6 * PAGE_BYTES, &rights) != NULL && pal_sees(0, LARGE_AT + 7 * PAGE_BYTES, &rights) == NULL);
    CHECK_EQ(program_unregister(), TV_OK);
    CHECK(program_nothing_left());
    CHECK_EQ(program_register(), TV_OK);
    CHECK(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK + 0x100, 7) != TV_OK);  // no more than there can be sections
    check_own_alone();
}

#define REFUSED(name, start, bytes)                       \
    TEST(nothing_is_lent_of_##name)                       \
    {                                                     \
        registered(8);                                    \
        CHECK(program_share((start), (bytes)) != TV_OK);  \
        check_own_alone();                                \
        CHECK_EQ(program_share(LARGE_AT, PAGE_BYTES), TV_OK); \
    }

REFUSED(part_of_a_page, LARGE_AT, 100)
REFUSED(what_is_not_aligned, LARGE_AT + 8, PAGE_BYTES)
REFUSED(nothing, LARGE_AT, 0)
REFUSED(more_than_a_pal_has, LARGE_AT, 513 * PAGE_BYTES)
REFUSED(everything, LARGE_AT, 0xfffffffffffff000)
REFUSED(the_page_at_zero, 0, PAGE_BYTES)
REFUSED(the_kernels_half, 0xffff800000000000, PAGE_BYTES)
REFUSED(the_kernels_pages, KERNEL_PAGE, PAGE_BYTES)
REFUSED(what_is_absent, ABSENT, PAGE_BYTES)
REFUSED(what_the_program_cannot_write, READ_ONLY, PAGE_BYTES)
REFUSED(the_pals_own_pages, DATA_PAGE, PAGE_BYTES)
REFUSED(what_ends_beyond_what_is_there, LARGE_AT + 60 * PAGE_BYTES, 8 * PAGE_BYTES)

TEST(a_frame_of_the_pals_own_by_another_name_is_not_lent)
{
    registered(8);
    *program_pte(LARGE_AT + PAGE_BYTES) = FRAME_OF(DATA_PAGE) | 7;
    CHECK(program_share(LARGE_AT, 2 * PAGE_BYTES) != TV_OK);
    check_own_alone();
    CHECK(pal_sees(0, DATA_PAGE, &rights) == frame(DATA_PAGE));
}

TEST(wrong_lists_are_refused)
{
    static const uint64_t bad[] = { 0, ABSENT, KERNEL_PAGE, 0xffff800000000000, 0x8000000000000000, ~0ull, DATA_PAGE };
    registered(8);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(program_call(TV_CALL_SHARE, ENTRY, bad[i], OWN_STACK, 1) != TV_OK);
        CHECK(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, bad[i], 1) != TV_OK);
        CHECK(program_call(TV_CALL_SHARE, bad[i], OWN_STACK, OWN_STACK, 1) != TV_OK);
    }
    CHECK(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK, 0) != TV_OK);
    CHECK(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK, ~0ull) != TV_OK);
    check_own_alone();
}

// As many as there are sections besides the PAL's own.
TEST(loans_of_one_call_add_up)
{
    registered(8);
    for (unsigned i = 0; i < 6; i++) {
        CHECK_EQ(program_share(LARGE_AT + 3 * i * PAGE_BYTES, 2 * PAGE_BYTES), TV_OK);
        CHECK_EQ(world_owned_pages(), 4 + 2 * (i + 1));
        for (unsigned j = 0; j <= i; j++) {
            CHECK(pal_sees(0, LARGE_AT + (3 * j + 1) * PAGE_BYTES, &rights) == frame(LARGE_AT) + (3 * j + 1) * PAGE_BYTES);
            CHECK(pal_sees(0, LARGE_AT + (3 * j + 2) * PAGE_BYTES, &rights) == NULL);
        }
    }
    CHECK(program_share(LARGE_AT + 20 * PAGE_BYTES, PAGE_BYTES) != TV_OK);
    CHECK_EQ(world_owned_pages(), 4 + 12);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    memset(pal_sees(0, LARGE_AT + 15 * PAGE_BYTES, &rights), 0x77, PAGE_BYTES);
    (void)pal_return(1);
    check_own_alone();
    CHECK_EQ(frame(LARGE_AT)[15 * PAGE_BYTES], 0x77);
    CHECK_EQ(program_share(LARGE_AT + 20 * PAGE_BYTES, PAGE_BYTES), TV_OK);
}

TEST(a_loan_that_is_refused_leaves_the_ones_before)
{
    registered(8);
    const uint64_t start[2] = { LARGE_AT + 4 * PAGE_BYTES, ABSENT }, bytes[2] = { PAGE_BYTES, PAGE_BYTES };
    CHECK_EQ(program_share(LARGE_AT, 2 * PAGE_BYTES), TV_OK);
    memcpy(frame(OWN_STACK), start, sizeof(start));
    memcpy(frame(OWN_STACK) + 0x100, bytes, sizeof(bytes));
    CHECK(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK + 0x100, 2) != TV_OK);
    CHECK_EQ(world_owned_pages(), 6);
    CHECK(pal_sees(0, start[0], &rights) == NULL && pal_sees(0, LARGE_AT + PAGE_BYTES, &rights) != NULL);
    CHECK_EQ(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK + 0x100, 1), TV_OK);
    CHECK(pal_sees(0, start[0], &rights) != NULL && pal_sees(0, LARGE_AT, &rights) != NULL);
    (void)program_enter();
    (void)pal_return(1);
    check_own_alone();
}

// The end of a loan has begun, and its call was then refused: what is lent still is where it was, whatever the program's tables lead to meanwhile.
TEST(frames_that_are_taken_are_not_looked_up_again)
{
    registered(8);
    CHECK_EQ(program_share(LARGE_AT, PAGE_BYTES), TV_OK);
    pal_table[0].kept_sections = pal_table[0].own_sections;
    pal_table[0].kept_pages = pal_table[0].own_pages;
    *program_pte(LARGE_AT) = FRAME_OF(LARGE_AT + 9 * PAGE_BYTES) | 7;
    CHECK_EQ(program_share(LARGE_AT + 2 * PAGE_BYTES, PAGE_BYTES), TV_OK);
    CHECK(pal_sees(0, LARGE_AT, &rights) == frame(LARGE_AT) && pal_frame[0][pal_table[0].own_pages] == FRAME_OF(LARGE_AT));
    (void)program_enter();
    (void)pal_return(1);
    check_own_alone();
}

// By the first step of what the return does.
static void end_cut_short(void)
{
    registered(8);
    memset(frame(LARGE_AT), 0x11, PAGE_BYTES);
    CHECK_EQ(program_share(LARGE_AT, PAGE_BYTES), TV_OK);
    (void)program_enter();
    pal_table[0].page_count = pal_table[0].own_pages;
    memset(pal_tables[0][0], 0, sizeof(pal_tables[0][0]));
    (void)world_init(1, 0);
    CHECK_EQ(world_owned_pages(), 4);
}

TEST(a_loan_whose_end_was_cut_short_in_its_first_steps_ends_all_the_same)
{
    end_cut_short();
    (void)pal_return(1);
    check_own_alone();
}

TEST(nothing_that_went_back_is_scrubbed_when_the_end_of_a_loan_fails_twice)
{
    end_cut_short();
    (void)world_message(MSG_KILL, ORIGIN_PAL, NULL);
    CHECK(program_nothing_left());
    CHECK_EQ(frame(LARGE_AT)[0], 0x11);
}

TEST(nothing_is_lent_twice_nor_to_a_pal_in_a_call)
{
    registered(8);
    CHECK_EQ(program_share(LARGE_AT, PAGE_BYTES), TV_OK);
    CHECK(program_share(LARGE_AT, PAGE_BYTES) != TV_OK);
    *program_pte(LARGE_AT + PAGE_BYTES) = FRAME_OF(LARGE_AT) | 7;
    CHECK(program_share(LARGE_AT + PAGE_BYTES, PAGE_BYTES) != TV_OK);  // the same frame
    *program_pte(LARGE_AT + PAGE_BYTES) = FRAME_OF(LARGE_AT + PAGE_BYTES) | 7;
    CHECK(pal_sees(0, LARGE_AT, &rights) == frame(LARGE_AT));
    CHECK_EQ(world_owned_pages(), 5);
    (void)program_enter();
    (void)pal_leave(EXIT_EXTERNAL_INTERRUPT);
    CHECK(program_share(LARGE_AT + PAGE_BYTES, PAGE_BYTES) != TV_OK);
    CHECK_EQ(world_owned_pages(), 5);
}

TEST(a_call_that_fails_gives_back_what_was_lent)
{
    registered(8);
    CHECK_EQ(program_share(LARGE_AT, PAGE_BYTES), TV_OK);
    program_l1[VMCS_GUEST_RFLAGS] = 2;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK_EQ(world_gpr[GPR_RAX], ~0ull);
    check_own_alone();
}

TEST(what_a_pal_that_breaks_has_left_in_lent_pages_is_gone)
{
    registered(8);
    memset(frame(LARGE_AT), 0x11, PAGE_BYTES);
    CHECK_EQ(program_share(LARGE_AT, PAGE_BYTES), TV_OK);
    (void)program_enter();
    (void)pal_leave(EXIT_HLT);
    CHECK(program_nothing_left());
    CHECK_EQ(frame(LARGE_AT)[0], 0);
}

TEST(a_pal_lends_nothing)
{
    registered(8);
    (void)program_enter();
    CHECK(pal_hypercall(TV_CALL_SHARE, ENTRY, DATA_PAGE, DATA_PAGE, 1) != TV_OK);
}

TEST(a_page_that_an_l2s_hypervisor_lacks_is_for_it_to_bring)
{
    program_start_l2(8);
    program_large(2);
    program_params->count = 0;
    CHECK_EQ(program_register(), TV_OK);
    const uint64_t list[2] = { LARGE_AT, 2 * PAGE_BYTES }, entry = *program_ept12(LARGE_AT + PAGE_BYTES);
    memcpy(frame(OWN_STACK), list, sizeof(list));
    *program_ept12(LARGE_AT + PAGE_BYTES) = 0;
    world_gpr[GPR_RAX] = TV_CALL_L2_OFFSET + TV_CALL_SHARE;
    world_gpr[GPR_RCX] = ENTRY;
    world_gpr[GPR_RDX] = OWN_STACK;
    world_gpr[GPR_RSI] = OWN_STACK + 8;
    world_gpr[GPR_RDI] = 1;
    world_vmcs02 = WORLD_L2;
    CHECK_EQ(world_exit(ORIGIN_L2, EXIT_VMCALL, NULL)->verdict, VERDICT_FORWARD);
    check_own_alone();
    *program_ept12(LARGE_AT + PAGE_BYTES) = entry;
    CHECK_EQ(program_call(TV_CALL_SHARE, ENTRY, OWN_STACK, OWN_STACK + 8, 1), TV_OK);
    CHECK_EQ(world_owned_pages(), 6);
}
