// SPDX-License-Identifier: BSD-2-Clause
// The machine's end: statistics, scrubbing of secrets, then power-off or reset.
#include "power.h"

#include "boot.h"
#include "crash.h"
#include "descriptor_insn.h"
#include "io.h"
#include "log.h"
#include "partition.h"
#include "port.h"
#include "stats.h"
#include "vmcs.h"

enum { RESET_FULL = 6, KEYBOARD_PULSE_RESET = 0xfe };

void power_end(const char *stage)
{
    stats_print(stage);
    log_flush();
    partitions_scrub(true);
}

void power_l1_lost(struct cpu *cpu, const char *why, uint64_t number)
{
    char text[RECORDS_TEXT];
    log_format(text, sizeof(text), "L1 can't be entered: %s %lu, rip=0x%lx rflags=0x%lx cr0=0x%lx cr4=0x%lx", why, number, vmcs_read(VMCS_GUEST_RIP),
               vmcs_read(VMCS_GUEST_RFLAGS), vmcs_read(VMCS_GUEST_CR0), vmcs_read(VMCS_GUEST_CR4));
    log_line(LOG_ERROR, "%s", text);
    if (cpu->records.events.next <= 1)
        boot_fail(cpu, "the CPU refuses the first VM entry: the log says why");
    const struct crash_scene scene = { .kind = CRASH_ENTRY, .vector = CRASH_NO_VECTOR, .rip = (uintptr_t)__builtin_return_address(0) - 1,
                                       .frame = *(const uint64_t *)__builtin_frame_address(0), .gpr = cpu->gpr };
    crash_write(&scene, text);
    power_triple_fault(cpu);
}

void power_triple_fault(struct cpu *cpu)
{
    log_line(LOG_WARN, "triple fault of L1 at rip=0x%lx cr3=0x%lx", cpu->rip, vmcs_read(VMCS_GUEST_CR3));
    power_end("reset");
    power_reset();
}

void power_reset(void)
{
    port_out8(PORT_RESET, RESET_FULL);
    port_out8(PORT_KEYBOARD, KEYBOARD_PULSE_RESET);
    // No chipset did it: an exception without an IDT is what every CPU resets by.
    idt_load((struct table_register){ 0, 0 });
    __builtin_trap();
}
