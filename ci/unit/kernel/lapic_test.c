// SPDX-License-Identifier: BSD-2-Clause
// The local APIC in x2APIC mode, whose registers are MSRs. Those of xAPIC mode only the emulator has.

#include "../check.h"
#include "cpu.h"
#include "lapic.h"
#include "msr.h"

struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count;
static struct cpu first, deaf;
static uint64_t reg[0x40];
static unsigned writes;

uint64_t fake_msr_read(uint32_t msr)
{
    if (msr == MSR_APIC_BASE)
        return APIC_BASE_ENABLE | APIC_BASE_X2APIC;
    CHECK(msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x40);
    return reg[msr & 0x3f];
}

void fake_msr_write(uint32_t msr, uint64_t value)
{
    CHECK(msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x40);
    reg[msr & 0x3f] = value;
    writes++;
}

TEST(the_counters_entry_is_exchanged)
{
    static const struct { uint32_t was, found; } entries[] = {
        { 0x400, 0x400 }, { 0x10400, 0x10400 }, { 0xfe, 0xfe }, { 0x10010, 0x10010 }, { 0x200, 0x200 },
        { 0x10000, 0x10400 }, { 0, 0x10400 }, { 0x1000f, 0x10400 },  // of a reset, and with other illegal vectors
        { 0x1400, 0x400 }, { 0x110fe, 0x100fe }, { 0x11000, 0x10400 },                  // on its way to the CPU just then
    };
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        reg[0x34] = entries[i].was;
        CHECK_EQ(lapic_counter(LAPIC_NMI), entries[i].found);
        CHECK_EQ(reg[0x34], LAPIC_NMI);
        CHECK_EQ(lapic_counter(entries[i].found), LAPIC_NMI);
        CHECK_EQ(reg[0x34], entries[i].found);
    }
}

TEST(an_nmi_goes_to_one_cpu)
{
    lapic_send_nmi(0x12345);
    CHECK_EQ(reg[0x30], 0x12345ull << 32 | 0x4400);
}

TEST(an_interrupt_is_pending_again)
{
    reg[0xb] = 1;
    lapic_requeue(0xec);
    CHECK_EQ(reg[0xb], 0);
    CHECK_EQ(reg[0x30], 0x44000 | 0xec);
}

TEST(only_a_sipi_to_all_others_is_repeated)
{
    deaf = (struct cpu){ .index = 1, .apic_id = 3, .deaf = true };
    cpu_table[0] = &first, cpu_table[1] = &deaf;
    cpu_count = 2;
    static const uint32_t others[] = { 0x4400, 0x4600, 0xc4500, 0x84600, 0x44610 };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        reg[0x30] = others[i];
        writes = 0;
        lapic_repeat_sipi();
        CHECK_EQ(writes, 0);
    }
    reg[0x30] = 0xc4699;
    lapic_repeat_sipi();
    CHECK_EQ(writes, 1);
    CHECK_EQ(reg[0x30], 3ull << 32 | 0x4699);
}
