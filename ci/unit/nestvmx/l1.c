// SPDX-License-Identifier: BSD-2-Clause
// An L1 that executes VMX instructions.

#include <string.h>

#include "l1.h"

#define CR3_PAGE      0x10000ull

static uint64_t *l1 = world_vmcs[VMCS_HANDLE_01];
static uint64_t *shadow = world_vmcs[VMCS_HANDLE_SHADOW];
uint64_t *l2;
static bool shadowing;

// 1 GiB of identity by 2 MiB pages.
static void page_tables(void)
{
    uint64_t *pml4 = world_at(CR3_PAGE), *pdpt = world_at(CR3_PAGE + 0x1000), *pd = world_at(CR3_PAGE + 0x2000);
    pml4[0] = (CR3_PAGE + 0x1000) | 3;
    pdpt[0] = (CR3_PAGE + 0x2000) | 3;
    for (uint64_t i = 0; i < 512; i++)
        pd[i] = i << 21 | 0x83;
}

void l1_state(void)
{
    l1[VMCS_GUEST_CR0] = 0x80050033;
    l1[VMCS_GUEST_CR3] = CR3_PAGE;
    l1[VMCS_GUEST_CR4] = 0x2020;
    l1[VMCS_CR4_GUEST_HOST_MASK] = 0x2000;
    l1[VMCS_CR4_READ_SHADOW] = 0x2000;
    l1[VMCS_CR0_GUEST_HOST_MASK] = 0x20;
    l1[VMCS_CR0_READ_SHADOW] = 0x20;
    l1[VMCS_GUEST_EFER] = 0xd01;
    l1[VMCS_GUEST_PAT] = 0x0007040600070406;
    l1[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xa09b;
    l1[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc093;
    l1[VMCS_GUEST_RFLAGS] = 2;
    l1[VMCS_GUEST_RSP] = 0x7000;
    l1[VMCS_GUEST_DR7] = 0x400;
}

void l1_start(void)
{
    page_tables();
    l1_state();
    world_init(0, 0);
}

void l1_set_region(uint64_t region, uint32_t revision) { memcpy(world_at(region), &revision, sizeof(revision)); }

static void start_in_vmx(void)
{
    l1_start();
    l1_set_region(VMXON_PAGE, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
}

void l1_start_with_vmcs(void)
{
    start_in_vmx();
    l1_set_region(VMCS_PAGE, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
}

void l1_load_new(uint64_t region)
{
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, region), SUCCEEDED);
    memset(world_at(region), 0, PAGE_BYTES);
    l1_set_region(region, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, region), SUCCEEDED);
}

void l1_start_again(const uint64_t *page, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++) {
        world_mapped[page[i] / PAGE_BYTES] = true;
        memset(world_at(page[i]), 0, PAGE_BYTES);
    }
    memset(world_gpr, 0, sizeof(world_gpr));
    l1_state();
    l1[VMCS_GUEST_RIP] = L1_RIP;
    l1[VMCS_EXIT_INSTRUCTION_LENGTH] = L1_LENGTH;
    if (world_routed(ORIGIN_L1, EXIT_VMXOFF))
        world_exit(ORIGIN_L1, EXIT_VMXOFF, NULL);
    l1[VMCS_ENTRY_INTR_INFO] = 0;
    start_in_vmx();
    l1_load_new(VMCS_PAGE);
    l1_fill_vmcs();
}

#define FLAG_RF (1ull << 16)  // a fault's image has it
static enum outcome fault(void)
{
    const uint64_t event = l1[VMCS_ENTRY_INTR_INFO];
    CHECK_EQ(event & 0x80000700, 0x80000300);
    CHECK_EQ(l1[VMCS_GUEST_RIP], L1_RIP);
    CHECK_EQ(l1[VMCS_GUEST_RFLAGS] & FLAG_RF, FLAG_RF);
    l1[VMCS_ENTRY_INTR_INFO] = 0;
    l1[VMCS_GUEST_RFLAGS] &= ~FLAG_RF;
    switch (event & 0xff) {
    case 6: CHECK_EQ(event & 0x800, 0); return FAULT_UD;
    case 12: CHECK_EQ(event & 0x800, 0x800); return FAULT_SS;
    case 13: CHECK_EQ(event & 0x800, 0x800); CHECK_EQ(l1[VMCS_ENTRY_EXCEPTION_ERROR], 0); return FAULT_GP;
    case 14: CHECK_EQ(event & 0x800, 0x800); return FAULT_PF;
    default: check_failed(__FILE__, __LINE__, "no such exception");
    }
}

enum outcome l1_execute(enum exit_reason reason)
{
    l1[VMCS_GUEST_RIP] = L1_RIP;
    l1[VMCS_EXIT_INSTRUCTION_LENGTH] = L1_LENGTH;
    l1[VMCS_GUEST_RFLAGS] |= 0x10;  // a status flag that must go
    const struct reply *rep = world_exit(ORIGIN_L1, reason, NULL);
    const struct op *last = world_last(OP_SHADOW);
    if (last != NULL)  // else it is too long ago: nothing has changed since
        shadowing = last->a;
    if (rep->verdict == VERDICT_L2) {
        l2 = world_vmcs[VMCS_HANDLE_02 + rep->vmcs02];
        world_vmcs02 = rep->vmcs02;
        CHECK_EQ(l1[VMCS_GUEST_RIP], L1_RIP);
        return ENTERED_L2;
    }
    if (rep->verdict == VERDICT_L1)
        return ENTERED_L1;
    CHECK_EQ(rep->verdict, VERDICT_RESUME);
    if (l1[VMCS_ENTRY_INTR_INFO] & (1u << 31))
        return fault();
    CHECK_EQ(l1[VMCS_GUEST_RIP], L1_RIP + L1_LENGTH);
    if (reason == EXIT_RDMSR || reason == EXIT_WRMSR)
        return SUCCEEDED;
    switch (l1[VMCS_GUEST_RFLAGS] & RFLAGS_STATUS) {
    case 0: return SUCCEEDED;
    case 1: return FAILED_INVALID;
    case 0x40: return FAILED_VALID;
    default: check_failed(__FILE__, __LINE__, "flags that no VMX instruction leaves");
    }
}

static void memory_operand(uint64_t linear, unsigned other_register)
{
    l1[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | 1u << 27 | other_register << 28;
    l1[VMCS_EXIT_QUALIFICATION] = linear;
}

enum outcome l1_with_address(enum exit_reason reason, uint64_t address)
{
    memcpy(world_at(OPERAND), &address, sizeof(address));
    memory_operand(OPERAND, 0);
    return l1_execute(reason);
}

static void register_operands(uint32_t encoding)
{
    l1[VMCS_EXIT_INSTRUCTION_INFO] = 1u << 10 | GPR_RBX << 3 | (unsigned)GPR_R9 << 28;
    l1[VMCS_EXIT_QUALIFICATION] = 0;
    world_gpr[GPR_R9] = encoding;
}

enum outcome l1_vmread(uint32_t encoding, uint64_t *value)
{
    register_operands(encoding);
    world_gpr[GPR_RBX] = WORLD_POISON;
    const enum outcome outcome = l1_execute(EXIT_VMREAD);
    *value = world_gpr[GPR_RBX];
    return outcome;
}

enum outcome l1_vmwrite(uint32_t encoding, uint64_t value)
{
    register_operands(encoding);
    world_gpr[GPR_RBX] = value;
    return l1_execute(EXIT_VMWRITE);
}

uint64_t l1_get(enum vmcs_field field)
{
    uint64_t value = 0;
    if (shadowing && group_shadow[vmcs_field_info[field].group] != SHADOW_NONE)
        return shadow[field];
    CHECK_EQ(l1_vmread(vmcs_field_info[field].encoding, &value), SUCCEEDED);
    return value;
}

void l1_set(enum vmcs_field field, uint64_t value)
{
    if (shadowing && group_shadow[vmcs_field_info[field].group] == SHADOW_WRITE)
        shadow[field] = value;
    else
        CHECK_EQ(l1_vmwrite(vmcs_field_info[field].encoding, value), SUCCEEDED);
}

enum outcome l1_invalidate(enum exit_reason reason, uint64_t type, uint64_t low, uint64_t high)
{
    const uint64_t descriptor[2] = { low, high };
    memcpy(world_at(OPERAND), descriptor, sizeof(descriptor));
    world_gpr[GPR_RDI] = type;
    memory_operand(OPERAND, GPR_RDI);
    return l1_execute(reason);
}

uint64_t l1_error(void) { return l1_get(VMCS_INSTRUCTION_ERROR); }

static void fill_controls(void)
{
    l1_set(VMCS_PIN_CONTROLS, 0x16 | PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS);
    l1_set(VMCS_PROC_CONTROLS, 0x04006172 | PROC_HLT_EXITING | PROC_UNCONDITIONAL_IO_EXITING | PROC_USE_MSR_BITMAPS |
                               PROC_USE_TSC_OFFSETTING | PROC_SECONDARY_CONTROLS);
    l1_set(VMCS_PROC_CONTROLS2, PROC2_ENABLE_EPT | PROC2_ENABLE_VPID | PROC2_UNRESTRICTED_GUEST);
    l1_set(VMCS_EXIT_CONTROLS, 0x00036dfb | EXIT_SAVE_DEBUG_CONTROLS | EXIT_HOST_64_BIT | EXIT_LOAD_PAT | EXIT_LOAD_EFER);
    l1_set(VMCS_ENTRY_CONTROLS, 0x000011fb | ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_GUEST_IA32E | ENTRY_LOAD_GUEST_PAT | ENTRY_LOAD_GUEST_EFER);
    l1_set(VMCS_MSR_BITMAP, MSR_BITMAP);
    l1_set(VMCS_EPTP, EPTP12);
    l1_set(VMCS_VPID, 7);
    l1_set(VMCS_TSC_OFFSET, 0x1000);
    l1_set(VMCS_CR0_GUEST_HOST_MASK, ~0ull);
    l1_set(VMCS_VMCS_LINK_POINTER, ~0ull);
    memset(world_at(MSR_BITMAP), 0xff, 0x1000);
}

static void fill_host(void)
{
    l1_set(VMCS_HOST_CR0, 0x80050033);
    l1_set(VMCS_HOST_CR3, CR3_PAGE);
    l1_set(VMCS_HOST_CR4, 0x2020);
    l1_set(VMCS_HOST_EFER, 0xd01);
    l1_set(VMCS_HOST_PAT, 0x0007040600070406);
    l1_set(VMCS_HOST_CS_SELECTOR, 0x10);
    l1_set(VMCS_HOST_SS_SELECTOR, 0x18);
    l1_set(VMCS_HOST_TR_SELECTOR, 0x40);
    l1_set(VMCS_HOST_FS_BASE, 0xf5);
    l1_set(VMCS_HOST_GS_BASE, 0xffff888000000000);
    l1_set(VMCS_HOST_TR_BASE, 0x1234000);
    l1_set(VMCS_HOST_GDTR_BASE, 0x5000);
    l1_set(VMCS_HOST_IDTR_BASE, 0x6000);
    l1_set(VMCS_HOST_SYSENTER_CS, 0x10);
    l1_set(VMCS_HOST_SYSENTER_ESP, 0x7777);
    l1_set(VMCS_HOST_SYSENTER_EIP, 0x8888);
    l1_set(VMCS_HOST_RSP, 0x9990);
    l1_set(VMCS_HOST_RIP, 0xffffffff81000000);
}

void l1_fill_vmcs(void)
{
    fill_controls();
    fill_host();
    l1_set(VMCS_GUEST_CR0, 0x80050033);
    l1_set(VMCS_GUEST_CR3, 0x77000);
    l1_set(VMCS_GUEST_CR4, 0x2020);
    l1_set(VMCS_GUEST_EFER, 0xd01);
    l1_set(VMCS_GUEST_PAT, 0x0606060606060606);
    l1_set(VMCS_GUEST_RIP, 0x12340);
    l1_set(VMCS_GUEST_RSP, 0x56780);
    l1_set(VMCS_GUEST_RFLAGS, 0x202);
    for (unsigned i = 0; i < 7; i++)  // to LDTR
        l1_set((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), 0x10000);
    l1_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa09b);
    l1_set(VMCS_GUEST_CS_LIMIT, 0xffffffff);
    l1_set(VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc093);
    l1_set(VMCS_GUEST_SS_LIMIT, 0xffffffff);
    l1_set(VMCS_GUEST_ES_LIMIT, 0xa69f1c74);
    l1_set(VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b);
    l1_set(VMCS_GUEST_TR_LIMIT, 0x67);
}

void l1_launch(void) { CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2); }

enum outcome l2_exit(enum exit_reason reason)
{
    const struct reply *rep = world_exit(ORIGIN_L2, reason, NULL);
    return rep->verdict == VERDICT_L1 ? ENTERED_L1 : ENTERED_L2;
}
