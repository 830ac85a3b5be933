// SPDX-License-Identifier: BSD-2-Clause
// PALs of programs in L2s: EPT12 between them and L1's memory.
#include <string.h>

#include <caps/ept_map.h>
#include <rt/walk12.h>

#include "../../../trustvisor/pal.h"
#include "program.h"
#include "vector_fake.h"

#define EPT_VIOLATION 48u

static unsigned rights;

static void registered(uint32_t word)
{
    program_start_l2(word);
    program_two_params();
    CHECK_EQ(program_register(), 0);
}

static void called(void)
{
    const uint64_t data[4] = { 11, 12, 13, 14 };
    memcpy(world_at(FRAME_OF(BUFFER_PAGE)), data, sizeof(data));
    world_gpr[GPR_RDI] = 5;
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    world_gpr[GPR_RBX] = 99;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
}

// The L2's hypervisor is to get that violation.
static void check_forwarded(const struct reply *rep, uint64_t linear, unsigned access)
{
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(rep->op_count | rep->set, 0);
    CHECK_EQ(rep->arg[0], EPT_VIOLATION);
    CHECK_EQ(rep->arg[1] & 7, access);
    CHECK_EQ(rep->arg[3] & PAGE_MASK, FRAME_OF(linear) - L2_OFFSET);
    CHECK_EQ(rep->arg[4], 1);
}

// It is to get that exception, if its hypervisor doesn't want it.
static void check_raised(const struct reply *rep, uint32_t event, uint32_t error, uint64_t address)
{
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(rep->op_count | rep->set, 0);
    CHECK(rep->arg[0] == event && rep->arg[1] == error && rep->arg[2] == address && rep->arg[4] == 0);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0);
}

// A hypercall that isn't answered.
static const struct reply *refused_call(uint64_t number, uint64_t ecx, uint64_t esi, uint64_t edi)
{
    world_gpr[GPR_RAX] = TV_CALL_L2_OFFSET + number;
    world_gpr[GPR_RCX] = ecx;
    world_gpr[GPR_RSI] = esi;
    world_gpr[GPR_RDI] = edi;
    world_vmcs02 = WORLD_L2;
    return world_exit(ORIGIN_L2, EXIT_VMCALL, NULL);
}

TEST(an_l2s_pages_are_taken_by_their_l1_physical_addresses)
{
    registered(8);
    CHECK_EQ(world_owned_pages(), 4);
    for (uint64_t page = CODE_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES)
        CHECK(world_owned(FRAME_OF(page)) && pal_sees(0, page, &rights) == world_at(FRAME_OF(page)));
}

// EPT12 with one page of 2 MiB: what lies where is in the offset within it.
TEST(large_pages_of_ept12_lead_to_each_of_the_l2s_pages)
{
    program_start_l2(8);
    program_two_params();
    const uint64_t first = FRAME_OF(CODE_PAGE) & ~0x1fffffull, from = first - L2_OFFSET;
    uint64_t *directory = world_at((EPTP12 & PAGE_MASK) + 0x2000);
    directory[from >> 21] = first | 6 << 3 | EPT_RIGHTS | 1 << 7;
    CHECK_EQ(program_register(), 0);
    for (uint64_t page = CODE_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES)
        CHECK(world_owned(FRAME_OF(page)) && pal_sees(0, page, &rights) == world_at(FRAME_OF(page)));
    called();
    CHECK_EQ(pal_return(1)->verdict, VERDICT_L1);
    CHECK_EQ(program_touch(DATA_PAGE, 2)->verdict, VERDICT_FORWARD);  // it is the PAL's
    *program_pte(DATA_PAGE) = 0;
    CHECK_EQ(program_touch(DATA_PAGE, 2)->verdict, VERDICT_RESUME);
    CHECK(program_nothing_left());
}

TEST(an_l2s_call_goes_in_and_out)
{
    registered(8);
    called();
    CHECK_EQ(world_gpr[GPR_RDI], 5);
    const uint64_t *copy = (const uint64_t *)(const void *)pal_sees(0, world_gpr[GPR_RSI], &rights);
    CHECK(copy[0] == 11 && copy[3] == 14);
    *(uint64_t *)(void *)pal_sees(0, world_gpr[GPR_RSI], &rights) = 77;
    const struct reply *rep = pal_return(1234);
    CHECK_EQ(rep->verdict, VERDICT_L1);  // the kernel goes back to who called
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(program_l1[VMCS_GUEST_RSP], CALL_RSP + 8);
    CHECK_EQ(world_gpr[GPR_RAX], 1234);
    CHECK_EQ(world_gpr[GPR_RBX], 99);
    CHECK_EQ(world_gpr[GPR_RSI], 0);
    CHECK_EQ(*(uint64_t *)world_at(FRAME_OF(BUFFER_PAGE)), 77);
    CHECK_EQ(world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP], 0);
    CHECK_EQ(program_unregister(), 0);
    CHECK(program_nothing_left());
}

TEST(an_interrupt_leaves_the_l2_at_its_call)
{
    registered(8);
    called();
    world_gpr[GPR_RAX] = 0x5ec4e7;
    CHECK_EQ(pal_leave(EXIT_EXTERNAL_INTERRUPT)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    CHECK(world_gpr[GPR_RAX] != 0x5ec4e7 && world_gpr[GPR_RDI] == 5 && world_gpr[GPR_RSI] == BUFFER_PAGE);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    CHECK_EQ(world_gpr[GPR_RAX], 0x5ec4e7);
    (void)pal_return(1);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
}

TEST(identity_is_level_and_ept12_too)
{
    registered(8);
    world_tag = EPTP12 + 0x10000;
    memcpy(world_at(world_tag & PAGE_MASK), world_at(EPTP12 & PAGE_MASK), PAGE_BYTES);
    CHECK_EQ(program_unregister(), TV_BAD_PARAM);
    world_tag = EPTP12 ^ 0x40;  // flags are no part of it
    CHECK_EQ(program_unregister(), 0);
}

TEST(a_page_that_ept12_lacks_is_for_the_l2s_hypervisor)
{
    program_start_l2(8);
    static const uint64_t page[] = { SECTIONS_AT, CODE_PAGE, STACK_PAGE };
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t entry = *program_ept12(page[i]);
        *program_ept12(page[i]) = 0;
        program_l1[VMCS_GUEST_RIP] = 0x402000;
        check_forwarded(refused_call(TV_CALL_REGISTER, SECTIONS_AT, PARAMS_AT, ENTRY), page[i],
                        i == 0 ? EPT_READ : i == 1 ? EPT_READ | EPT_EXECUTE : EPT_READ | EPT_WRITE);
        CHECK_EQ(program_l1[VMCS_GUEST_RIP], 0x402000);
        CHECK(program_nothing_left());
        *program_ept12(page[i]) = entry;
    }
    CHECK_EQ(program_register(), 0);
}

TEST(rights_of_ept12_count_for_each_page)
{
    program_start_l2(8);
    *program_ept12(DATA_PAGE) &= ~(uint64_t)EPT_WRITE;
    check_forwarded(refused_call(TV_CALL_REGISTER, SECTIONS_AT, PARAMS_AT, ENTRY), DATA_PAGE, EPT_READ | EPT_WRITE);
    *program_ept12(DATA_PAGE) |= EPT_WRITE;
    // Flags are to be set where the L2's writes are logged: nestvmx' to do, then the call is made again.
    world_tag = EPTP12 | 1ull << 6 | 1ull << 63;
    const struct reply *logged = refused_call(TV_CALL_REGISTER, SECTIONS_AT, PARAMS_AT, ENTRY);
    CHECK(logged->verdict == VERDICT_FORWARD && logged->arg[0] == EXIT_PML_FULL && (logged->arg[1] & ~7ull) == 0 && logged->arg[4] == 1);
    world_tag = EPTP12;
    *program_ept12(CODE_PAGE) &= ~(uint64_t)EPT_EXECUTE;
    check_forwarded(refused_call(TV_CALL_REGISTER, SECTIONS_AT, PARAMS_AT, ENTRY), CODE_PAGE, EPT_READ | EPT_EXECUTE);
    CHECK(program_nothing_left());
}

// With mode-based execute control a program's pages, which are user pages, need the right of users.
TEST(a_program_needs_the_right_of_users_to_execute)
{
    program_start_l2(8);
    uint64_t *tables = world_at(EPTP12 & PAGE_MASK);
    for (unsigned i = 0; i < 3 * 512; i++)
        tables[i] |= tables[i] ? EPT_EXECUTE_USER : 0;
    world_tag = EPTP12 | EPT_EXECUTE_USER;
    const struct reply *rep = refused_call(TV_CALL_REGISTER, SECTIONS_AT, PARAMS_AT, ENTRY);
    check_forwarded(rep, CODE_PAGE, EPT_READ | EPT_EXECUTE);
    CHECK_EQ(rep->arg[1] >> 3 & 15, EPT_RIGHTS);
    CHECK(program_nothing_left());
    *program_ept12(CODE_PAGE) = (*program_ept12(CODE_PAGE) & ~(uint64_t)EPT_EXECUTE) | EPT_EXECUTE_USER;
    CHECK_EQ(program_register(), 0);
}

TEST(an_ept12_that_leads_to_nothing_or_to_a_pals_page_gives_none)
{
    program_start_l2(8);
    const uint64_t entry = *program_ept12(DATA_PAGE);
    *program_ept12(DATA_PAGE) = (entry & 0xfff) | 0x7fffff000;  // beyond L1's memory
    CHECK(program_register() != 0);
    CHECK(program_nothing_left());
    *program_ept12(DATA_PAGE) = *program_ept12(STACK_PAGE);     // one page twice
    CHECK(program_register() != 0);
    CHECK(program_nothing_left());
    *program_ept12(DATA_PAGE) = entry;
    CHECK_EQ(program_register(), 0);
    *program_ept12(BUFFER_PAGE) = *program_ept12(DATA_PAGE);    // a buffer in the PAL's own page
    program_params->count = 0;
    CHECK(program_call(TV_CALL_REGISTER, BUFFER_PAGE, 0, PARAMS_AT, ENTRY + 1) != 0);
}

TEST(a_misconfigured_ept12_is_told_as_one)
{
    program_start_l2(8);
    *program_ept12(SECTIONS_AT) = (*program_ept12(SECTIONS_AT) & ~7ull) | EPT_WRITE;
    const struct reply *rep = refused_call(TV_CALL_REGISTER, SECTIONS_AT, PARAMS_AT, ENTRY);
    CHECK(rep->verdict == VERDICT_FORWARD && rep->arg[0] == EXIT_EPT_MISCONFIG && rep->arg[1] == 0);
}

TEST(a_result_waits_until_its_page_is_back)
{
    registered(8);
    called();
    const uint64_t entry = *program_ept12(BUFFER_PAGE);
    *program_ept12(BUFFER_PAGE) = 0;
    CHECK_EQ(pal_return(42)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);         // at the call, which is made again
    CHECK(world_gpr[GPR_RDI] == 5 && world_gpr[GPR_RSI] == BUFFER_PAGE && program_l1[VMCS_ENTRY_INTR_INFO] == 0);
    check_forwarded(program_enter(), BUFFER_PAGE, EPT_READ | EPT_WRITE);
    *program_ept12(BUFFER_PAGE) = entry;
    (void)program_enter();
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(world_gpr[GPR_RAX], 42);
}

// Writes are logged from now on; everything is flagged already.
static void start_logging(void)
{
    const uint64_t top = EPTP12 & PAGE_MASK;
    world_tag = EPTP12 | EPTP12_FLAGS | EPTP12_LOGS;
    for (unsigned table = 0; table < 4; table++)
        for (unsigned i = 0; i < 512; i++) {
            uint64_t *entry = (uint64_t *)world_at(top + table * PAGE_BYTES) + i;
            *entry |= *entry != 0 ? ENTRY12_ACCESSED | ENTRY12_DIRTY : 0;
        }
}

TEST(a_result_is_logged_if_writes_are_by_now)
{
    registered(8);
    start_logging();
    called();
    *program_ept12(BUFFER_PAGE) &= ~ENTRY12_DIRTY;
    *(uint64_t *)(void *)pal_sees(0, world_gpr[GPR_RSI], &rights) = 77;
    CHECK_EQ(pal_return(42)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    CHECK(!(*program_ept12(BUFFER_PAGE) & ENTRY12_DIRTY) && *(uint64_t *)world_at(FRAME_OF(BUFFER_PAGE)) == 11);
    const struct reply *rep = program_enter();
    CHECK(rep->verdict == VERDICT_FORWARD && rep->arg[0] == EXIT_PML_FULL && rep->arg[3] == FRAME_OF(BUFFER_PAGE) - L2_OFFSET);
    *program_ept12(BUFFER_PAGE) |= ENTRY12_DIRTY;
    (void)program_enter();
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(world_gpr[GPR_RAX], 42);
    CHECK_EQ(*(uint64_t *)world_at(FRAME_OF(BUFFER_PAGE)), 77);
}

// Who looks through a PAL sets no flags, and missing ones don't mean that its program has lost the page.
TEST(flags_that_l1_has_taken_away_end_no_pal)
{
    program_start_l2(8);
    start_logging();
    CHECK_EQ(program_register(), 0);
    for (unsigned logs = 0; logs < 2; logs++) {
        pal_table[0].paging.eptp12 = EPTP12 | EPTP12_FLAGS | (logs ? EPTP12_LOGS : 0);
        *program_ept12(DATA_PAGE) &= ~(ENTRY12_ACCESSED | ENTRY12_DIRTY);
        world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_PHYSICAL_ADDR] = FRAME_OF(DATA_PAGE);
        world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = 1;
        CHECK_EQ(world_exit(ORIGIN_L1, EXIT_EPT_VIOLATION, NULL)->verdict, VERDICT_FORWARD);
        CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
        CHECK_EQ(*program_ept12(DATA_PAGE) & (ENTRY12_ACCESSED | ENTRY12_DIRTY), 0);
    }
}

TEST(a_pointer_to_an_absent_page_is_the_l2s_page_fault)
{
    registered(8);
    const uint64_t entry = *program_pte(BUFFER_PAGE);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    *program_pte(BUFFER_PAGE) = 0;
    check_raised(program_enter(), 0x80000b0e, 6, BUFFER_PAGE);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    *program_pte(BUFFER_PAGE) = entry;
    called();
    *program_pte(BUFFER_PAGE) = 0;
    CHECK_EQ(pal_return(42)->verdict, VERDICT_L1);       // a PAL's exit is not the L2's: it makes the call again
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    CHECK(world_gpr[GPR_RDI] == 5 && world_gpr[GPR_RSI] == BUFFER_PAGE && program_l1[VMCS_ENTRY_INTR_INFO] == 0);
    check_raised(program_enter(), 0x80000b0e, 6, BUFFER_PAGE);
    *program_pte(BUFFER_PAGE) = entry;
    (void)program_enter();
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(world_gpr[GPR_RAX], 42);
}

TEST(a_pointers_page_that_ept12_lacks_at_the_call)
{
    registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    *program_ept12(BUFFER_PAGE) &= ~(uint64_t)EPT_WRITE;
    check_forwarded(program_enter(), BUFFER_PAGE, EPT_READ | EPT_WRITE);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
}

TEST(an_l2s_stray_fetch_is_gp_and_its_write_is_the_kernels)
{
    registered(8);
    program_l1[VMCS_GUEST_RIP] = ENTRY + 8;
    check_raised(program_touch(ENTRY, 4), 0x80000b0d, 0, 0);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    memset(pal_sees(0, DATA_PAGE, &rights), 0x55, PAGE_BYTES);
    const struct reply *reply = program_touch(DATA_PAGE, 2);
    CHECK(reply->verdict == VERDICT_FORWARD && reply->arg[0] == 0);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(DATA_PAGE)), 0x55);
}

TEST(an_l2_that_gave_a_page_to_another_program_ends_the_pal_first)
{
    registered(8);
    memset(pal_sees(0, DATA_PAGE, &rights), 0x55, PAGE_BYTES);
    *program_pte(DATA_PAGE) = 0;
    CHECK_EQ(program_touch(DATA_PAGE, 2)->verdict, VERDICT_RESUME);
    CHECK(program_nothing_left());
    CHECK_EQ(*(uint64_t *)world_at(FRAME_OF(DATA_PAGE)), 0);
}

TEST(l1_that_takes_an_l2s_page_back_ends_the_pal)
{
    registered(8);
    program_l1 = world_vmcs[VMCS_HANDLE_01];
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_PHYSICAL_ADDR] = FRAME_OF(DATA_PAGE);
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = 1;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_EPT_VIOLATION, NULL)->verdict, VERDICT_FORWARD);  // the hypervisor reads: ones
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    *program_ept12(DATA_PAGE) = 0;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_EPT_VIOLATION, NULL)->verdict, VERDICT_RESUME);
    CHECK(program_nothing_left());
}

TEST(an_l2_sees_trustvisor_by_its_own_leaf)
{
    registered(8);
    world_vmcs02 = WORLD_L2;
    world_gpr[GPR_RAX] = TV_CPUID;
    world_gpr[GPR_RCX] = 0;
    CHECK_EQ(world_exit(ORIGIN_L2, EXIT_CPUID, NULL)->verdict, VERDICT_FORWARD);
    world_gpr[GPR_RCX] = TV_CALL_L2_OFFSET;
    CHECK_EQ(world_exit(ORIGIN_L2, EXIT_CPUID, NULL)->verdict, VERDICT_RESUME);
    CHECK(world_gpr[GPR_RAX] == TV_CPUID_ANSWER && world_gpr[GPR_RBX] == TV_CPUID_NO_PAL && world_gpr[GPR_RCX] == 3);
    static const uint64_t other[] = { TV_CALL_REGISTER, TV_CALL_TEST, TV_CALL_L2_OFFSET, TV_CALL_L2_OFFSET + 14, TV_CALL_L2_OFFSET + 20, TV_CALL_L2_OFFSET + 24,
                                      TV_CALL_L2_OFFSET + 254, TV_CALL_L2_OFFSET + 256, 1ull << 32 | (TV_CALL_L2_OFFSET + 1) };
    for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        world_gpr[GPR_RAX] = other[i];
        CHECK(!world_routed(ORIGIN_L2, EXIT_VMCALL));  // the numbers of L1, and those that nobody has, are the L2's hypervisor's
    }
}

TEST(a_pal_needs_not_know_where_its_program_runs)
{
    registered(8);
    called();
    for (uint64_t offset = 0; offset <= TV_CALL_L2_OFFSET; offset += TV_CALL_L2_OFFSET) {
        CHECK_EQ(pal_hypercall(offset + TV_CALL_PCR_READ, 0, DATA_PAGE, 0, 0), TV_OK);
        world_gpr[GPR_RAX] = TV_CPUID;
        world_gpr[GPR_RCX] = offset;
        (void)pal_leave(EXIT_CPUID);
        CHECK(world_gpr[GPR_RAX] == TV_CPUID_ANSWER && world_gpr[GPR_RBX] == 0 && world_gpr[GPR_RCX] == 3);
    }
}

TEST(a_message_of_an_l2_that_fails_twice_is_its_hypervisors)
{
    registered(8);
    world_vmcs02 = WORLD_L2;
    CHECK_EQ(world_message(MSG_KILL, ORIGIN_L2, NULL)->verdict, VERDICT_FORWARD);
    called();
    CHECK_EQ(world_message(MSG_KILL, ORIGIN_PAL, NULL)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0x80000b0d);
    CHECK(program_nothing_left());
}
