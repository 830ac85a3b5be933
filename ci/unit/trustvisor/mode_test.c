// SPDX-License-Identifier: BSD-2-Clause
// PALs of systems of 32 bits: 32-bit paging and PAE, in L1 and in an L2.
#include <string.h>

#include "../../../trustvisor/pal.h"
#include "program.h"

#define CR4_PSE    0x10u
#define LARGE      0x80u
#define LARGE_32   0x400000ull  // what a page directory's entry leads to
#define LARGE_PAE  0x200000ull
#define NO_EXECUTE (1ull << 63)

static const enum paging_mode modes[] = { PAGING_32, PAGING_PAE };
static unsigned rights;

static void starts(enum paging_mode mode, bool in_l2)
{
    program_system(mode);
    if (in_l2)
        program_start_l2(4);
    else
        program_start(4);
    program_two_params();
}

static void gives(uint32_t integer, uint32_t pointer)
{
    const uint32_t argument[2] = { integer, pointer };
    memcpy((uint8_t *)world_at(FRAME_OF(CALL_RSP)) + 4, argument, sizeof(argument));
}

static void calls(void)
{
    const uint32_t data[4] = { 11, 12, 13, 14 };
    memcpy(world_at(FRAME_OF(BUFFER_PAGE + 0xff8)), data, sizeof(data));  // across a page border
    gives(77, BUFFER_PAGE + 0xff8);
    world_gpr[GPR_RBX] = 0xb;
    world_gpr[GPR_RSI] = 0x51;
    world_gpr[GPR_R12] = 0xc0001;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
}

static void returns(void)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        world_gpr[i] = 0x5ec4e7;
    CHECK_EQ(pal_return(0x1122334455)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(program_l1[VMCS_GUEST_RSP], CALL_RSP + 4);
    CHECK_EQ(world_gpr[GPR_RAX], 0x22334455);
    CHECK_EQ(world_gpr[GPR_RCX] | world_gpr[GPR_RDX], 0);
    CHECK(world_gpr[GPR_RBX] == 0xb && world_gpr[GPR_RSI] == 0x51);
}

// The whole life of one, with an interrupt in it.
static void lives(enum paging_mode mode, bool in_l2)
{
    starts(mode, in_l2);
    CHECK_EQ(program_register(), 0);
    CHECK_EQ(world_owned_pages(), 4);
    CHECK(program_register() != 0);
    CHECK_EQ(pal_table[0].paging.mode, mode);
    calls();
    const uint64_t *vmcs = PAL_VMCS(0);  // a 32-bit program in a 64-bit system of its own
    CHECK(vmcs[VMCS_GUEST_CS_ACCESS_RIGHTS] == 0xc0fb && (vmcs[VMCS_GUEST_EFER] & 0x500) == 0x500 && (vmcs[VMCS_GUEST_CR4] & 0x20));
    const uint32_t *stack = (const uint32_t *)(const void *)pal_sees(0, vmcs[VMCS_GUEST_RSP], &rights);
    CHECK(stack[0] == 4 && stack[1] == 77);
    uint32_t *copy = (uint32_t *)(void *)pal_sees(0, stack[2], &rights);
    CHECK(copy[0] == 11 && copy[3] == 14);

    world_gpr[GPR_RBP] = 0x5ec4e7;
    CHECK_EQ(pal_leave(EXIT_EXTERNAL_INTERRUPT)->verdict, VERDICT_L1);
    CHECK(program_l1[VMCS_GUEST_RIP] == ENTRY && program_l1[VMCS_GUEST_RSP] == CALL_RSP);
    CHECK(world_gpr[GPR_RBX] == 0xb && world_gpr[GPR_RBP] != 0x5ec4e7);
    // On another CPU: the system has seen to the eight registers that it knows.
    world_cpu = 2;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        world_gpr[i] = i < GPR_R8 ? (0xffffull << 32 | world_gpr[i]) : 0xffff0000 + i;
    world_gpr[GPR_RBX] ^= 1;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);  // another call
    world_gpr[GPR_RBX] ^= 1;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    CHECK_EQ(world_gpr[GPR_RBP], 0x5ec4e7);
    copy[3] = 99;
    returns();
    CHECK_EQ(((const uint32_t *)world_at(FRAME_OF(BUFFER_PAGE + 0xff8)))[3], 99);

    CHECK_EQ(program_touch(DATA_PAGE, 1)->verdict, VERDICT_FORWARD);  // ones
    CHECK_EQ(program_unregister(), 0);
    CHECK(program_nothing_left());
    CHECK_EQ(*(uint32_t *)world_at(FRAME_OF(STACK_PAGE) + 0xff0), 0);
    CHECK(program_unregister() != 0);
}
TEST(a_pal_of_a_system_with_32_bit_paging_lives) { lives(PAGING_32, false); }
TEST(a_pal_of_a_system_with_pae_lives) { lives(PAGING_PAE, false); }
TEST(a_pal_of_an_l2_with_32_bit_paging_lives) { lives(PAGING_32, true); }
TEST(a_pal_of_an_l2_with_pae_lives) { lives(PAGING_PAE, true); }

// Nobody else's: the same number in CR3 and the same address of the entry.
static void is_not_found(void)
{
    CHECK(program_unregister() != 0);
    CHECK_EQ(program_touch(ENTRY, 4)->verdict, VERDICT_FORWARD);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
}

// Bits of CR3 that name no table are no part of the name; page-directory pointers take 32 bytes, and other systems' may lie in the same page.
TEST(identity_is_as_much_of_cr3_as_the_mode_uses)
{
    static const uint64_t ignored[] = { [PAGING_32] = 0xfff, [PAGING_PAE] = 0x1f };
    for (unsigned i = 0; i < 2; i++) {
        starts(modes[i], false);
        CHECK_EQ(program_register(), 0);
        program_l1[VMCS_GUEST_CR3] ^= ignored[modes[i]];
        calls();
        returns();
        program_l1[VMCS_GUEST_CR3] ^= ignored[modes[i]] + 1;
        program_l1[VMCS_GUEST_RIP] = ENTRY;
        is_not_found();
        program_l1[VMCS_GUEST_CR3] ^= ignored[modes[i]] + 1;
        CHECK_EQ(program_unregister(), 0);
    }
}

TEST(two_pae_systems_in_one_page_have_their_own_pals)
{
    starts(PAGING_PAE, false);
    CHECK_EQ(program_register(), 0);
    // The other one's: the same linear addresses, other frames.
    memcpy(world_at(SPARE_TABLE), world_at(PAGE_TABLE), PAGE_BYTES);
    for (uint64_t page = CODE_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES) {
        ((uint64_t *)world_at(SPARE_TABLE))[page >> 12] = FRAME_OF(page + 0x40000) | 7;
        memset(world_at(FRAME_OF(page + 0x40000)), 0x90, PAGE_BYTES);
    }
    *(uint64_t *)world_at(CR3_PAGE + PDPT_OFFSET + 0x20) = (CR3_PAGE + 0x5000) | 1;
    *(uint64_t *)world_at(CR3_PAGE + 0x5000) = SPARE_TABLE | 7;
    program_l1[VMCS_GUEST_CR3] += 0x20;
    CHECK_EQ(program_register(), 0);
    CHECK(pal_sees(1, DATA_PAGE, &rights) == world_at(FRAME_OF(DATA_PAGE + 0x40000)));
    CHECK(pal_sees(0, DATA_PAGE, &rights) == world_at(FRAME_OF(DATA_PAGE)));
    CHECK_EQ(program_unregister(), 0);
    CHECK(pal_table[0].place.as.state == PAL_IDLE && pal_table[1].place.as.state == PAL_FREE);
    program_l1[VMCS_GUEST_CR3] -= 0x20;
    calls();
}

TEST(a_system_that_changes_its_mode_is_another_one)
{
    starts(PAGING_PAE, false);
    CHECK_EQ(program_register(), 0);
    program_l1[VMCS_GUEST_RIP] = ENTRY;
    program_l1[VMCS_GUEST_CR3] &= ~0x1full;
    program_l1[VMCS_GUEST_CR4] ^= 0x20;
    pal_table[0].space = program_l1[VMCS_GUEST_CR3] & 0xfffff000;  // if the modes had one name for it
    is_not_found();
}

// The page directory's entry is a page: of 4 MiB, or 2 with PAE.
static uint64_t *large(enum paging_mode mode, uint64_t entry)
{
    uint64_t *at = world_at(mode == PAGING_32 ? CR3_PAGE : PAGE_DIRECTORY);
    if (mode == PAGING_32)
        *(uint32_t *)at = (uint32_t)entry;
    else
        *at = entry;
    return at;
}

// Where linear 0 lies; then the program's pages aren't at FRAME_OF, so its structures are copied.
static uint8_t *moved(enum paging_mode mode, uint64_t bits)
{
    const uint64_t base = 2 * LARGE_32 * 2;
    starts(mode, false);
    for (uint64_t page = CODE_PAGE; page <= READ_ONLY; page += PAGE_BYTES)
        memcpy(world_at(base + page), world_at(FRAME_OF(page)), PAGE_BYTES);
    (void)large(mode, base | LARGE | 7 | bits);
    return world_at(base);
}

TEST(large_pages_of_systems_of_32_bits_lead_to_each_of_their_pages)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *base = moved(modes[i], 0);
        CHECK_EQ(program_register(), 0);
        for (uint64_t page = CODE_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES)
            CHECK(pal_sees(0, page, &rights) == base + page);
        CHECK_EQ(program_unregister(), 0);
        CHECK(program_nothing_left());
    }
}

// Without CR4.PSE the bit means nothing: the entry leads to a table.
TEST(without_page_size_extensions_there_are_no_pages_of_4_mib)
{
    starts(PAGING_32, false);
    *(uint32_t *)world_at(CR3_PAGE) |= LARGE;
    program_l1[VMCS_GUEST_CR4] &= ~(uint64_t)CR4_PSE;
    CHECK_EQ(program_register(), 0);
    CHECK(pal_sees(0, DATA_PAGE, &rights) == world_at(FRAME_OF(DATA_PAGE)));
    calls();
    returns();
    CHECK_EQ(program_unregister(), 0);
}

// PSE-36: bits 20:13 are bits 39:32 of a 4 MiB page's address; those beyond what the CPU has are reserved, as bit 21 is.
TEST(pages_of_4_mib_have_as_many_address_bits_as_the_cpu)
{
    static const struct { uint32_t physical_bits, reserved; } cpu[] = { { 40, 1u << 21 }, { 39, 3u << 20 }, { 36, 0x1fu << 17 }, { 32, 0x1ffu << 13 } };
    for (unsigned i = 0; i < sizeof(cpu) / sizeof(cpu[0]); i++)
        for (uint32_t bit = 1u << 13; bit <= 1u << 21; bit <<= 1) {
            (void)moved(PAGING_32, bit);
            world_info.physical_bits = cpu[i].physical_bits;
            CHECK(program_register() != 0);  // a frame that isn't there, or none
            CHECK(program_nothing_left());
            // A parameter tells which.
            (void)moved(PAGING_32, 0);
            CHECK_EQ(program_register(), 0);
            *(uint32_t *)((uint8_t *)world_at(CR3_PAGE) + 4) = (uint32_t)(4 * LARGE_32) | LARGE | 7 | bit;
            gives(1, (uint32_t)LARGE_32 + 0x123);
            memcpy((uint8_t *)world_at(4 * LARGE_32) + CALL_RSP, world_at(FRAME_OF(CALL_RSP)), 16);
            program_l1[VMCS_GUEST_RIP] = ENTRY;
            program_l1[VMCS_GUEST_RSP] = CALL_RSP;
            program_l1[VMCS_GUEST_PHYSICAL_ADDR] = 4 * LARGE_32 + ENTRY;
            program_l1[VMCS_EXIT_QUALIFICATION] = 4;
            program_l1[VMCS_ENTRY_INTR_INFO] = 0;
            CHECK_EQ(world_exit(ORIGIN_L1, EXIT_EPT_VIOLATION, NULL)->verdict, VERDICT_RESUME);
            const bool reserved = bit & cpu[i].reserved;
            CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], reserved ? 0x80000b0e : 0);
            if (reserved)
                CHECK(program_l1[VMCS_ENTRY_EXCEPTION_ERROR] == 0xf && world_gpr[GPR_CR2] == LARGE_32 + 0x123);
            program_l1[VMCS_ENTRY_INTR_INFO] = 0;
            CHECK_EQ(program_unregister(), 0);
        }
}

// At the call, with a pointer to the buffer: the program's page fault, with that error code; the PAL stays.
static void faults(uint32_t error)
{
    gives(1, BUFFER_PAGE);
    program_l1[VMCS_ENTRY_INTR_INFO] = 0;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK(program_l1[VMCS_ENTRY_INTR_INFO] == 0x80000b0e && program_l1[VMCS_ENTRY_EXCEPTION_ERROR] == error);
    CHECK(world_gpr[GPR_CR2] == BUFFER_PAGE && program_l1[VMCS_GUEST_RIP] == ENTRY);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
}

TEST(a_pae_entry_with_a_reserved_bit_is_the_programs_page_fault)
{
    starts(PAGING_PAE, false);
    CHECK_EQ(program_register(), 0);
    const uint64_t entry = *program_pte(BUFFER_PAGE);
    for (unsigned bit = 40; bit < 63; bit++) {
        *program_pte(BUFFER_PAGE) = entry | 1ull << bit;
        faults(0xf);
    }
    *program_pte(BUFFER_PAGE) = entry | NO_EXECUTE;  // data
    calls();
    returns();
    program_l1[VMCS_GUEST_EFER] = 0;
    faults(0xf);
    *program_pte(BUFFER_PAGE) = entry & ~1ull;
    faults(6);
    *program_pte(BUFFER_PAGE) = entry & ~2ull;
    faults(7);
}

TEST(a_32_bit_entry_that_is_absent_is_the_programs_page_fault)
{
    starts(PAGING_32, false);
    CHECK_EQ(program_register(), 0);
    const uint32_t entry = *program_pte32(BUFFER_PAGE);
    *program_pte32(BUFFER_PAGE) = entry & ~1u;
    faults(6);
    *program_pte32(BUFFER_PAGE) = entry & ~2u;
    faults(7);
    *program_pte32(BUFFER_PAGE) = entry & ~4u;
    faults(7);
}

// What registration refuses of such systems' tables.
#define REFUSED(mode, name, change)        \
    TEST(registration_refuses_##name)      \
    {                                      \
        starts(mode, false);               \
        change;                            \
        CHECK(program_register() != 0);    \
        CHECK(program_nothing_left());     \
    }
static uint64_t *pdpte(void) { return world_at(CR3_PAGE + PDPT_OFFSET); }
REFUSED(PAGING_PAE, a_pae_directory_that_is_absent, *pdpte() &= ~1ull)
REFUSED(PAGING_PAE, a_pae_directory_that_is_no_memory, *pdpte() |= 1ull << 39)
REFUSED(PAGING_PAE, a_pae_table_that_is_absent, (void)large(PAGING_PAE, 0))
REFUSED(PAGING_PAE, a_pae_table_with_a_reserved_bit, (void)large(PAGING_PAE, PAGE_TABLE | 1ull << 52 | 7))
REFUSED(PAGING_PAE, a_large_pae_page_with_reserved_bits, (void)moved(PAGING_PAE, 1u << 13))
REFUSED(PAGING_PAE, a_pae_page_that_it_cannot_execute, *program_pte(CODE_PAGE) |= NO_EXECUTE)
REFUSED(PAGING_PAE, a_pae_page_that_it_cannot_write, *program_pte(DATA_PAGE) &= ~2ull)
REFUSED(PAGING_32, a_32_bit_table_that_is_absent, (void)large(PAGING_32, 0))
REFUSED(PAGING_32, a_32_bit_table_of_the_systems, (void)large(PAGING_32, PAGE_TABLE | 3))
REFUSED(PAGING_32, a_32_bit_page_that_it_cannot_write, *program_pte32(DATA_PAGE) &= ~2u)
REFUSED(PAGING_32, a_32_bit_page_of_the_systems, *program_pte32(STACK_PAGE) &= ~4u)
REFUSED(PAGING_32, a_32_bit_section_beyond_4_gib, program_sections->section[1].start |= 1ull << 32)

// The system takes a page away, which is how it is found out that it has another use.
TEST(a_page_that_a_system_of_32_bits_gave_to_another_ends_the_pal_first)
{
    for (unsigned i = 0; i < 2; i++) {
        starts(modes[i], false);
        CHECK_EQ(program_register(), 0);
        memset(world_at(FRAME_OF(DATA_PAGE)), 0x5e, PAGE_BYTES);
        if (modes[i] == PAGING_32)
            *program_pte32(DATA_PAGE) = 0;
        else
            *program_pte(DATA_PAGE) = 0;
        program_l1[VMCS_GUEST_CR3] = 0x5000;
        CHECK_EQ(program_touch(DATA_PAGE, 2)->verdict, VERDICT_RESUME);
        CHECK(program_nothing_left());
        CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(DATA_PAGE)), 0);
    }
}

// Behind the last address comes the first one.
static void at_the_end(uint64_t rsp)
{
    starts(PAGING_32, false);
    program_params->count = 0;
    ((uint32_t *)world_at(CR3_PAGE))[1023] = SPARE_TABLE | 7;
    ((uint32_t *)world_at(SPARE_TABLE))[1023] = (uint32_t)FRAME_OF(OWN_STACK) | 7;
    CHECK_EQ(program_register(), 0);
    const uint32_t to = RETURN_TO;
    memcpy(world_at(FRAME_OF(OWN_STACK) + 0xffc), &to, 4);
    program_l1[VMCS_GUEST_RSP] = rsp;
    program_l1[VMCS_GUEST_RIP] = ENTRY;
    world_vmcs02 = program_touch(ENTRY, 4)->vmcs02;
    CHECK_EQ(pal_return(5)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(program_l1[VMCS_GUEST_RSP], 0);
}
TEST(a_stack_at_the_end_of_4_gib_is_empty_at_zero) { at_the_end(0xfffffffc); }
TEST(a_stack_pointer_has_32_bits_there) { at_the_end(0x5fffffffc); }

TEST(a_pointer_across_the_end_of_4_gib_faults_at_zero)
{
    starts(PAGING_PAE, false);
    CHECK_EQ(program_register(), 0);
    pdpte()[3] = (CR3_PAGE + 0x5000) | 1;
    ((uint64_t *)world_at(CR3_PAGE + 0x5000))[511] = SPARE_TABLE | 7;
    ((uint64_t *)world_at(SPARE_TABLE))[511] = FRAME_OF(BUFFER_PAGE) | 7;
    gives(1, 0xfffffff8);
    world_gpr[GPR_CR2] = ~0ull;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK(program_l1[VMCS_ENTRY_INTR_INFO] == 0x80000b0e && program_l1[VMCS_ENTRY_EXCEPTION_ERROR] == 6);
    CHECK_EQ(world_gpr[GPR_CR2], 0);
}
