// SPDX-License-Identifier: BSD-2-Clause
// Sending NMIs and SIPIs by xAPIC or x2APIC, whichever L1 has switched to on this CPU.
#include "lapic.h"

#include "boot_info.h"
#include "cpu.h"
#include "msr.h"

// SDM 3A 11.6.1 "Interrupt Command Register (ICR)".
#define ICR_NMI        0x4400u
#define ICR_SELF       0x44000u    // fixed, to this CPU
#define ICR_KIND       0xc0700u    // shorthand and delivery mode
#define ICR_SIPI_ALL   0xc0600u    // of a SIPI to all others
#define ICR_SHORTHAND  0xc0000u
#define ICR_PENDING    (1u << 12)

// SDM 3A 11.5.1 "Local Vector Table".
#define LVT_MASKED  0x10000u
#define LVT_DELIVER 0x7f0u       // delivery mode and vector; fixed with a vector below 16 is illegal

// Registers by their number: of 16 bytes each, and from MSR 0x800 on (SDM 3A 11.12.1.2 "x2APIC Register Address Space").
enum { EOI = 0xb, ICR_LOW = 0x30, ICR_HIGH = 0x31, LVT_COUNTER = 0x34 };
static volatile uint32_t *at(unsigned reg) { return (volatile uint32_t *)(LAPIC_VA + 16 * reg); }
static bool x2apic(void) { return msr_read(MSR_APIC_BASE) & APIC_BASE_X2APIC; }
static uint32_t get(unsigned reg) { return x2apic() ? (uint32_t)msr_read(MSR_X2APIC + reg) : *at(reg); }

static void set(unsigned reg, uint32_t value)
{
    if (x2apic())
        msr_write(MSR_X2APIC + reg, value);
    else
        *at(reg) = value;
}

static void wait_idle(void)
{
    for (unsigned i = 0; i < 1000000 && get(ICR_LOW) & ICR_PENDING; i++)
        __builtin_ia32_pause();
}

static void send(uint32_t apic_id, uint32_t command)
{
    if (x2apic()) {
        msr_write(MSR_X2APIC + ICR_LOW, (uint64_t)apic_id << 32 | command);
    } else {
        wait_idle();
        uint32_t high = *at(ICR_HIGH);
        *at(ICR_HIGH) = apic_id << 24;
        *at(ICR_LOW) = command;
        wait_idle();
        *at(ICR_HIGH) = high;
    }
}

void lapic_send_nmi(uint32_t apic_id) { send(apic_id, ICR_NMI); }

void lapic_requeue(uint8_t vector)
{
    wait_idle();
    set(EOI, 0);
    set(ICR_LOW, ICR_SELF | vector);
}

// What a reset leaves there has an illegal vector: writing that is an error in the APIC's error status (SDM 3A 11.5.3 "Error Handling"), so it comes back as a masked NMI.
uint32_t lapic_counter(uint32_t entry)
{
    const uint32_t before = get(LVT_COUNTER) & ~ICR_PENDING;  // the APIC's own here, too: delivery status
    set(LVT_COUNTER, entry);
    return before & LVT_DELIVER ? before : LVT_MASKED | LAPIC_NMI;
}

void lapic_repeat_sipi(void)
{
    uint32_t command = get(ICR_LOW);
    if ((command & ICR_KIND) != ICR_SIPI_ALL)
        return;
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_table[i]->deaf)
            send(cpu_table[i]->apic_id, command & ~(ICR_SHORTHAND | ICR_PENDING));
}
