// SPDX-License-Identifier: BSD-2-Clause
// Exceptions and NMIs in VMX root.
#include "trap.h"

#include "cr.h"
#include "cpu.h"
#include "exit.h"
#include "fixup.h"
#include "inject.h"
#include "panic.h"
#include "partition.h"
#include "shootdown.h"
#include "trap_frame.h"
#include "upcall.h"
#include "watchdog.h"

#define VECTORS 32
#define GATE_INTERRUPT 0x8e00u

// SDM 3A 6.14.1 "64-Bit Mode IDT".
struct gate { uint16_t offset0, selector, attributes, offset1; uint32_t offset2, reserved; };
static struct gate idt[256];  // all that INT can name: a VM exit leaves a limit of 64 KiB

// entry.S
extern const char trap_stub[VECTORS][16];
extern const char guest_enter_window[], guest_enter_window_end[], guest_reenter[];
void trap_entry(struct trap_frame *frame);

void trap_init(void)
{
    for (unsigned v = 0; v < VECTORS; v++) {
        uint64_t stub = (uintptr_t)trap_stub[v];
        unsigned ist = v == VECTOR_NMI ? IST_NMI : v == VECTOR_DB || v == VECTOR_DF || v == VECTOR_MC ? IST_FAULT : 0;
        idt[v] = (struct gate){ .offset0 = (uint16_t)stub, .selector = SELECTOR_KERNEL_CS, .attributes = (uint16_t)(GATE_INTERRUPT | ist),
                                .offset1 = (uint16_t)(stub >> 16), .offset2 = (uint32_t)(stub >> 32) };
    }
}

struct table_register trap_idt(void) { return (struct table_register){ sizeof(idt) - 1, (uintptr_t)idt }; }

static void trap_nmi(struct cpu *cpu, struct trap_frame *frame)
{
    if (!shootdown_nmi(cpu) && !watchdog_nmi(cpu)) {
        cpu->nmi_arrived = 1;
        // The entry code has looked already, and would enter the guest without it: it looks again.
        if (frame->rip >= (uintptr_t)guest_enter_window && frame->rip < (uintptr_t)guest_enter_window_end) {
            frame->rip = (uintptr_t)guest_reenter;
            frame->rsp = (uintptr_t)cpu + CPU_STACK_TOP;
        }
    }
    if ((frame->cs & 3) == 3)
        partition_nmi(cpu, frame);
}

static bool trap_fixup(struct trap_frame *frame)
{
    for (const struct fixup *fixup = fixup_first; fixup < fixup_last; fixup++) {
        if (fixup->fault == frame->rip) {
            frame->rip = fixup->resume;
            frame->gpr[GPR_R8] = 1;
            return true;
        }
    }
    return false;
}

void trap_entry(struct trap_frame *frame)
{
    struct cpu *cpu = cpu_self();
    if (frame->vector == VECTOR_NMI) {
        trap_nmi(cpu, frame);
        return;
    }
    uint64_t cr2 = frame->vector == VECTOR_PF ? cr2_read() : 0;
    if ((frame->cs & 3) == 3)
        partition_trap(cpu, (unsigned)frame->vector, frame->error, cr2, frame);
    if (frame->vector == VECTOR_DB && frame->rip == (uintptr_t)sysenter_entry) {
        frame->rflags &= ~RFLAGS_TF;  // a partition single-stepped into SYSENTER, which leaves TF
        return;
    }
    if (frame->vector == VECTOR_GP && trap_fixup(frame))
        return;
    panic_trap(frame, cr2);
}
