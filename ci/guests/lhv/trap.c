// SPDX-License-Identifier: BSD-2-Clause
// Exceptions and interrupts: L1's are caught, counted, or the test's failure; L2's are noted, then L2 says so by a VMCALL.

#include "trap.h"
#include "cpu.h"
#include "cpu_insn.h"
#include "lapic.h"
#include "test.h"
#include "user.h"
#include "x86.h"

struct gate trap_idt[256] __attribute__((aligned(4096))), l2_idt[256] __attribute__((aligned(4096)));

static void gate(struct gate *idt, unsigned vector, uint64_t to)
{
    const uint16_t attributes = vector == VECTOR_BP || vector == VECTOR_OF || vector >= 0x80 ? 0xee00 : 0x8e00;
    idt[vector] = (struct gate){ (uint16_t)to, SELECTOR_CODE, attributes, (uint16_t)(to >> 16), (uint32_t)(to >> 32), 0 };
}

static void gates(struct gate *idt, const char *stubs)
{
    for (unsigned i = 0; i < 256; i++)
        gate(idt, i, address(stubs) + i * 16);
}

void trap_prepare(void)
{
    gates(trap_idt, trap_stub);
    gates(l2_idt, l2_stub);
    gate(trap_idt, VECTOR_USER_END, address(user_end));
}

static void note(struct trap *t, const struct trap_frame *frame)
{
    *t = (struct trap){ frame->vector, frame->error, frame->rip, frame->rflags, cr2_read(), frame->rsp, frame->cs, t->count + 1 };
}

void trap_l1(struct trap_frame *frame)
{
    struct cpu *c = this_cpu();
    if (frame->vector == VECTOR_NMI) {
        void (*body)(uint64_t) = c->nmi_body;
        c->nmis++;
        c->nmi_body = NULL;
        if (body != NULL)
            body(c->nmi_argument);
    } else if (frame->vector >= 32) {
        note(&c->interrupt, frame);
        lapic_eoi();
    } else if (c->catch_rip != 0) {
        note(&c->caught, frame);
        frame->rip = c->catch_rip;
        frame->rflags &= ~(uint64_t)FLAG_TF;  // one step is what was wanted
        c->catch_rip = 0;
    } else {
        test_lost(frame->vector, frame->rip);
        frame->rip = CODE(test_leave);
    }
}

void trap_l2(struct trap_frame *frame)
{
    note(&this_cpu()->l2_trap, frame);
}
