// SPDX-License-Identifier: BSD-2-Clause
// The machine's reset while partitions keep secrets.

#include <caps/hypercall.h>

#include "attempt.h"
#include "cpu_insn.h"
#include "port.h"
#include "probe.h"

enum { PORT_RESET = 0xcf9, RESET_CPU = 6 };

// Bochs (3.0) forgets at a reset where the PIIX4's power-management ports are, but not that they are on: the firmware, starting anew, would use
// ports that aren't there. Register PMREGMISC of PCI device 0:1.3.
static void power_management_off(void)
{
    out32(0xcf8, 0x80000b80);
    out8(0xcfc, 0);
}

void try_reset(void)
{
    struct registers rich = { .rax = HYPERCALL_HOSTILE_TRY, .rbx = TRY_keep_secret, .rcx = RICH };
    struct registers poor = { .rax = HYPERCALL_PAUPER_TRY, .rbx = TRY_keep_secret, .rcx = POOR };
    if (!hypercall(&rich) || rich.rax != OUTCOME_ENDED || rich.rbx != 0 || !hypercall(&poor) || poor.rax != OUTCOME_ENDED || poor.rbx != 0)
        return;
    watch("secrets");
    power_management_off();
    out8(PORT_RESET, RESET_CPU);
    for (;;)
        halt();
}
