// SPDX-License-Identifier: BSD-2-Clause
// Moments at which somebody outside looks at this machine's memory.

#include "cpu_insn.h"
#include "probe.h"

bool watched;

void watch(const char *name)
{
    static volatile uint64_t moment;  // the one outside counts it up
    const uint64_t now = moment;
    if (!watched)
        return;
    report("watch", name, now, (uint64_t)(uintptr_t)&moment);
    while (moment == now)
        cpu_relax();
}
