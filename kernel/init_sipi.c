// SPDX-License-Identifier: BSD-2-Clause
// INIT and SIPI: any number of times, at any time (SDM 3A 9.4 "Multiple-Processor (MP) Initialization").
#include "init_sipi.h"

#include "exit.h"
#include "lapic.h"
#include "log.h"
#include "msr.h"
#include "shootdown.h"
#include "vmcs.h"
#include "vmcs01.h"

#define STALE_TICKS 100000u  // from SIPI to an INIT before which nothing can have been executed

void init_deliver(struct cpu *cpu)
{
    log_line(LOG_DEBUG, "INIT");  // RIP may still be that of a PAL's exit
    cpu->init_pending = cpu->nmi_pending = false;
    vmcs01_reset_guest(cpu);
    cpu->wait_for_sipi = !(msr_read(MSR_APIC_BASE) & APIC_BASE_BSP);
    if (cpu->wait_for_sipi)
        vmcs_write(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
}

void init_exit(struct cpu *cpu)
{
    // Sent while the CPU waited for SIPI and kept pending there: it has been reset already, and the SIPI behind it has been taken.
    bool stale = cpu->started && cpu->rip == 0 && cpu->event->tsc - cpu->started_tsc < STALE_TICKS;
    cpu->started = false;
    if (stale)
        return;
    // In VMX root operation INIT is blocked (SDM 3C 24.8 "Restrictions on VMX Operation").
    if (cpu->l1_vmx)
        cpu->init_pending = true;
    else
        init_deliver(cpu);
}

// Bochs (3.0) drops a SIPI to all others at the first CPU that it takes out of VMX non-root: whoever sent it sends it to the rest. On a CPU of
// silicon the rest has had it already, or gets one more, which changes nothing.
static void pass_on(const struct cpu *self)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_table[i] != self && cpu_table[i]->launched && !cpu_table[i]->deaf)
            shootdown_repeat_sipi(cpu_table[i]);
}

void sipi_exit(struct cpu *cpu)
{
    if (!cpu->wait_for_sipi)
        return;
    uint64_t vector = vmcs_read(VMCS_EXIT_QUALIFICATION) & 0xff;
    log_line(LOG_DEBUG, "SIPI vector=0x%lx", vector);
    cpu->wait_for_sipi = false;
    cpu->started = true;
    cpu->started_tsc = cpu->event->tsc;
    vmcs_write(VMCS_GUEST_CS_SELECTOR, vector << 8);
    vmcs_write(VMCS_GUEST_CS_BASE, vector << 12);
    vmcs_write(VMCS_GUEST_RIP, 0);
    // Whatever the exit has saved there: entry from wait-for-SIPI needs both as after INIT.
    vmcs_write(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
    vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
    pass_on(cpu);
}
