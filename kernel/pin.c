// SPDX-License-Identifier: BSD-2-Clause
// The pins of each VMCS02: what its two fields name, and what they are about to. Page 0: nothing (it is never taken).
#include "pin.h"

#include <caps/cap.h>

#define WRITTEN 1u  // with what a field is about to name: this batch writes it, page 0 too

static uint64_t pins[VMCS02_MAX][2][2];
static uint32_t end;  // no VMCS02 from here on ever had one

void pin_set(uint32_t vmcs02, enum vmcs_field field, uint64_t address)
{
    uint32_t seen = __atomic_load_n(&end, __ATOMIC_RELAXED);
    while (seen <= vmcs02 && !__atomic_compare_exchange_n(&end, &seen, vmcs02 + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    __atomic_store_n(&pins[vmcs02][field == VMCS_APIC_ACCESS_ADDR][1], (address & PAGE_MASK) | WRITTEN, __ATOMIC_SEQ_CST);
}

void pin_settle(uint32_t vmcs02, bool written)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t next = pins[vmcs02][i][1];
        if (written && (next & WRITTEN))
            __atomic_store_n(&pins[vmcs02][i][0], next & PAGE_MASK, __ATOMIC_RELEASE);
        __atomic_store_n(&pins[vmcs02][i][1], 0, __ATOMIC_RELEASE);
    }
}

void pin_drop(uint32_t vmcs02)
{
    for (unsigned i = 0; i < 2; i++)
        __atomic_store_n(&pins[vmcs02][i][0], 0, __ATOMIC_RELEASE);
}

bool pin_has(gpa1_t page)
{
    bool found = false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < __atomic_load_n(&end, __ATOMIC_ACQUIRE) * 4; i++)
        found |= page.v != 0 && (__atomic_load_n(&pins[i / 4][i / 2 % 2][i % 2], __ATOMIC_ACQUIRE) & PAGE_MASK) == page.v;
    return found;
}
