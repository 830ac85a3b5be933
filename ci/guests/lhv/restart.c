// SPDX-License-Identifier: BSD-2-Clause
#include "restart.h"

#include "cpu_insn.h"
#include "lapic.h"
#include "user.h"

struct values { uint64_t cr3, cpu, stack, to, back; };
extern const uint8_t restart_page[], restart_values[], restart_far[], restart_gdt[], restart_page_end[] __attribute__((visibility("hidden")));
volatile uint64_t restart_count;

// With registers as INIT leaves them, and its own page tables.
static void restarted(struct cpu *c)
{
    cpu_restore(c);
    lapic_write(LAPIC_SPURIOUS, 0x1ff);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_TPR, 0);
    restart_count++;
}

void restart_prepare(void)
{
    struct cpu *c = this_cpu();
    for (unsigned i = 0; i < (unsigned)(restart_page_end - restart_page); i++)
        c->low[i] = restart_page[i];
    *(volatile uint32_t *)(void *)&c->low[restart_far - restart_page] += (uint32_t)address(c->low);
    *(volatile uint32_t *)(void *)&c->low[restart_gdt - restart_page] += (uint32_t)address(c->low);
    *(volatile struct values *)(void *)&c->low[restart_values - restart_page] =
        (struct values){ address(c->page_root), address(c), address(c->fault_stack), CODE(restarted), address(user_end) };
    restart_count = 0;
}

void restart_init(const struct cpu *c) { lapic_send(c->apic_id, ICR_INIT); }
void restart_sipi(const struct cpu *c) { lapic_send(c->apic_id, ICR_STARTUP | (uint32_t)(address(c->low) >> 12)); }
