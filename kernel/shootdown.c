// SPDX-License-Identifier: BSD-2-Clause
// Shoot-down of translations.
#include "shootdown.h"

#include "cr.h"
#include "lapic.h"
#include "tlb_insn.h"
#include "vmx_caps.h"
#include "vmx_insn.h"

static volatile uint64_t generation;
static volatile uint32_t halting;  // whose panic halts the others: 1 and its index

static __attribute__((noreturn)) void halt(void)
{
    for (;;)
        insn_halt();
}

// Every translation of the host: all PCIDs.
static void flush_host(void)
{
    if (vmx_caps->invpcid) {
        insn_invpcid(INVPCID_ALL);
    } else {
        uint64_t cr4 = cr4_read();
        cr4_write(cr4 ^ CR4_PGE);
        cr4_write(cr4);
    }
}

void shootdown_serve(struct cpu *cpu)
{
    uint64_t seen = __atomic_load_n(&cpu->shootdown_seen, __ATOMIC_SEQ_CST);
    uint64_t now = __atomic_load_n(&generation, __ATOMIC_SEQ_CST);
    while (seen < now) {
        insn_invept(INVEPT_ALL, 0);
        flush_host();
        // An NMI meanwhile may have served a later request: taking that back, its sender would wait for this CPU's next exit.
        if (__atomic_compare_exchange_n(&cpu->shootdown_seen, &seen, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return;
    }
}

bool shootdown_nmi(struct cpu *cpu)
{
    if (halting)
        halt();
    // Cleared first: a request that comes now sends its own NMI. An NMI of L1's that melts with ours in the LAPIC is lost.
    bool ours = __atomic_exchange_n(&cpu->nmi_expected, 0, __ATOMIC_SEQ_CST);
    shootdown_serve(cpu);
    if (__atomic_exchange_n(&cpu->repeat_sipi, false, __ATOMIC_SEQ_CST))
        lapic_repeat_sipi();
    return ours;
}

void shootdown_kick(struct cpu *cpu)
{
    if (!__atomic_exchange_n(&cpu->nmi_expected, 1, __ATOMIC_SEQ_CST))
        lapic_send_nmi(cpu->apic_id);
}

void shootdown_repeat_sipi(struct cpu *cpu)
{
    __atomic_store_n(&cpu->repeat_sipi, true, __ATOMIC_SEQ_CST);
    shootdown_kick(cpu);
}

// Whether a CPU may use old translations. One that is deaf or not launched looks at the generation once it isn't any more; those that this one's
// panic halts never answer.
static bool must_wait(const struct cpu *cpu, uint64_t wanted)
{
    return halting != cpu_self()->index + 1 && __atomic_load_n(&cpu->launched, __ATOMIC_SEQ_CST) && !__atomic_load_n(&cpu->deaf, __ATOMIC_SEQ_CST) &&
           __atomic_load_n(&cpu->shootdown_seen, __ATOMIC_SEQ_CST) < wanted;
}

void shootdown(void)
{
    struct cpu *self = cpu_self();
    uint64_t wanted = __atomic_add_fetch(&generation, 1, __ATOMIC_SEQ_CST);
    shootdown_serve(self);
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_table[i] != self && must_wait(cpu_table[i], wanted))
            shootdown_kick(cpu_table[i]);
    for (unsigned i = 0; i < cpu_count; i++) {
        while (cpu_table[i] != self && must_wait(cpu_table[i], wanted)) {
            shootdown_serve(self);
            __builtin_ia32_pause();
        }
    }
}

void shootdown_halt_others(void)
{
    struct cpu *self = cpu_self();
    __atomic_store_n(&halting, self->index + 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_table[i] && cpu_table[i] != self && cpu_table[i]->launched)
            lapic_send_nmi(cpu_table[i]->apic_id);
}
