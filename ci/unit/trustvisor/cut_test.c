// SPDX-License-Identifier: BSD-2-Clause
// A whole life of a PAL, with one of its messages cut short somewhere: the partition is loaded again, the message comes again, and nobody notices.
#include <string.h>

#include <caps/ept_map.h>

#include "../../../trustvisor/pal.h"
#include "program.h"
#include "vector_fake.h"

static unsigned rights;
static uint64_t inside;  // where the PAL has the data

#define OWN 0xaa  // the program's vector registers
#define PAL 0x5e  // the PAL's

static void vectors(uint8_t value) { memset(vector_now, value, sizeof(vector_now)); }
static void vectors_are(uint8_t value)
{
    for (unsigned i = 0; i < sizeof(vector_now); i++)
        CHECK_EQ(vector_now[i], value);
}

static void call(void)
{
    const uint64_t data[4] = { 11, 12, 13, 14 };
    memcpy(world_at(FRAME_OF(BUFFER_PAGE)), data, sizeof(data));
    world_gpr[GPR_RDI] = 77;
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    world_gpr[GPR_RBX] = 99;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    vectors_are(0);
    CHECK_EQ(world_gpr[GPR_RDI], 77);
    inside = world_gpr[GPR_RSI];
    CHECK_EQ(*(uint64_t *)(void *)pal_sees(0, inside, &rights), 11);
    vectors(PAL);
}

static void interrupted(void)
{
    world_gpr[GPR_R12] = 0x5ec4e7;
    CHECK_EQ(pal_leave(EXIT_EXTERNAL_INTERRUPT)->verdict, VERDICT_L1);
    vectors_are(OWN);
    CHECK_EQ(world_gpr[GPR_RSI], BUFFER_PAGE);
    CHECK(world_gpr[GPR_R12] != 0x5ec4e7);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    vectors_are(PAL);
    CHECK_EQ(world_gpr[GPR_RSI], inside);
    CHECK_EQ(world_gpr[GPR_R12], 0x5ec4e7);
}

static void extended(void)
{
    uint8_t before[TV_HASH_BYTES], after[TV_HASH_BYTES];
    memcpy(before, pal_table[0].utpm.pcr[7], sizeof(before));
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_EXTEND, 7, STACK_PAGE, 0, 0), TV_OK);
    vectors_are(PAL);
    memcpy(after, pal_table[0].utpm.pcr[7], sizeof(after));
    CHECK(memcmp(before, after, sizeof(before)) != 0);
    // Once, not twice.
    CHECK_EQ(utpm_extended(&(struct utpm){ .pcr[7] = { 0 } }, 7, pal_sees(0, STACK_PAGE, &rights), before), TV_OK);
    CHECK(memcmp(before, after, sizeof(before)) == 0);
}

static void kept(void)
{
    static uint8_t value;
    uint8_t *page = pal_sees(0, STACK_PAGE, &rights);
    memset(page + 64, ++value, TV_NV_BYTES);
    CHECK_EQ(pal_hypercall(TV_CALL_NV_WRITE, STACK_PAGE + 64, 0, 0, 0), TV_OK);
    vectors_are(PAL);
    CHECK_EQ(pal_hypercall(TV_CALL_NV_READ, STACK_PAGE + 128, 0, 0, 0), TV_OK);
    CHECK(memcmp(page + 64, page + 128, TV_NV_BYTES) == 0);
}

static void returned(void)
{
    *(uint64_t *)(void *)pal_sees(0, inside, &rights) = 4711;
    world_gpr[GPR_RBX] = 0x5ec4e7;
    CHECK_EQ(pal_return(1234)->verdict, VERDICT_L1);
    vectors_are(OWN);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(program_l1[VMCS_GUEST_RSP], CALL_RSP + 8);
    CHECK_EQ(world_gpr[GPR_RAX], 1234);
    CHECK_EQ(world_gpr[GPR_RBX], 99);
    CHECK_EQ(*(uint64_t *)world_at(FRAME_OF(BUFFER_PAGE)), 4711);
}

static void zeroed(void)
{
    for (uint64_t page = DATA_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES)
        for (unsigned i = 0; i < PAGE_BYTES; i++)
            CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(page) + i), 0);
    CHECK(program_nothing_left());
}

static void life(void)
{
    vectors(OWN);
    program_two_params();
    CHECK_EQ(program_register(), TV_OK);
    vectors_are(OWN);
    CHECK_EQ(world_owned_pages(), 4);
    call();
    interrupted();
    extended();
    kept();
    returned();
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    CHECK_EQ(program_unregister(), TV_OK);
    vectors_are(OWN);
    zeroed();
}

// A message is cut at each point, and when it comes again at each of its first ones; more than 20 of them, or nothing was tried.
#define AGAIN 6
static void cut_everywhere(void (*run)(void))
{
    uint32_t points = 0;
    bool cut;
    do {
        points++;
        for (uint32_t again = 0; again < AGAIN; again++) {
            program_start(8);
            world_cut = points;
            world_cut_again = again;
            run();
            cut = world_cut_again == 0 && (again > 0 || world_cut == 0);
            world_cut = world_cut_again = 0;
        }
    } while (cut);
    CHECK(points > 20);
}

TEST(a_life_goes_on_wherever_a_message_is_cut_short) { cut_everywhere(life); }

static void broken_life(void)
{
    vectors(OWN);
    program_two_params();
    CHECK_EQ(program_register(), TV_OK);
    program_l1[VMCS_ENTRY_INTR_INFO] = 0;
    call();
    memset(pal_sees(0, DATA_PAGE, &rights), PAL, PAGE_BYTES);
    CHECK_EQ(pal_leave(EXIT_HLT)->verdict, VERDICT_L1);
    vectors_are(OWN);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0x80000b0d);
    CHECK_EQ(world_gpr[GPR_RSI], BUFFER_PAGE);
    program_l1[VMCS_ENTRY_INTR_INFO] = 0;
    zeroed();
}

TEST(a_pal_that_breaks_ends_wherever_its_message_is_cut_short) { cut_everywhere(broken_life); }

// Many pages, so that they go back in several batches.
static void large_life(void)
{
    vectors(OWN);
    program_sections->section[1] = (struct tv_section){ TV_SECTION_DATA, 120, LARGE_AT };
    program_large(120);
    program_params->count = 0;
    CHECK_EQ(program_register(), TV_OK);
    CHECK_EQ(world_owned_pages(), 123);
    memset(pal_sees(0, LARGE_AT + 119 * PAGE_BYTES, &rights), PAL, PAGE_BYTES);
    CHECK_EQ(program_unregister(), TV_OK);
    CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(LARGE_AT) + 119 * PAGE_BYTES), 0);
    CHECK(program_nothing_left());
}

TEST(all_pages_come_back_wherever_a_message_is_cut_short) { cut_everywhere(large_life); }

// Enough pages for several batches.
static void lending_life(void)
{
    program_large(100);
    program_params->count = 0;
    CHECK_EQ(program_register(), TV_OK);
    memset(world_at(FRAME_OF(LARGE_AT)), 0x11, 100 * PAGE_BYTES);
    CHECK_EQ(program_share(LARGE_AT, 60 * PAGE_BYTES), TV_OK);
    CHECK_EQ(program_share(LARGE_AT + 60 * PAGE_BYTES, 40 * PAGE_BYTES), TV_OK);
    CHECK_EQ(world_owned_pages(), 104);
    CHECK(program_share(LARGE_AT, PAGE_BYTES) != TV_OK);
    CHECK_EQ(world_owned_pages(), 104);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    *pal_sees(0, LARGE_AT + 99 * PAGE_BYTES, &rights) = 0x77;
    CHECK(pal_sees(0, LARGE_AT + 59 * PAGE_BYTES, &rights) == (uint8_t *)world_at(FRAME_OF(LARGE_AT)) + 59 * PAGE_BYTES);
    CHECK_EQ(pal_return(1)->verdict, VERDICT_L1);
    CHECK_EQ(world_gpr[GPR_RAX], 1);
    CHECK_EQ(world_owned_pages(), 4);
    CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(LARGE_AT)), 0x11);
    CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(LARGE_AT) + 99 * PAGE_BYTES), 0x77);
    CHECK_EQ(program_unregister(), TV_OK);
    CHECK(program_nothing_left());
}

TEST(what_is_lent_comes_back_wherever_a_message_is_cut_short) { cut_everywhere(lending_life); }

TEST(a_message_that_fails_twice_leaves_the_programs_vector_registers)
{
    program_registered(8);
    vectors(OWN);
    call();
    CHECK_EQ(world_message(MSG_KILL, ORIGIN_PAL, NULL)->verdict, VERDICT_L1);
    vectors_are(OWN);
    zeroed();
}

// The second thread's call is answered on another CPU as soon as the first one's PAL is idle: by then no CPU has its VMCS.
TEST(a_pal_that_another_cpu_may_take_has_left_its_vmcs)
{
    program_registered(8);
    vectors(OWN);
    call();
    const uint32_t before = world_ops;
    (void)pal_leave(EXIT_EXTERNAL_INTERRUPT);
    CHECK(world_ops > before && world_op[before].code == OP_VMCS_CLEAR && world_op[before].object == VMCS_HANDLE_02);
}

// Registered on another CPU when the partition was stopped; whether the page had been taken nobody knows.
TEST(what_another_pal_has_stays_its_own)
{
    program_registered(8);
    pal_frame[1][0] = FRAME_OF(DATA_PAGE);
    pal_table[1] = (struct pal){ .taking = 1 };
    CHECK(pal_change(&pal_table[1], PAL_FREE, PAL_MAKING, 2));
    (void)world_init(1, 1ull << 2);
    CHECK_EQ(pal_table[1].place.as.state, PAL_FREE);
    CHECK(world_owned(FRAME_OF(DATA_PAGE)));
    CHECK_EQ(program_unregister(), TV_OK);
    CHECK(program_nothing_left());
}
