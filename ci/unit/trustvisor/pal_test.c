// SPDX-License-Identifier: BSD-2-Clause
// Registration, calls, interruptions and the end of PALs, by the messages that they make.
#include <string.h>

#include <caps/ept_map.h>
#include <caps/vmcs_feature.h>

#include "../../../trustvisor/pal.h"
#include "program.h"
#include "vector_fake.h"

static unsigned rights;

TEST(registration_takes_the_pages_and_maps_them_with_their_rights)
{
    program_registered(8);
    CHECK_EQ(world_owned_pages(), 4);
    CHECK(pal_sees(0, CODE_PAGE, &rights) == world_at(FRAME_OF(CODE_PAGE)));
    CHECK_EQ(rights, EPT_READ | EPT_EXECUTE);
    for (uint64_t page = DATA_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES) {
        CHECK(pal_sees(0, page, &rights) == world_at(FRAME_OF(page)));
        CHECK_EQ(rights, EPT_READ | EPT_WRITE);
    }
    CHECK(pal_sees(0, SECTIONS_AT, &rights) == NULL);
    CHECK(pal_sees(0, 4, &rights) == NULL);
    CHECK(pal_sees(0, 1ull << 46, &rights) == NULL);
}

TEST(pal_runs_at_cpl_3_without_descriptor_tables_and_is_interruptible)
{
    program_registered(8);
    const uint64_t *vmcs = PAL_VMCS(0);
    CHECK_EQ(vmcs[VMCS_GUEST_SS_ACCESS_RIGHTS] >> 5 & 3, 3);
    CHECK_EQ(vmcs[VMCS_GUEST_CS_ACCESS_RIGHTS], 0xa0fb);
    CHECK_EQ(vmcs[VMCS_GUEST_IDTR_LIMIT] | vmcs[VMCS_GUEST_GDTR_LIMIT], 0);
    CHECK_EQ(vmcs[VMCS_EXCEPTION_BITMAP], 0xffffffff);
    // All that isn't the PAL's memory and registers exits; nothing of the CPU's reaches memory by an address of L1's, nor goes off by itself.
    CHECK(vmcs[VMCS_PIN_CONTROLS] & PIN_EXTERNAL_INTERRUPT_EXITING && !(vmcs[VMCS_PIN_CONTROLS] & (PIN_PREEMPTION_TIMER | PIN_POSTED_INTERRUPTS)));
    const uint64_t exits = PROC_UNCONDITIONAL_IO_EXITING | PROC_RDPMC_EXITING | PROC_MONITOR_EXITING | PROC_MWAIT_EXITING;
    CHECK_EQ(vmcs[VMCS_PROC_CONTROLS] & exits, exits);
    CHECK_EQ(vmcs[VMCS_PROC_CONTROLS] & (PROC_USE_TPR_SHADOW | PROC_INTERRUPT_WINDOW_EXITING), 0);
    for (unsigned i = 0; i < BITMAP_KINDS * 512; i++)
        CHECK_EQ(world_bitmap[0][i / 512][i % 512], ~0ull);
    CHECK_EQ(vmcs[VMCS_PROC_CONTROLS2] & (PROC2_VIRTUALIZE_APIC_ACCESSES | PROC2_VIRTUALIZE_X2APIC | PROC2_APIC_REGISTER_VIRT), 0);
    CHECK_EQ(vmcs[VMCS_GUEST_EFER] & 1, 0);
    CHECK_EQ(vmcs[VMCS_GUEST_FS_BASE], DATA_PAGE);
    CHECK_EQ(vmcs[VMCS_GUEST_FS_ACCESS_RIGHTS], 0x10000);
    CHECK_EQ(world_count(OP_VMCS_CLEAR), 1);
}

TEST(call_passes_integers_and_copies_of_what_pointers_point_to)
{
    program_registered(8);
    const uint64_t data[4] = { 11, 12, 13, 14 };
    memcpy(world_at(FRAME_OF(BUFFER_PAGE + 0xff0)), data, sizeof(data));  // across a page border
    world_gpr[GPR_RDI] = 77;
    world_gpr[GPR_RSI] = BUFFER_PAGE + 0xff0;
    world_gpr[GPR_RBX] = world_gpr[GPR_R12] = world_gpr[GPR_R9] = 0x5ec4e7;
    memset(vector_now, 0xaa, sizeof(vector_now));
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    CHECK_EQ(PAL_VMCS(0)[VMCS_GUEST_RIP], ENTRY);
    CHECK_EQ(world_gpr[GPR_RDI], 77);
    CHECK_EQ(world_gpr[GPR_RSI], PARAM_PAGE + 0x10 + 8 + 24);  // the last parameter comes first
    CHECK(memcmp(pal_sees(0, world_gpr[GPR_RSI], &rights), data, sizeof(data)) == 0);
    CHECK_EQ(world_gpr[GPR_RBX] | world_gpr[GPR_R12] | world_gpr[GPR_R9], 0);
    CHECK_EQ(vector_now[0], 0);
    CHECK_EQ(PAL_VMCS(0)[VMCS_GUEST_RSP] % 16, 8);
    CHECK_EQ(*(uint64_t *)(void *)pal_sees(0, PAL_VMCS(0)[VMCS_GUEST_RSP], &rights), 4);
}

TEST(return_scrubs_all_but_the_result_and_copies_pointers_back)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE + 0xff0;
    world_gpr[GPR_RBX] = 0xb;
    memset(vector_now, 0xaa, sizeof(vector_now));
    program_enter();
    memset(pal_sees(0, world_gpr[GPR_RSI], &rights), 0x77, 32);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        world_gpr[i] = 0x5ec4e7;
    memset(vector_now, 0x5e, sizeof(vector_now));
    CHECK_EQ(pal_return(1234)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(program_l1[VMCS_GUEST_RSP], CALL_RSP + 8);
    CHECK_EQ(world_gpr[GPR_RAX], 1234);
    CHECK_EQ(world_gpr[GPR_RBX], 0xb);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        CHECK(world_gpr[i] != 0x5ec4e7);
    CHECK_EQ(vector_now[0], 0xaa);
    for (unsigned i = 0; i < 32; i++)
        CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(BUFFER_PAGE + 0xff0) + i), 0x77);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
}

TEST(a_32_bit_program_has_its_parameters_on_the_stack)
{
    program_registered(4);
    CHECK_EQ(PAL_VMCS(0)[VMCS_GUEST_CS_ACCESS_RIGHTS], 0xc0fb);
    CHECK_EQ(PAL_VMCS(0)[VMCS_GUEST_GS_BASE], DATA_PAGE);
    CHECK_EQ(PAL_VMCS(0)[VMCS_GUEST_GS_ACCESS_RIGHTS], 0xc0f3);
    const uint32_t argument[2] = { 77, (uint32_t)BUFFER_PAGE }, data[4] = { 1, 2, 3, 4 };
    memcpy((uint8_t *)world_at(FRAME_OF(CALL_RSP)) + 4, argument, sizeof(argument));
    memcpy(world_at(FRAME_OF(BUFFER_PAGE)), data, sizeof(data));
    world_gpr[GPR_RSI] = 0x51;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    const uint32_t *stack = (const uint32_t *)(const void *)pal_sees(0, PAL_VMCS(0)[VMCS_GUEST_RSP], &rights);
    CHECK_EQ(stack[0], 4);
    CHECK_EQ(stack[1], 77);
    CHECK(memcmp(pal_sees(0, stack[2], &rights), data, sizeof(data)) == 0);
    CHECK_EQ(PAL_VMCS(0)[VMCS_GUEST_RSP] % 16, 12);
    world_gpr[GPR_RCX] = world_gpr[GPR_RDX] = 0x5ec4e7;
    CHECK_EQ(pal_return(0x11223344556677)->verdict, VERDICT_L1);
    CHECK_EQ(world_gpr[GPR_RAX], 0x44556677);
    CHECK_EQ(world_gpr[GPR_RCX] | world_gpr[GPR_RDX], 0);
    CHECK_EQ(world_gpr[GPR_RSI], 0x51);
    CHECK_EQ(program_l1[VMCS_GUEST_RSP], CALL_RSP + 4);
}

TEST(ten_parameters_go_to_registers_and_stack)
{
    static const uint8_t order[] = { GPR_RDI, GPR_RSI, GPR_RDX, GPR_RCX, GPR_R8, GPR_R9 };
    program_start(8);
    program_params->count = 10;
    for (unsigned i = 0; i < 10; i++)
        program_params->param[i] = (struct tv_param){ TV_PARAM_INTEGER, 0, 1 };
    CHECK_EQ(program_register(), 0);
    uint64_t *stack = world_at(FRAME_OF(CALL_RSP));
    for (unsigned i = 0; i < 6; i++)
        world_gpr[order[i]] = 100 + i;
    for (unsigned i = 6; i < 10; i++)
        stack[1 + i - 6] = 100 + i;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    const uint64_t *inside = (const uint64_t *)(const void *)pal_sees(0, PAL_VMCS(0)[VMCS_GUEST_RSP], &rights);
    for (unsigned i = 0; i < 10; i++)
        CHECK_EQ(i < 6 ? world_gpr[order[i]] : inside[1 + i - 6], 100 + i);
}

TEST(an_interrupted_call_ends_at_its_boundary_and_goes_on_when_made_again)
{
    program_registered(8);
    world_gpr[GPR_RDI] = 1;
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    world_gpr[GPR_R13] = 0x13;
    uint64_t as_called[GPR_COUNT];
    memcpy(as_called, world_gpr, sizeof(as_called));
    memset(vector_now, 0xaa, sizeof(vector_now));
    program_enter();
    for (unsigned i = 0; i < GPR_COUNT; i++)
        world_gpr[i] = 0x5ec4e700 + i;
    memset(vector_now, 0x5e, sizeof(vector_now));
    CHECK_EQ(pal_leave(EXIT_EXTERNAL_INTERRUPT)->verdict, VERDICT_L1);
    CHECK(memcmp(world_gpr, as_called, sizeof(as_called)) == 0);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    CHECK_EQ(program_l1[VMCS_GUEST_RSP], CALL_RSP);
    CHECK_EQ(vector_now[0], 0xaa);
    memset(vector_now, 0xbb, sizeof(vector_now));
    world_cpu = 3;  // on another CPU
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        CHECK_EQ(world_gpr[i], 0x5ec4e700 + i);
    CHECK_EQ(vector_now[0], 0x5e);
    CHECK_EQ(pal_return(9)->verdict, VERDICT_L1);
    CHECK_EQ(vector_now[0], 0xbb);
    CHECK_EQ(world_gpr[GPR_RAX], 9);
}

TEST(another_call_waits_for_the_one_that_is_interrupted)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    pal_leave(EXIT_EXTERNAL_INTERRUPT);
    world_gpr[GPR_RDI] ^= 1;
    const struct reply *rep = program_enter();
    CHECK_EQ(rep->verdict, VERDICT_RESUME);
    CHECK_EQ(rep->set, 0);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    world_gpr[GPR_RDI] ^= 1;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    world_cpu = 1;  // while it runs on CPU 0
    CHECK_EQ(program_touch(ENTRY, 4)->verdict, VERDICT_RESUME);
}

TEST(an_nmi_and_an_init_suspend_it_too)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    PAL_VMCS(0)[VMCS_EXIT_INTR_INFO] = 0x80000202;
    CHECK_EQ(pal_leave(EXIT_EXCEPTION_OR_NMI)->verdict, VERDICT_L1);
    CHECK_EQ(pal_table[0].place.as.state, PAL_SUSPENDED);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    CHECK_EQ(pal_leave(EXIT_INIT)->verdict, VERDICT_L1);
    CHECK_EQ(pal_table[0].place.as.state, PAL_SUSPENDED);
}

static void ends_with_gp(const struct reply *rep)
{
    CHECK_EQ(rep->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0x80000b0d);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    CHECK(program_nothing_left());
}

TEST(a_pal_that_does_what_it_cannot_ends_and_is_scrubbed)
{
    static const enum exit_reason reason[] = { EXIT_EPT_VIOLATION, EXIT_HLT, EXIT_RDMSR, EXIT_IO, EXIT_CR_ACCESS, EXIT_TRIPLE_FAULT, EXIT_XSETBV,
                                               EXIT_ENTRY_GUEST_STATE };
    for (unsigned i = 0; i < sizeof(reason) / sizeof(reason[0]); i++) {
        program_l1[VMCS_ENTRY_INTR_INFO] = 0;
        program_registered(8);
        world_gpr[GPR_RSI] = BUFFER_PAGE;
        program_enter();
        memset(pal_sees(0, DATA_PAGE, &rights), 0x5e, PAGE_BYTES);
        memset(world_gpr, 0x5e, sizeof(world_gpr));
        ends_with_gp(pal_leave(reason[i]));
        for (unsigned j = 0; j < PAGE_BYTES; j++)
            CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(DATA_PAGE) + j), 0);
        for (unsigned j = 0; j < GPR_COUNT; j++)
            CHECK(world_gpr[j] != 0x5e5e5e5e5e5e5e5e);
    }
}

TEST(exceptions_end_it_but_for_the_return)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    ends_with_gp(pal_exception(14, 4, ENTRY));  // it reads at 4
}

TEST(unregistration_scrubs_what_it_could_write_and_gives_all_back)
{
    program_registered(8);
    memset(pal_sees(0, STACK_PAGE, &rights), 0x5e, PAGE_BYTES);
    CHECK_EQ(program_unregister(), 0);
    CHECK(program_nothing_left());
    for (uint64_t page = DATA_PAGE; page <= PARAM_PAGE; page += PAGE_BYTES)
        for (unsigned i = 0; i < PAGE_BYTES; i++)
            CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(page) + i), 0);
    CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(CODE_PAGE)), 0x90);
    CHECK(program_unregister() != 0);
}

TEST(unregistration_of_a_running_pal_is_refused_of_a_suspended_one_not)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    world_cpu = 1;
    CHECK(program_unregister() != 0);
    world_cpu = 0;
    pal_leave(EXIT_EXTERNAL_INTERRUPT);
    CHECK_EQ(program_unregister(), 0);
    CHECK(program_nothing_left());
}

TEST(identity_is_the_address_space_without_its_pcid)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_l1[VMCS_GUEST_CR3] ^= 0x805;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    pal_return(0);
    program_l1[VMCS_GUEST_CR3] ^= 0x8000;  // another one
    CHECK_EQ(program_touch(ENTRY, 4)->verdict, VERDICT_FORWARD);
    CHECK(program_unregister() != 0);
}

TEST(code_of_another_width_in_the_same_address_space_has_no_pal)
{
    program_registered(8);
    program_l1[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc0fb;
    CHECK(program_unregister() != 0);
    CHECK_EQ(program_touch(ENTRY, 4)->verdict, VERDICT_FORWARD);
    program_l1[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xa0fb;
    CHECK_EQ(program_unregister(), 0);
}

TEST(a_fetch_elsewhere_or_by_the_kernel_is_no_call)
{
    program_registered(8);
    program_l1[VMCS_GUEST_RIP] = ENTRY + 1;
    CHECK_EQ(program_touch(ENTRY + 1, 4)->verdict, VERDICT_FORWARD);
    program_l1[VMCS_GUEST_RIP] = ENTRY;
    program_l1[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc093;
    CHECK_EQ(program_touch(ENTRY, 4)->verdict, VERDICT_FORWARD);
}

TEST(a_stray_access_changes_nothing)
{
    program_registered(8);
    CHECK_EQ(program_touch(DATA_PAGE, 1)->verdict, VERDICT_FORWARD);
    CHECK_EQ(program_touch(DATA_PAGE, 2)->verdict, VERDICT_FORWARD);
    CHECK_EQ(world_owned_pages(), 4);
}

TEST(a_page_that_the_system_gave_to_another_ends_the_pal_first)
{
    program_registered(8);
    memset(world_at(FRAME_OF(DATA_PAGE)), 0x5e, PAGE_BYTES);
    *program_pte(DATA_PAGE) = 0;
    program_l1[VMCS_GUEST_CR3] = 0x5000;  // in another address space
    CHECK_EQ(program_touch(DATA_PAGE, 2)->verdict, VERDICT_RESUME);
    CHECK(program_nothing_left());
    CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(DATA_PAGE)), 0);
}

TEST(a_pointer_to_an_absent_page_is_the_programs_page_fault)
{
    program_registered(8);
    world_gpr[GPR_RSI] = ABSENT;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0x80000b0e);
    CHECK_EQ(program_l1[VMCS_ENTRY_EXCEPTION_ERROR], 6);
    CHECK_EQ(world_gpr[GPR_CR2], ABSENT);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], ENTRY);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    *program_pte(ABSENT) = FRAME_OF(ABSENT) | 7;  // the system loads it
    program_l1[VMCS_ENTRY_INTR_INFO] = 0;
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    *program_pte(ABSENT) = 0;                     // and takes it again
    world_gpr[GPR_RBX] = 0x5ec4e7;
    CHECK_EQ(pal_return(5)->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0x80000b0e);
    CHECK(world_gpr[GPR_RBX] != 0x5ec4e7 && world_gpr[GPR_RAX] != 5);
    *program_pte(ABSENT) = FRAME_OF(ABSENT) | 7;
    program_l1[VMCS_ENTRY_INTR_INFO] = 0;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(world_gpr[GPR_RAX], 5);
}

TEST(a_pointer_into_another_pal_or_its_own_pages_fails_the_call)
{
    program_registered(8);
    world_gpr[GPR_RSI] = DATA_PAGE;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK_EQ(program_l1[VMCS_GUEST_RIP], RETURN_TO);
    CHECK_EQ(world_gpr[GPR_RAX], ~0ull);
    CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
}

TEST(a_call_with_interrupts_off_fails)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_l1[VMCS_GUEST_RFLAGS] = 2;
    CHECK_EQ(program_enter()->verdict, VERDICT_RESUME);
    CHECK_EQ(world_gpr[GPR_RAX], ~0ull);
}

TEST(measurement_depends_on_contents_types_addresses)
{
    program_registered(8);
    uint8_t first[TV_HASH_BYTES];
    memcpy(first, pal_table[0].utpm.pcr[0], sizeof(first));
    program_unregister();
    memset(world_at(FRAME_OF(DATA_PAGE)), 0x90, 3 * PAGE_BYTES);
    CHECK_EQ(program_register(), 0);
    CHECK(memcmp(first, pal_table[0].utpm.pcr[0], sizeof(first)) == 0);
    program_unregister();
    CHECK_EQ(program_register(), 0);  // data is zero now
    CHECK(memcmp(first, pal_table[0].utpm.pcr[0], sizeof(first)) != 0);
}

TEST(the_micro_tpm_is_the_pals_alone)
{
    program_registered(8);
    for (uint64_t number = 1; number <= 23; number++)
        if (number != TV_CALL_REGISTER && number != TV_CALL_UNREGISTER && (number <= 13 || number >= 21))
            CHECK(program_call(number, BUFFER_PAGE, BUFFER_PAGE, BUFFER_PAGE, BUFFER_PAGE) != 0);
}

TEST(a_pal_reads_extends_seals_and_unseals)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    uint8_t *data = pal_sees(0, DATA_PAGE, &rights);
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_READ, 0, DATA_PAGE, 0, 0), 0);
    CHECK(memcmp(data, pal_table[0].utpm.pcr[0], TV_HASH_BYTES) == 0);
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_EXTEND, 5, DATA_PAGE, 0, 0), 0);
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_READ, 32, DATA_PAGE, 0, 0), TV_PCR_OUT_OF_RANGE);
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_READ, 0, CODE_PAGE, 0, 0), TV_BAD_PARAM);   // not for it to write
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_READ, 0, BUFFER_PAGE, 0, 0), TV_BAD_PARAM); // not its own
    CHECK_EQ(pal_hypercall(TV_CALL_PCR_READ, 0, DATA_PAGE + 0xff0, 0, 0), 0);      // into the next section

    const struct tv_buffer64 in = { DATA_PAGE + 0x100, 5 }, sealed = { DATA_PAGE + 0x200, DATA_PAGE + 0x80 }, out = { DATA_PAGE + 0x180, DATA_PAGE + 0x84 };
    memcpy(&data[0x100], "hello", 5);
    memcpy(&data[0x10], &in, sizeof(in));
    memcpy(&data[0x20], &sealed, sizeof(sealed));
    memcpy(&data[0x30], &out, sizeof(out));
    memset(&data[0x800], 0, sizeof(struct tv_pcr_info));
    CHECK_EQ(pal_hypercall(TV_CALL_SEAL, DATA_PAGE + 0x10, DATA_PAGE + 0x800, DATA_PAGE + 0x20, 0), 0);
    uint32_t bytes;
    memcpy(&bytes, &data[0x80], 4);
    const struct tv_buffer64 again = { DATA_PAGE + 0x200, bytes };
    memcpy(&data[0x40], &again, sizeof(again));
    CHECK_EQ(pal_hypercall(TV_CALL_UNSEAL, DATA_PAGE + 0x40, DATA_PAGE + 0x30, DATA_PAGE + 0x900, 0), 0);
    CHECK(memcmp(&data[0x180], "hello", 5) == 0);
    data[0x210] ^= 1;
    CHECK_EQ(pal_hypercall(TV_CALL_UNSEAL, DATA_PAGE + 0x40, DATA_PAGE + 0x30, DATA_PAGE + 0x900, 0), TV_BAD_PARAM);
    CHECK(pal_hypercall(TV_CALL_UNREGISTER, ENTRY, 0, 0, 0) != 0);
}

TEST(cpuid_says_whether_this_is_a_pal)
{
    program_registered(8);
    world_gpr[GPR_RAX] = TV_CPUID;
    world_gpr[GPR_RCX] = 0;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(world_gpr[GPR_RAX], TV_CPUID_ANSWER);
    CHECK_EQ(world_gpr[GPR_RBX], TV_CPUID_NO_PAL);
    CHECK_EQ(world_gpr[GPR_RCX], 1);
    world_gpr[GPR_RAX] = TV_CPUID;
    world_gpr[GPR_RCX] = 1;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_CPUID, NULL)->verdict, VERDICT_FORWARD);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    world_gpr[GPR_RAX] = TV_CPUID;
    world_gpr[GPR_RCX] = 0;
    CHECK_EQ(pal_leave(EXIT_CPUID)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_gpr[GPR_RAX], TV_CPUID_ANSWER);
    CHECK_EQ(world_gpr[GPR_RBX], 0);
}

TEST(numbers_that_nobody_has_are_not_ours)
{
    program_start(8);
    static const uint64_t other[] = { 0, 14, 20, 24, 254, 256, 0x4c415001, 1ull << 32 | 1 };
    for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        world_gpr[GPR_RAX] = other[i];
        CHECK(!world_routed(ORIGIN_L1, EXIT_VMCALL));
    }
}

TEST(a_reload_undoes_a_registration_that_was_half_done)
{
    program_registered(8);
    CHECK(pal_change(&pal_table[0], PAL_IDLE, PAL_MAKING, 2));
    world_init(1, 1ull << 2);
    CHECK(program_nothing_left());
}

TEST(a_reload_finishes_what_was_ending_and_keeps_the_rest)
{
    program_registered(8);
    world_init(1, 0);
    CHECK_EQ(world_owned_pages(), 4);
    CHECK(pal_change(&pal_table[0], PAL_IDLE, PAL_ENDING, 0));
    memset(world_at(FRAME_OF(DATA_PAGE)), 0x5e, PAGE_BYTES);
    world_init(1, 1);
    CHECK(program_nothing_left());
    CHECK_EQ(*(uint8_t *)world_at(FRAME_OF(DATA_PAGE)), 0);
}

TEST(a_message_that_fails_twice_costs_the_pal)
{
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    CHECK_EQ(world_message(MSG_KILL, ORIGIN_PAL, NULL)->verdict, VERDICT_L1);
    CHECK(program_nothing_left());
}

static const struct reply *killed(void) { return world_message(MSG_KILL, ORIGIN_L1, NULL); }

TEST(who_only_looks_pays_nothing_for_a_message_that_fails_twice)
{
    program_registered(8);
    // The system, or anybody: ones, as ever.
    for (unsigned access = 1; access <= 2; access++) {
        program_l1[VMCS_GUEST_SS_ACCESS_RIGHTS] = access == 1 ? 0xc093 : 0xc0f3;
        (void)program_touch(DATA_PAGE, access);
        CHECK_EQ(killed()->verdict, VERDICT_FORWARD);
        CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO], 0);
        CHECK_EQ(pal_table[0].place.as.state, PAL_IDLE);
    }
    // Who looks for us.
    world_gpr[GPR_RAX] = TV_CPUID;
    world_gpr[GPR_RCX] = 0;
    (void)world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(killed()->verdict, VERDICT_FORWARD);
    // Who calls: the code that stands there is nobody's to execute outside of the PAL.
    program_l1[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc0f3;
    (void)program_touch(ENTRY, 4);
    const struct reply *rep = killed();
    CHECK(rep->verdict == VERDICT_L1 && (program_l1[VMCS_ENTRY_INTR_INFO] & 0xff) == 13);
}

TEST(a_hypercall_that_fails_twice_is_gp)
{
    program_registered(8);
    CHECK_EQ(program_call(TV_CALL_TEST, 1, 0, 0, 0), 0);
    CHECK_EQ(killed()->verdict, VERDICT_L1);
    CHECK_EQ(program_l1[VMCS_ENTRY_INTR_INFO] & 0xff, 13);
}
