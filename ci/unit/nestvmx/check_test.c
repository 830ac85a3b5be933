// SPDX-License-Identifier: BSD-2-Clause
// VM-entry checks: each is seen to fail, by its name in the log.
#define _DEFAULT_SOURCE  // MAP_ANONYMOUS
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "l1.h"

static uint64_t *const vmcs01 = world_vmcs[VMCS_HANDLE_01];

// Every row of the table.
#define CHECK_CONTROL(check, ...) #check,
#define CHECK_EVENT               CHECK_CONTROL
#define CHECK_HOST                CHECK_CONTROL
#define CHECK_GUEST               CHECK_CONTROL
#define CHECK_STATE               CHECK_CONTROL
#define CHECK_MSR                 CHECK_CONTROL
static const char *const names[] = {
#include "../../../nestvmx/entry_check.def"
};
#define NAMES (sizeof(names) / sizeof(names[0]))
static bool *reached;  // those that the log has named; where somebody wants to know

// The log's last line names that check, and none else.
static void named(const char *name)
{
    char line[300], expected[100];
    snprintf(line, sizeof(line), "%s ", world_log);
    snprintf(expected, sizeof(expected), " fails: %s ", name);
    if (strstr(line, expected) == NULL)
        printf("# %s: log says `%s'\n", name, world_log);
    CHECK(strstr(line, expected) != NULL);
    for (unsigned i = 0; reached != NULL && i < NAMES; i++)
        reached[i] = reached[i] || strcmp(names[i], name) == 0;
    world_log[0] = '\0';
}

// A VMCS12 that passes, but for one field.
struct bad { const char *name; enum vmcs_field field; uint64_t value; unsigned error; };

static const struct bad bad[] = {
    { "pin_controls", VMCS_PIN_CONTROLS, 0x16 | 1 << 7, 7 },
    { "pin_controls", VMCS_PIN_CONTROLS, 0, 7 },
    { "proc_controls", VMCS_PROC_CONTROLS, 0, 7 },
    { "proc_controls2", VMCS_PROC_CONTROLS2, 1 << 15, 7 },
    { "cr3_target_count", VMCS_CR3_TARGET_COUNT, 5, 7 },
    { "msr_bitmap", VMCS_MSR_BITMAP, 0x800, 7 },
    { "msr_bitmap", VMCS_MSR_BITMAP, 1ull << 40, 7 },
    { "no_tpr_shadow_x2apic", VMCS_PROC_CONTROLS2, 1 << 4, 7 },
    { "no_tpr_shadow_registers", VMCS_PROC_CONTROLS2, 1 << 8, 7 },
    { "no_tpr_shadow_delivery", VMCS_PROC_CONTROLS2, 1 << 9, 7 },
    { "virtual_nmis", VMCS_PIN_CONTROLS, 0x16 | 1 << 5, 7 },
    { "vpid", VMCS_VPID, 0, 7 },
    { "eptp", VMCS_EPTP, 0x40001d, 7 },   // memory type 5
    { "eptp", VMCS_EPTP, 0x400016, 7 },   // 3 levels
    { "eptp", VMCS_EPTP, 0x40009e, 7 },
    { "eptp", VMCS_EPTP, 1ull << 40 | 0x1e, 7 },
    { "unrestricted_needs_ept", VMCS_PROC_CONTROLS2, 1 << 7, 7 },
    { "vmfunc_reserved", VMCS_VM_FUNCTION_CONTROL, 2, 7 },
    { "vmfunc_reserved", VMCS_VM_FUNCTION_CONTROL, 1ull << 63, 7 },
    { "eptp_list", VMCS_EPTP_LIST_ADDR, 0x800, 7 },
    { "eptp_list", VMCS_EPTP_LIST_ADDR, 1ull << 40, 7 },
    { "vmread_bitmap", VMCS_VMREAD_BITMAP, 0x800, 7 },
    { "vmread_bitmap", VMCS_VMREAD_BITMAP, 1ull << 40, 7 },
    { "vmwrite_bitmap", VMCS_VMWRITE_BITMAP, 1, 7 },
    { "vmwrite_bitmap", VMCS_VMWRITE_BITMAP, 1ull << 63, 7 },
    { "exit_controls", VMCS_EXIT_CONTROLS, 0, 7 },
    { "exit_msr_store", VMCS_EXIT_MSR_STORE_COUNT, 1, 7 },
    { "exit_msr_load", VMCS_EXIT_MSR_LOAD_COUNT, 1, 7 },
    { "entry_msr_load", VMCS_ENTRY_MSR_LOAD_COUNT, 1, 7 },
    { "entry_controls", VMCS_ENTRY_CONTROLS, 0, 7 },
    { "entry_controls", VMCS_ENTRY_CONTROLS, 0x13fb | 1 << 10, 7 },
    { "event_type", VMCS_ENTRY_INTR_INFO, 0x80000100, 7 },
    { "event_vector", VMCS_ENTRY_INTR_INFO, 0x80000203, 7 },
    { "event_vector", VMCS_ENTRY_INTR_INFO, 0x80000320, 7 },
    { "event_vector", VMCS_ENTRY_INTR_INFO, 0x80000701, 7 },
    { "event_error_code", VMCS_ENTRY_INTR_INFO, 0x80000820, 7 },
    { "event_error_code", VMCS_ENTRY_INTR_INFO, 0x80000b06, 7 },
    { "event_error_code", VMCS_ENTRY_INTR_INFO, 0x8000030d, 7 },
    { "event_reserved", VMCS_ENTRY_INTR_INFO, 0x80001020, 7 },
    { "host_cr0", VMCS_HOST_CR0, 0x80050013, 8 },
    { "host_cr0", VMCS_HOST_CR0, 1ull << 32 | 0x80050033, 8 },
    { "host_cr4", VMCS_HOST_CR4, 0x20, 8 },
    { "host_cr4", VMCS_HOST_CR4, 0x2020 | 1 << 30, 8 },
    { "host_cr3", VMCS_HOST_CR3, 1ull << 40, 8 },
    { "host_sysenter_esp", VMCS_HOST_SYSENTER_ESP, 1ull << 47, 8 },
    { "host_sysenter_eip", VMCS_HOST_SYSENTER_EIP, 1ull << 47, 8 },
    { "host_pat", VMCS_HOST_PAT, 2, 8 },
    { "host_pat", VMCS_HOST_PAT, 8ull << 56, 8 },
    { "host_efer_reserved", VMCS_HOST_EFER, 0xd01 | 2, 8 },
    { "host_efer_mode", VMCS_HOST_EFER, 0x901, 8 },
    { "host_selectors", VMCS_HOST_ES_SELECTOR, 3, 8 },
    { "host_selectors", VMCS_HOST_TR_SELECTOR, 0x44, 8 },
    { "host_cs", VMCS_HOST_CS_SELECTOR, 0, 8 },
    { "host_tr", VMCS_HOST_TR_SELECTOR, 0, 8 },
    { "host_fs_base", VMCS_HOST_FS_BASE, 1ull << 47, 8 },
    { "host_gs_base", VMCS_HOST_GS_BASE, 1ull << 47, 8 },
    { "host_gdtr_base", VMCS_HOST_GDTR_BASE, 1ull << 47, 8 },
    { "host_idtr_base", VMCS_HOST_IDTR_BASE, 1ull << 47, 8 },
    { "host_tr_base", VMCS_HOST_TR_BASE, 1ull << 47, 8 },
    { "host_size", VMCS_EXIT_CONTROLS, 0x36dfb, 8 },
    { "host_64_pae", VMCS_HOST_CR4, 0x2000, 8 },
    { "host_64_rip", VMCS_HOST_RIP, 1ull << 47, 8 },
    { "guest_cr0", VMCS_GUEST_CR0, 0x80050013, 33 },
    { "guest_cr4", VMCS_GUEST_CR4, 0x20, 33 },
    { "link_pointer", VMCS_VMCS_LINK_POINTER, 0, 33 },
};

TEST(each_check_fails_for_its_reason)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_EXIT_MSR_STORE_ADDR, 8);
    l1_set(VMCS_EXIT_MSR_LOAD_ADDR, 8);
    l1_set(VMCS_ENTRY_MSR_LOAD_ADDR, 8);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_VMCS_SHADOWING | PROC2_ENABLE_VMFUNC);
    l1_set(VMCS_VM_FUNCTION_CONTROL, 1);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const uint64_t good = l1_get(bad[i].field);
        l1_set(bad[i].field, bad[i].value);
        const enum outcome outcome = l1_execute(EXIT_VMLAUNCH);
        named(bad[i].name);
        CHECK_EQ(outcome, bad[i].error == 33 ? ENTERED_L1 : FAILED_VALID);
        if (bad[i].error != 33)
            CHECK_EQ(l1_error(), bad[i].error);
        l1_set(bad[i].field, good);
    }
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
}

static void fails(const char *name)
{
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
    named(name);
}

static void fails_as_exit(const char *name, enum exit_reason reason, uint64_t qualification)
{
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
    named(name);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_REASON_FAILED | (unsigned)reason);
    CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), qualification);
}

static void set_bits(enum vmcs_field field, uint64_t bits) { l1_set(field, l1_get(field) | bits); }

TEST(checks_of_two_fields)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    const uint64_t proc = l1_get(VMCS_PROC_CONTROLS), proc2 = l1_get(VMCS_PROC_CONTROLS2), pin = l1_get(VMCS_PIN_CONTROLS);

    set_bits(VMCS_PROC_CONTROLS, PROC_USE_IO_BITMAPS);
    l1_set(VMCS_IO_BITMAP_A, 0x10);
    fails("io_bitmap_a");
    l1_set(VMCS_IO_BITMAP_A, 0);
    l1_set(VMCS_IO_BITMAP_B, 0x10);
    fails("io_bitmap_b");
    l1_set(VMCS_PROC_CONTROLS, proc | PROC_USE_TPR_SHADOW);
    l1_set(VMCS_VIRTUAL_APIC_ADDR, 0x10);
    fails("virtual_apic_addr");
    l1_set(VMCS_VIRTUAL_APIC_ADDR, 0x500000);
    l1_set(VMCS_TPR_THRESHOLD, 16);
    fails("tpr_threshold_reserved");
    l1_set(VMCS_TPR_THRESHOLD, 5);
    *(uint8_t *)world_at(0x500080) = 0x40;
    fails("tpr_threshold_vtpr");
    l1_set(VMCS_TPR_THRESHOLD, 4);
    l1_set(VMCS_PIN_CONTROLS, 0x16);
    l1_set(VMCS_PROC_CONTROLS, proc | PROC_NMI_WINDOW_EXITING);
    fails("nmi_window");
    l1_set(VMCS_PIN_CONTROLS, pin);
    l1_set(VMCS_PROC_CONTROLS, proc | PROC_USE_TPR_SHADOW);
    l1_set(VMCS_PROC_CONTROLS2, proc2 | PROC2_VIRTUALIZE_APIC_ACCESSES);
    l1_set(VMCS_APIC_ACCESS_ADDR, 1);
    fails("apic_access_addr");
    l1_set(VMCS_APIC_ACCESS_ADDR, 0x501000);
    set_bits(VMCS_PROC_CONTROLS2, PROC2_VIRTUALIZE_X2APIC);
    fails("x2apic_and_apic_access");
    l1_set(VMCS_PROC_CONTROLS2, proc2 | PROC2_VIRTUAL_INTERRUPT_DELIVERY);
    l1_set(VMCS_PIN_CONTROLS, pin & ~(uint64_t)PIN_EXTERNAL_INTERRUPT_EXITING);
    fails("delivery_external");
    l1_set(VMCS_PIN_CONTROLS, pin);
    l1_set(VMCS_PROC_CONTROLS2, proc2);
    set_bits(VMCS_PROC_CONTROLS2, PROC2_ENABLE_PML);
    l1_set(VMCS_PML_ADDR, 0x330008);
    fails("pml_address");
    l1_set(VMCS_PML_ADDR, 1ull << 40);
    fails("pml_address");
    l1_set(VMCS_PML_ADDR, 0x330000);
    l1_set(VMCS_PROC_CONTROLS2, PROC2_ENABLE_PML);
    fails("pml_needs_ept");
    l1_set(VMCS_PROC_CONTROLS2, PROC2_MODE_BASED_EXECUTE);
    fails("modes_need_ept");
    l1_set(VMCS_PROC_CONTROLS2, proc2);
    set_bits(VMCS_PROC_CONTROLS2, PROC2_EPT_VIOLATION_VE);
    l1_set(VMCS_VE_INFO_ADDR, 0x340008);
    fails("ve_info_address");
    l1_set(VMCS_VE_INFO_ADDR, 1ull << 40);
    fails("ve_info_address");
    l1_set(VMCS_VE_INFO_ADDR, 0x340000);
    l1_set(VMCS_PROC_CONTROLS2, PROC2_ENABLE_VMFUNC);
    l1_set(VMCS_VM_FUNCTION_CONTROL, 1);
    fails("eptp_switching_ept");
    l1_set(VMCS_PROC_CONTROLS2, proc2 | PROC2_USE_TSC_SCALING);
    fails("tsc_multiplier");
    l1_set(VMCS_PROC_CONTROLS2, proc2);

    set_bits(VMCS_EXIT_CONTROLS, EXIT_SAVE_PREEMPTION_TIMER);
    fails("save_timer");
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) & ~(uint64_t)EXIT_SAVE_PREEMPTION_TIMER);

    l1_set(VMCS_ENTRY_INTR_INFO, 0x80000b0d);
    for (uint64_t bit = 16; bit < 32; bit++) {
        l1_set(VMCS_ENTRY_EXCEPTION_ERROR, 1ull << bit);
        fails("event_error_value");
    }
    l1_set(VMCS_ENTRY_INTR_INFO, 0x80000b0e);
    l1_set(VMCS_ENTRY_EXCEPTION_ERROR, 0x8007);  // bit 15 of a #PF: SGX
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(l2_exit((enum exit_reason)(EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED)), ENTERED_L1);
    l1_set(VMCS_ENTRY_EXCEPTION_ERROR, 0);
    l1_set(VMCS_ENTRY_INTR_INFO, 0x80000480);
    l1_set(VMCS_ENTRY_INSTRUCTION_LENGTH, 16);
    fails("event_length");
    l1_set(VMCS_ENTRY_INSTRUCTION_LENGTH, 2);

    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 2);
    l1_set(VMCS_ENTRY_MSR_LOAD_ADDR, 0x1008);
    fails("entry_msr_load");
    l1_set(VMCS_ENTRY_MSR_LOAD_ADDR, (1ull << 40) - 16);
    fails("entry_msr_load");
    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
}

TEST(address_space_sizes)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_HOST_CR4, 0x2000 | 1 << 17);
    l1_set(VMCS_HOST_EFER, 0);
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) & ~(uint64_t)EXIT_HOST_64_BIT);
    vmcs01[VMCS_GUEST_EFER] = 0;
    fails("entry_ia32e_from_32");
    l1_set(VMCS_ENTRY_CONTROLS, l1_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_GUEST_IA32E);
    l1_set(VMCS_HOST_SS_SELECTOR, 0);
    fails("host_ss");
    l1_set(VMCS_HOST_SS_SELECTOR, 0x18);
    fails("host_32_pcid");
    l1_set(VMCS_HOST_CR4, 0x2000);
    fails("host_32_rip");
    l1_set(VMCS_HOST_RIP, 0x81000000);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_CS_ACCESS_RIGHTS], 0xc09b);
    // L1 in IA-32e mode with the same VMCS12.
    vmcs01[VMCS_GUEST_EFER] = 0xd01;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_VALID);
    CHECK_EQ(l1_error(), 8);
}

// Without EPT12 the PDPTEs come from L1's memory.
TEST(pdptes_without_ept)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_PROC_CONTROLS2, PROC2_ENABLE_VPID);
    l1_set(VMCS_ENTRY_CONTROLS, l1_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_GUEST_IA32E);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t *pdpte = (uint64_t *)world_at(0x77000) + i;
        *pdpte = 3;
        fails_as_exit("pdptes", EXIT_ENTRY_GUEST_STATE, 2);
        *pdpte = 2;  // not present
    }
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
}

TEST(msr_load_lists)
{
    static const struct { const char *name; uint32_t msr, reserved; uint64_t value; } bad_entry[] = {
        { "list_fs_gs_base", 0xc0000100, 0, 0 }, { "list_fs_gs_base", 0xc0000101, 1, 0 }, { "list_x2apic", 0x800, 0, 0 }, { "list_x2apic", 0x8ff, 1, 0 },
        { "list_reserved", 0x277, 1, 2 }, { "list_value", 0x277, 0, 2 }, { "list_value", 0xc0000080, 0, 2 },
    };
    const uint64_t list = 0x320000;
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_ENTRY_MSR_LOAD_ADDR, list);
    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 3);
    for (unsigned i = 0; i < sizeof(bad_entry) / sizeof(bad_entry[0]); i++) {
        memcpy((char *)world_at(list) + 16, &bad_entry[i].msr, 16);
        fails_as_exit(bad_entry[i].name, EXIT_ENTRY_MSR_LOAD, 2);
    }
    memset(world_at(list), 0, 0x3000);
    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 513);
    fails_as_exit("list_length", EXIT_ENTRY_MSR_LOAD, 513);
    world_unmap(list + 0x1000, 0x1000);
    fails_as_exit("list_memory", EXIT_ENTRY_MSR_LOAD, 257);
    // Of an exit: a VMX abort.
    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    l1_set(VMCS_EXIT_MSR_LOAD_ADDR, list + 0x1000);
    l1_set(VMCS_EXIT_MSR_LOAD_COUNT, 1);
    world_log_lines = 0;
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(world_log_lines, 2);  // which check, and the abort
}

static void cpu_refuses(const char *name)
{
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(l2_exit((enum exit_reason)(EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED)), ENTERED_L1);
    named(name);
}

// A state that no check of the table refuses.
static void fill_state(void)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    for (unsigned i = 0; i < 6; i++) {
        const bool code = i == VMCS_GUEST_CS_SELECTOR - VMCS_GUEST_ES_SELECTOR;
        l1_set((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), 0);
        l1_set((enum vmcs_field)(VMCS_GUEST_ES_BASE + i), 0);
        l1_set((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + i), 0xffffffff);
        l1_set((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), code ? 0xa09b : 0xc093);
    }
    l1_set(VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b);
    l1_set(VMCS_GUEST_TR_LIMIT, 0x67);
    l1_set(VMCS_GUEST_TR_SELECTOR, 0x40);
    l1_set(VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x10000);
    l1_set(VMCS_GUEST_RFLAGS, 2);
    l1_set(VMCS_GUEST_DR7, 0x400);
    l1_set(VMCS_GUEST_DEBUGCTL, 0);
}

// What the CPU refuses in VMCS02 is told to the log by the check's name.
TEST(the_log_names_the_check_that_the_cpu_failed)
{
    static const struct { const char *name; enum vmcs_field field; uint64_t value; } state[] = {
        { "guest_cr3", VMCS_GUEST_CR3, 1ull << 50 },
        { "guest_dr7", VMCS_GUEST_DR7, 1ull << 32 },
        { "guest_sysenter_esp", VMCS_GUEST_SYSENTER_ESP, 1ull << 47 },
        { "guest_tr_selector", VMCS_GUEST_TR_SELECTOR, 0x44 },
        { "guest_bases_canonical", VMCS_GUEST_FS_BASE, 1ull << 63 },
        { "guest_bases_32", VMCS_GUEST_CS_BASE, 1ull << 32 },
        { "guest_cs_rights", VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa092 },
        { "guest_ss_rights", VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc09b },
        { "guest_data_rights", VMCS_GUEST_DS_ACCESS_RIGHTS, 0xc092 },
        { "guest_tr_rights", VMCS_GUEST_TR_ACCESS_RIGHTS, 0x89 },
        { "guest_table_bases", VMCS_GUEST_IDTR_BASE, 1ull << 47 },
        { "guest_table_limits", VMCS_GUEST_GDTR_LIMIT, 0x10000 },
        { "guest_rip", VMCS_GUEST_RIP, 1ull << 50 },
        { "guest_rip", VMCS_GUEST_RIP, 1ull << 48 },
        { "guest_rip", VMCS_GUEST_RIP, 1ull << 63 },
        { "guest_rflags_reserved", VMCS_GUEST_RFLAGS, 0 },
        { "guest_blocking_both", VMCS_GUEST_INTERRUPTIBILITY, 3 },
        { "guest_blocking_reserved", VMCS_GUEST_INTERRUPTIBILITY, 0x20 },
        { "guest_activity", VMCS_GUEST_ACTIVITY_STATE, 4 },
        { "guest_pending_debug", VMCS_GUEST_PENDING_DEBUG, 0x10 },
        { "guest_pending_rtm", VMCS_GUEST_PENDING_DEBUG, 1 << 16 },
        { "guest_pending_rtm", VMCS_GUEST_PENDING_DEBUG, 1 << 16 | 1 << 12 | 8 },
        { "guest_pending_step", VMCS_GUEST_INTERRUPTIBILITY, 2 },
        { "guest_blocking_enclave", VMCS_GUEST_INTERRUPTIBILITY, 0x12 },
        { "guest_cr0_pg_pe", VMCS_GUEST_CR0, 0x80050032 },
        { "guest_debugctl", VMCS_GUEST_DEBUGCTL, 8 },
        { "guest_ia32e_paging", VMCS_GUEST_CR4, 0x2000 },
        { "guest_ia32e_paging", VMCS_GUEST_CR0, 0x50033 },
        { "guest_sysenter_eip", VMCS_GUEST_SYSENTER_EIP, 1ull << 47 },
        { "guest_pat", VMCS_GUEST_PAT, 2 },
        { "guest_efer_reserved", VMCS_GUEST_EFER, 0xd01 | 2 },
        { "guest_efer_lma", VMCS_GUEST_EFER, 0x901 },
        { "guest_efer_lme", VMCS_GUEST_EFER, 0xc01 },
        { "guest_v8086_segments", VMCS_GUEST_RFLAGS, 1 << 17 | 2 },
        { "guest_granularity", VMCS_GUEST_DS_LIMIT, 0xfffff000 },
        { "guest_ldtr_rights", VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x83 },
        { "guest_rflags_if", VMCS_ENTRY_INTR_INFO, 0x80000020 },
        { "guest_blocking_sti", VMCS_GUEST_INTERRUPTIBILITY, 1 },
        { "guest_blocking_smi", VMCS_GUEST_INTERRUPTIBILITY, 4 },
    };
    fill_state();
    l1_set(VMCS_GUEST_PENDING_DEBUG, 1 << 14);  // a step, which nothing checks where nothing holds it back
    for (unsigned i = 0; i < sizeof(state) / sizeof(state[0]); i++) {
        const uint64_t good = l1_get(state[i].field);
        l1_set(state[i].field, state[i].value);
        cpu_refuses(state[i].name);
        l1_set(state[i].field, good);
    }
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(l2_exit((enum exit_reason)(EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED)), ENTERED_L1);
    CHECK(strstr(world_log, "no name here") != NULL);
}

// The same for checks of more than one field.
TEST(the_log_names_the_check_of_more_fields)
{
    static const struct several { const char *name; struct { enum vmcs_field field; uint64_t value; } set[4]; } several[] = {
        { "guest_pcide", { { VMCS_ENTRY_CONTROLS, 0 }, { VMCS_GUEST_CR4, 0x2020 | 1 << 17 } } },
        { "guest_ldtr_selector", { { VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x82 }, { VMCS_GUEST_LDTR_SELECTOR, 4 } } },
        { "guest_ss_rpl", { { VMCS_PROC_CONTROLS2, PROC2_ENABLE_EPT }, { VMCS_GUEST_SS_SELECTOR, 3 } } },
        { "guest_hlt_dpl", { { VMCS_GUEST_ACTIVITY_STATE, 1 }, { VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc0f3 }, { VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa0fb } } },
        { "guest_inactive_blocked", { { VMCS_GUEST_ACTIVITY_STATE, 1 }, { VMCS_GUEST_INTERRUPTIBILITY, 1 }, { VMCS_GUEST_RFLAGS, 0x202 } } },
        { "guest_blocking_external", { { VMCS_ENTRY_INTR_INFO, 0x80000020 }, { VMCS_GUEST_INTERRUPTIBILITY, 2 }, { VMCS_GUEST_RFLAGS, 0x202 } } },
        { "guest_blocking_nmi", { { VMCS_ENTRY_INTR_INFO, 0x80000202 }, { VMCS_GUEST_INTERRUPTIBILITY, 2 } } },
        { "guest_blocking_nmi", { { VMCS_ENTRY_INTR_INFO, 0x80000202 }, { VMCS_GUEST_INTERRUPTIBILITY, 8 } } },
        { "guest_activity_event", { { VMCS_GUEST_ACTIVITY_STATE, 1 }, { VMCS_ENTRY_INTR_INFO, 0x80000306 } } },
        { "guest_activity_event", { { VMCS_GUEST_ACTIVITY_STATE, 2 }, { VMCS_ENTRY_INTR_INFO, 0x80000020 }, { VMCS_GUEST_RFLAGS, 0x202 } } },
        { "guest_activity_event", { { VMCS_GUEST_ACTIVITY_STATE, 2 }, { VMCS_ENTRY_INTR_INFO, 0x80000301 } } },
        { "guest_activity_event", { { VMCS_GUEST_ACTIVITY_STATE, 3 }, { VMCS_ENTRY_INTR_INFO, 0x80000202 } } },
        { "one that has no name here", { { VMCS_GUEST_ACTIVITY_STATE, 1 }, { VMCS_ENTRY_INTR_INFO, 0x80000301 } } },
        { "one that has no name here", { { VMCS_GUEST_ACTIVITY_STATE, 1 }, { VMCS_ENTRY_INTR_INFO, 0x80000700 } } },
        { "one that has no name here", { { VMCS_GUEST_ACTIVITY_STATE, 2 }, { VMCS_ENTRY_INTR_INFO, 0x80000312 } } },
        { "one that has no name here", { { VMCS_GUEST_ACTIVITY_STATE, 2 }, { VMCS_ENTRY_INTR_INFO, 0x80000202 } } },
        { "guest_pending_step", { { VMCS_GUEST_INTERRUPTIBILITY, 2 }, { VMCS_GUEST_RFLAGS, 0x102 } } },
        { "guest_pending_step", { { VMCS_GUEST_INTERRUPTIBILITY, 1 }, { VMCS_GUEST_RFLAGS, 0x302 } } },
        { "guest_pending_step", { { VMCS_GUEST_ACTIVITY_STATE, 1 }, { VMCS_GUEST_PENDING_DEBUG, 1 << 14 } } },
        { "guest_pending_step", { { VMCS_GUEST_INTERRUPTIBILITY, 2 }, { VMCS_GUEST_RFLAGS, 0x102 }, { VMCS_GUEST_DEBUGCTL, 2 }, { VMCS_GUEST_PENDING_DEBUG, 1 << 14 } } },
        { "one that has no name here", { { VMCS_GUEST_INTERRUPTIBILITY, 2 }, { VMCS_GUEST_RFLAGS, 0x102 }, { VMCS_GUEST_PENDING_DEBUG, 1 << 14 } } },
        { "one that has no name here", { { VMCS_GUEST_INTERRUPTIBILITY, 2 }, { VMCS_GUEST_RFLAGS, 0x102 }, { VMCS_GUEST_DEBUGCTL, 2 } } },
        { "guest_pending_rtm", { { VMCS_GUEST_PENDING_DEBUG, 1 << 16 | 1 << 12 }, { VMCS_GUEST_INTERRUPTIBILITY, 2 } } },
        { "one that has no name here", { { VMCS_GUEST_PENDING_DEBUG, 1 << 16 | 1 << 12 } } },
        // What some CPUs have: interrupted enclaves, bus-lock detection.
        { "one that has no name here", { { VMCS_GUEST_INTERRUPTIBILITY, 0x10 } } },
        { "one that has no name here", { { VMCS_GUEST_PENDING_DEBUG, 1 << 11 } } },
        { "one that has no name here", { { VMCS_GUEST_DEBUGCTL, 4 } } },
        // RIP needn't be canonical.
        { "one that has no name here", { { VMCS_GUEST_RIP, 1ull << 47 } } },
        { "one that has no name here", { { VMCS_GUEST_RIP, 0xffff7fffffffffff } } },
        { "guest_pdptes", { { VMCS_ENTRY_CONTROLS, 0 }, { VMCS_GUEST_EFER, 0 }, { VMCS_GUEST_PDPTE0 + 3, 3 } } },
    };
    fill_state();
    const uint64_t entry_32 = l1_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_GUEST_IA32E;
    for (unsigned i = 0; i < sizeof(several) / sizeof(several[0]); i++) {
        uint64_t good[4];
        for (unsigned n = 0; n < 4 && several[i].set[n].field != 0; n++) {
            good[n] = l1_get(several[i].set[n].field);
            l1_set(several[i].set[n].field, several[i].set[n].field == VMCS_ENTRY_CONTROLS ? entry_32 : several[i].set[n].value);
        }
        cpu_refuses(several[i].name);
        for (unsigned n = 0; n < 4 && several[i].set[n].field != 0; n++)
            l1_set(several[i].set[n].field, good[n]);
    }
    // Virtual-8086 mode whose segments are right, in IA-32e mode.
    for (unsigned i = 0; i < 6; i++) {
        l1_set((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + i), 0xffff);
        l1_set((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), 0xf3);
    }
    l1_set(VMCS_GUEST_RFLAGS, 1 << 17 | 2);
    cpu_refuses("guest_rflags_vm");
}

// Whatever check fails, some test has seen it do so. All of them again, each by itself, as main() runs them.
TEST(every_check_of_the_table_is_seen_to_fail)
{
    static void (*const tests[])(void) = { test_each_check_fails_for_its_reason, test_checks_of_two_fields, test_address_space_sizes, test_pdptes_without_ept,
        test_msr_load_lists, test_the_log_names_the_check_that_the_cpu_failed, test_the_log_names_the_check_of_more_fields };
    bool whole = true;
    reached = mmap(NULL, NAMES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(reached != MAP_FAILED);
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        int status = 1;
        const pid_t child = fork();
        if (child == 0) {
            tests[i]();
            _exit(0);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    for (unsigned i = 0; i < NAMES; i++) {
        // SDM 3C 27.2.4 says it, but then L1 is in no mode in which an earlier check wouldn't have failed.
        const bool expected = strcmp(names[i], "host_32_ia32e") != 0;
        if (reached[i] != expected)
            printf("# %s: %s\n", names[i], expected ? "never seen to fail" : "seen to fail");
        whole = whole && reached[i] == expected;
    }
    CHECK(whole);
}
