// SPDX-License-Identifier: BSD-2-Clause
// The machine's reset while partitions keep secrets.

#include <caps/hypercall.h>

#include "attempt.h"
#include "cpu_insn.h"
#include "port.h"
#include "probe.h"
#include "serial.h"

#define PORT_KEYBOARD  0x64
#define KEYBOARD_RESET 0xfe  // pulse the line that resets the CPU

void try_reset(enum reset_by how)
{
    struct registers rich = { .rax = HYPERCALL_HOSTILE_TRY, .rbx = TRY_keep_secret, .rcx = RICH };
    struct registers poor = { .rax = HYPERCALL_PAUPER_TRY, .rbx = TRY_keep_secret, .rcx = POOR };
    if (!hypercall(&rich) || rich.rax != OUTCOME_ENDED || rich.rbx != 0 || !hypercall(&poor) || poor.rax != OUTCOME_ENDED || poor.rbx != 0)
        return;
    watch("secrets");
    switch (how) {
    case RESET_BY_KEYBOARD:
        out8(PORT_KEYBOARD, KEYBOARD_RESET);
        break;
    case RESET_BY_TRIPLE_FAULT:
        idt_load(&(const struct table_register){ 0, 0 });
        __builtin_trap();
    case RESET_BY_PORT:
        reset_machine();
    }
    for (;;)
        halt();
}
