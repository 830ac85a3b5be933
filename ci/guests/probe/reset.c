// SPDX-License-Identifier: BSD-2-Clause
// The machine's reset while partitions keep secrets.

#include <caps/hypercall.h>

#include "attempt.h"
#include "probe.h"
#include "serial.h"

void try_reset(void)
{
    struct registers rich = { .rax = HYPERCALL_HOSTILE_TRY, .rbx = TRY_keep_secret, .rcx = RICH };
    struct registers poor = { .rax = HYPERCALL_PAUPER_TRY, .rbx = TRY_keep_secret, .rcx = POOR };
    if (!hypercall(&rich) || rich.rax != OUTCOME_ENDED || rich.rbx != 0 || !hypercall(&poor) || poor.rax != OUTCOME_ENDED || poor.rbx != 0)
        return;
    watch("secrets");
    reset_machine();
}
