// SPDX-License-Identifier: BSD-2-Clause
// Messages while faults are injected: every one must be answered, and nothing of L1's memory nor of two other partitions' may change.

#include <caps/hypercall.h>

#include "probe.h"

bool try_crashes(uint64_t messages)
{
    const struct hashes before = hashes_take();
    uint64_t wrong = 0;
    watch("before");
    for (uint64_t i = 0; i < messages; i++) {
        struct registers registers = { .rax = HYPERCALL_NULL, .rbx = i, .rcx = ~i, .rdx = i * 3, .rsi = i * 5 };
        const bool good = hypercall(&registers) && registers.rax == 0 && registers.rbx == i + 1 && registers.rcx == ~i && registers.rdx == i * 3 &&
                          registers.rsi == i * 5;
        if (!good)
            report("WRONG", "answer", i, registers.rbx);
        wrong += !good;
    }
    watch("after");
    wrong += !pattern_intact();
    const struct hashes after = hashes_take();
    if (before.hostile == 0 || before.pauper == 0 || after.hostile != before.hostile || after.pauper != before.pauper) {
        report("WRONG", "hash", before.hostile, after.hostile);
        wrong++;
    }
    report("sent", "messages", messages, wrong);
    return wrong == 0;
}
