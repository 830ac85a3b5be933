// SPDX-License-Identifier: BSD-2-Clause
// Messages while faults are injected: every one must be answered, and nothing of L1's memory nor of two other partitions' may change.

#include <caps/hypercall.h>

#include "probe.h"
#include "serial.h"

// What `hello` answers, by a message that is longer than any of the injected faults comes late (kernel/fault_inject.h).
static uint64_t greeting(uint64_t offset)
{
    static const char text[] = "Hello from ring 3 of VMX root.";
    uint64_t part = 0;
    for (unsigned i = 0; i < 8; i++)
        part |= (uint64_t)(uint8_t)text[offset + i] << (8 * i);
    return part;
}

bool try_crashes(uint64_t messages)
{
    const struct hashes before = hashes_take();
    uint64_t wrong = 0;
    watch("before");
    for (uint64_t i = 0; i < messages; i++) {
        struct registers registers = { .rax = HYPERCALL_HELLO, .rbx = i % 20, .rcx = ~i, .rdx = i * 3, .rsi = i * 5 };
        const bool good = hypercall(&registers) && registers.rax == greeting(i % 20) && registers.rbx == i % 20 && registers.rcx == ~i &&
                          registers.rdx == i * 3 && registers.rsi == i * 5;
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

bool try_boots(uint64_t messages)
{
    for (uint64_t i = 0; i < messages; i++) {
        struct registers registers = { .rax = HYPERCALL_NULL, .rbx = i };
        if (!hypercall(&registers) || registers.rbx != i + 1)
            return false;
    }
    report("resets", "after", messages, 0);
    reset_machine();
}
