// SPDX-License-Identifier: BSD-2-Clause
// Sending NMIs and SIPIs by xAPIC or x2APIC, whichever L1 has switched to on this CPU.
#include "lapic.h"

#include "boot_info.h"
#include "cpu.h"
#include "msr.h"

// SDM 3A 11.6.1 "Interrupt Command Register (ICR)".
#define ICR_NMI        0x4400u
#define ICR_MODE       0x0700u
#define ICR_SIPI       0x0600u
#define ICR_SHORTHAND  0xc0000u
#define ICR_ALL_OTHERS 0xc0000u
#define ICR_PENDING    (1u << 12)

#define ICR_SELF       0x44000u  // fixed, to this CPU

static volatile uint32_t *const eoi = (volatile uint32_t *)(LAPIC_VA + 0xb0);
static volatile uint32_t *const icr_low = (volatile uint32_t *)(LAPIC_VA + 0x300);
static volatile uint32_t *const icr_high = (volatile uint32_t *)(LAPIC_VA + 0x310);

static void wait_idle(void)
{
    for (unsigned i = 0; i < 1000000 && *icr_low & ICR_PENDING; i++)
        __builtin_ia32_pause();
}

static void send(uint64_t base, uint32_t apic_id, uint32_t command)
{
    if (base & APIC_BASE_X2APIC) {
        msr_write(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | command);
    } else if (base & APIC_BASE_ENABLE) {
        wait_idle();
        uint32_t high = *icr_high;
        *icr_high = apic_id << 24;
        *icr_low = command;
        wait_idle();
        *icr_high = high;
    }
}

void lapic_send_nmi(uint32_t apic_id) { send(msr_read(MSR_APIC_BASE), apic_id, ICR_NMI); }

void lapic_requeue(uint8_t vector)
{
    uint64_t base = msr_read(MSR_APIC_BASE);
    if (base & APIC_BASE_X2APIC) {
        msr_write(MSR_X2APIC_EOI, 0);
        msr_write(MSR_X2APIC_SELF_IPI, vector);
    } else if (base & APIC_BASE_ENABLE) {
        wait_idle();
        *eoi = 0;
        *icr_low = ICR_SELF | vector;
    }
}

void lapic_repeat_sipi(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE);
    uint32_t command = base & APIC_BASE_X2APIC ? (uint32_t)msr_read(MSR_X2APIC_ICR) : base & APIC_BASE_ENABLE ? *icr_low : 0;
    if ((command & (ICR_MODE | ICR_SHORTHAND)) != (ICR_SIPI | ICR_ALL_OTHERS))
        return;
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_table[i]->deaf)
            send(base, cpu_table[i]->apic_id, command & ~(ICR_SHORTHAND | ICR_PENDING));
}
