// SPDX-License-Identifier: BSD-2-Clause
// Random VMCSs, INVEPT operands and EPT12 tables: whatever they come to, L1 goes on. EPT12 lets L2 write nowhere, so that it can't hurt L1 itself.

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "options.h"
#include "vmx.h"
#include "x86.h"

void fuzz_tests(void);

L2(fuzz_code, "cpuid\n\tmov (%rsi), %rax\n\trdtsc");

#define TIMER_TICKS 3000

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Fields whose value names memory that the CPU writes, or decides what L1 has afterwards: L1's own risk, not Bulkhead's.
static bool left_alone(unsigned field)
{
    switch (field) {
    case VMCS_EXIT_MSR_STORE_ADDR: case VMCS_EXIT_MSR_STORE_COUNT: case VMCS_EXIT_MSR_LOAD_ADDR: case VMCS_EXIT_MSR_LOAD_COUNT:
    case VMCS_ENTRY_MSR_LOAD_ADDR: case VMCS_ENTRY_MSR_LOAD_COUNT: case VMCS_VIRTUAL_APIC_ADDR: case VMCS_PML_ADDR: case VMCS_VE_INFO_ADDR:
    case VMCS_POSTED_INTR_DESC_ADDR: case VMCS_EPTP: case VMCS_PREEMPTION_TIMER: case VMCS_EXECUTIVE_VMCS: case VMCS_VMCS_LINK_POINTER:
    case VMCS_EPTP_LIST_ADDR: case VMCS_GUEST_SMBASE: case VMCS_GUEST_ACTIVITY_STATE:
        return true;
    default:
        return encoding_class(vmcs_field_info[field].encoding) == CLASS_HOST || encoding_class(vmcs_field_info[field].encoding) == CLASS_INFO;
    }
}

static uint64_t value(uint64_t *state, uint64_t before)
{
    const uint64_t random = next(state);
    switch (next(state) % 6) {
    case 0: return before ^ 1ull << random % 64;
    case 1: return before ^ 1ull << random % 16;
    case 2: return random;
    case 3: return random & 0xffff;
    case 4: return address(this_cpu()->page_c) + (random & 7);
    default: return random & 1 ? 0 : ~0ull;
    }
}

static void random_vmcs(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PIN, PREEMPTION_TIMER);  // nothing else may end what L2 does
    NEED(PROC2, ENABLE_EPT);
    uint64_t state = options.seed * 0x9e3779b97f4a7c15 + c->index + 1;
    for (uint64_t round = 0; round < options.fuzz; round++) {
        vmcs_use(c, (unsigned)(round % VMCS_MAX));
        c->ept_root[0] &= ~EPT_WRITE;
        l2_start(fuzz_code);
        for (unsigned n = (unsigned)(1 + next(&state) % 4); n > 0; n--) {
            const unsigned field = (unsigned)(next(&state) % VMCS_FIELD_COUNT);
            if (vmcs_has((enum vmcs_field)field) && !left_alone(field))
                vmcs_write((enum vmcs_field)field, value(&state, vmcs_read((enum vmcs_field)field)));
        }
        NEED(PIN, PREEMPTION_TIMER);
        NEED(PROC2, ENABLE_EPT);
        NEED(PROC, SECONDARY_CONTROLS);
        CLEAR(PROC2, ENABLE_VMFUNC);
        W(PREEMPTION_TIMER, TIMER_TICKS);
        GPR(RSI) = value(&state, address(c->data));
        for (unsigned run = 0; run < 3 && (run == 0 || c->exit.failed == 0); run++) {
            l2_run();
            cpu_restore(c);
        }
    }
    vmcs_use(c, 0);
    l2_start(fuzz_code);
    want_exit(EXIT_CPUID);
}

// Tables of random entries, and INVEPT with random operands: L2 reads and executes through them, but can't write.
static void random_ept(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PIN, PREEMPTION_TIMER);
    NEED(PROC2, ENABLE_EPT);
    uint64_t state = options.seed * 0x9e3779b97f4a7c15 + c->index + 77;
    c->ept_root[0] &= ~EPT_WRITE;
    for (uint64_t round = 0; round < options.fuzz; round++) {
        for (unsigned n = 0; n < 8; n++) {
            uint64_t *table = next(&state) & 1 ? c->ept_table : c->ept_regions;
            const uint64_t random = next(&state);
            table[next(&state) % 8] = random & 3 ? (address(c->data) & ~0xfffull) | (random & 0xfff) : random;
        }
        if (next(&state) & 1)
            c->ept_regions[0] = address(c->ept_table) | EPT_READ | EPT_EXECUTE;
        (void)vmx_invept(next(&state) % 4, next(&state) & 1 ? ept12_pointer(c) : next(&state), 0);
        W(PREEMPTION_TIMER, TIMER_TICKS);
        l2_start(fuzz_code);
        GPR(RSI) = WINDOW_LINEAR + (next(&state) & 0xffffff);
        for (unsigned run = 0; run < 3; run++) {
            l2_run();
            if (this_cpu()->exit.reason != EXIT_CPUID)
                break;
            l2_skip();
        }
    }
    ept12_reset(c);
    l2_start(fuzz_code);
    want_exit(EXIT_CPUID);
}

void fuzz_tests(void)
{
    TEST(random_vmcs);
    TEST(random_ept);
}
