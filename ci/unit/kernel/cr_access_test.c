// SPDX-License-Identifier: BSD-2-Clause
// MOV to CR0 and CR4 by L1: which bits are L0's to watch, in VMX operation and out of it, and what is #GP(0).
#include <caps/exit_reason.h>

#include "../check.h"
#include "cr.h"
#include "ept01.h"
#include "exit.h"
#include "inject.h"
#include "msr.h"
#include "panic.h"
#include "route.h"
#include "vmcs01.h"
#include "vmcs.h"
#include "watchdog.h"

#define FIXED (CR0_PE | CR0_NE | CR0_PG)

static const struct vmx_caps caps = { .cr4_supported = CR4_PAE | CR4_PGE | CR4_VMXE, .cr0_fixed0 = CR0_NE, .cr4_fixed0 = CR4_VMXE };
const struct vmx_caps *vmx_caps = &caps;
const struct boot_info *boot_info;
static struct cpu cpu __attribute__((aligned(CPU_BLOCK_BYTES)));
static uint64_t field[VMCS_FIELD_COUNT];
static unsigned faults;

static uint64_t *place(uint64_t encoding)
{
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (vmcs_field_info[i].encoding == encoding)
            return &field[i];
    check_failed(__FILE__, __LINE__, "a field");
}
uint64_t fake_vmread(uint64_t encoding) { return *place(encoding); }
void fake_vmwrite(uint64_t encoding, uint64_t value) { *place(encoding) = value; }
void *fake_frame(void) { return &cpu; }
void vmcs_load(struct cpu *on, hpa_t vmcs) { on->vmcs_current = vmcs; }
void vmcs_control(struct cpu *on, enum vmcs_field which, uint32_t bits, bool set)
{
    CHECK(on == &cpu && cpu.vmcs_current.v == cpu.vmcs01.v);
    field[which] = set ? field[which] | bits : field[which] & ~(uint64_t)bits;
}
void vmcs_init_host_state(struct cpu *on) { (void)on; }
void vmcs_write_list(struct cpu *on, const struct boot_fields *list) { (void)on, (void)list; }
uint64_t ept01_pointer(void) { return 0; }
void watchdog_arm(void) {}
bool route_has(enum msg_origin origin, enum exit_reason reason) { return origin == ORIGIN_L1 && reason == EXIT_VMXON; }
void panic(const char *format, ...) { check_failed(__FILE__, __LINE__, format); }
void inject_gp(struct cpu *on, uint32_t error_code)
{
    CHECK(on == &cpu && error_code == 0);
    faults++;
}

// 32-bit code with paging, out of VMX operation.
static void begin(void)
{
    cpu.vmcs01.v = 0x1000;
    field[VMCS_GUEST_CR0] = FIXED;
    field[VMCS_CR0_GUEST_HOST_MASK] = caps.cr0_fixed0;
    field[VMCS_CR0_READ_SHADOW] = CR0_NE;  // of the bits that aren't watched it knows nothing
    field[VMCS_GUEST_CR4] = CR4_VMXE;
    field[VMCS_CR4_GUEST_HOST_MASK] = caps.cr4_fixed0;
    field[VMCS_CR4_READ_SHADOW] = CR4_VMXE;
}

// MOV to CR0 or CR4 from RCX. Whether it exits (SDM 3C 26.1.3 "Instructions That Cause VM Exits Conditionally"), and what becomes of it then.
enum { NO_EXIT, DONE, FAULT };
static unsigned mov_to(unsigned number, uint64_t value)
{
    const uint64_t mask = field[number == 0 ? VMCS_CR0_GUEST_HOST_MASK : VMCS_CR4_GUEST_HOST_MASK];
    const uint64_t *shadow = &field[number == 0 ? VMCS_CR0_READ_SHADOW : VMCS_CR4_READ_SHADOW], before = *shadow;
    if (!((value ^ before) & mask))
        return NO_EXIT;
    cpu.gpr[GPR_RCX] = value;
    field[VMCS_EXIT_QUALIFICATION] = number | GPR_RCX << 8;
    faults = 0;
    cr_access_exit(&cpu);
    CHECK_EQ(*shadow, faults > 0 ? before : value);
    return faults > 0 ? FAULT : DONE;
}

TEST(out_of_vmx_operation_paging_and_protection_are_l1s)
{
    begin();
    CHECK_EQ(mov_to(0, CR0_NE | CR0_PE), NO_EXIT);
    CHECK_EQ(mov_to(0, CR0_NE), NO_EXIT);
    CHECK_EQ(mov_to(0, CR0_PE | CR0_PG), DONE);
    CHECK_EQ(mov_to(4, 0), DONE);
}

TEST(in_vmx_operation_fixed_bits_stay)
{
    begin();
    vmcs01_vmx(&cpu, true);
    CHECK(cpu.l1_vmx);
    CHECK_EQ(field[VMCS_CR0_GUEST_HOST_MASK], FIXED);
    CHECK_EQ(field[VMCS_CR0_READ_SHADOW], FIXED);
    CHECK_EQ(mov_to(0, FIXED | CR0_TS), NO_EXIT);
    for (unsigned cleared = 1; cleared < 8; cleared++)
        CHECK_EQ(mov_to(0, FIXED & ~((cleared & 1 ? CR0_PE : 0) | (cleared & 2 ? CR0_NE : 0) | (cleared & 4 ? CR0_PG : 0))), FAULT);
    CHECK_EQ(mov_to(4, CR4_PAE), FAULT);
}

TEST(behind_vmx_operation_all_is_as_before)
{
    begin();
    vmcs01_vmx(&cpu, true);
    vmcs01_vmx(&cpu, false);
    CHECK(!cpu.l1_vmx);
    CHECK_EQ(field[VMCS_CR0_GUEST_HOST_MASK], CR0_NE);
    CHECK_EQ(mov_to(0, CR0_NE | CR0_PE), NO_EXIT);
    CHECK_EQ(mov_to(0, CR0_PE), DONE);
}

TEST(shadowing_ends_with_vmx_operation)
{
    begin();
    cpu.shadow.v = 0x2000;
    vmcs01_vmx(&cpu, true);
    CHECK(!(field[VMCS_PROC_CONTROLS2] & PROC2_VMCS_SHADOWING));
    vmcs01_shadow(&cpu, true);
    CHECK_EQ(field[VMCS_VMCS_LINK_POINTER], 0x2000);
    vmcs01_shadow(&cpu, false);
    CHECK_EQ(field[VMCS_VMCS_LINK_POINTER], ~0ull);
    CHECK(field[VMCS_PROC_CONTROLS2] & PROC2_VMCS_SHADOWING);
    vmcs01_shadow(&cpu, true);
    vmcs01_vmx(&cpu, false);
    CHECK(!(field[VMCS_PROC_CONTROLS2] & PROC2_VMCS_SHADOWING) && !cpu.shadowing);
    CHECK_EQ(field[VMCS_VMCS_LINK_POINTER], ~0ull);
}
