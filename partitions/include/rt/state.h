// SPDX-License-Identifier: BSD-2-Clause
// The state region: what survives a reload of the partition, as it was after the last message whose reply the kernel accepted.
//
// Every write goes through an undo journal of its CPU, which lies in the state region itself. The next message on that CPU empties it;
// after a reload MSG_INIT rolls back the journals of the CPUs whose message was not completed (request arg[1]). A value that two CPUs
// write in turn must stay locked until the end of the message of the one that wrote first: else his rollback takes the other's
// value away as well.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/layout.h>
#include <rt/cpu.h>
#include <rt/panic.h>

// A variable in the state region. It is zero when the partition is loaded for the first time; initial values aren't possible.
// (The name begins with .bss because compilers give only such sections no bytes in the file.)
#define STATE __attribute__((section(".bss.state")))

#define STATE_JOURNAL 255  // writes in one message: a journal is a page

struct state_entry {
    uint64_t place;  // address << 4 | bytes
    uint64_t before;
};
struct state_journal {
    uint64_t count;
    uint64_t sequence;  // of the message that wrote
    struct state_entry entry[STATE_JOURNAL];
};
_Static_assert(sizeof(struct state_journal) == PAGE_BYTES, "found by a shift");
extern struct state_journal rt_journal[CPU_MAX];

// Writes 1, 2, 4 or 8 bytes; a fault before the reply is accepted brings the old value back. 255 writes a message, more is a panic.
// The order journal entry, count, value is what makes a fault between any two instructions harmless.
static inline void state_write(void *address, uint32_t bytes, uint64_t value)
{
    struct state_journal *journal = &rt_journal[rt_cpu()];
    const uint64_t count = journal->count;
    if (__builtin_expect(count >= STATE_JOURNAL, 0))
        rt_panic("more writes to the state region in one message than the journal holds");
    struct state_entry *entry = &journal->entry[count];
    entry->place = (uint64_t)(uintptr_t)address << 4 | bytes;
    switch (bytes) {
    case 1: entry->before = *(volatile uint8_t *)address; break;
    case 2: entry->before = *(volatile uint16_t *)address; break;
    case 4: entry->before = *(volatile uint32_t *)address; break;
    default: entry->before = *(volatile uint64_t *)address; break;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    journal->count = count + 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    switch (bytes) {
    case 1: *(volatile uint8_t *)address = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)address = (uint16_t)value; break;
    case 4: *(volatile uint32_t *)address = (uint32_t)value; break;
    default: *(volatile uint64_t *)address = value; break;
    }
}

// What this message has written so far stays, even if it isn't completed: for what rt_invoke is about to make impossible to find out again.
static inline void state_keep(void) { rt_journal[rt_cpu()].count = 0; }

// state_set(&object->member, value): any integer, bool or enum of 1, 2, 4 or 8 bytes.
#define state_set(pointer, value)                                                                               \
    do {                                                                                                        \
        _Static_assert(sizeof(*(pointer)) == 1 || sizeof(*(pointer)) == 2 || sizeof(*(pointer)) == 4 ||         \
                       sizeof(*(pointer)) == 8, "state_set writes integers");                                   \
        state_write((pointer), (uint32_t)sizeof(*(pointer)), (uint64_t)(value));                                \
    } while (0)

// Larger objects, 8 bytes an entry; to and bytes are multiples of 8.
void state_copy(void *to, const void *from, uint32_t bytes);

// A spin lock. Keep it in ordinary memory, not in the state region: a reload frees it. Held across no call into another partition
// that can come back.
struct state_lock { uint32_t held; };
static inline __attribute__((always_inline)) void state_lock(struct state_lock *lock)
{
    if (__builtin_expect(__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE) == 0, 1))
        return;
    do
        __builtin_ia32_pause();
    while (__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE));
}
static inline void state_unlock(struct state_lock *lock)
{
    __atomic_store_n(&lock->held, 0u, __ATOMIC_RELEASE);
}

// The runtime's entry calls these: at the beginning of every message, and in MSG_INIT (cpus: bit n: CPU n's message was not completed). What
// such a message finds in the journal before it begins is of the one before, which was completed: that stays.
static inline void state_begin(uint32_t cpu, uint32_t sequence)
{
    rt_journal[cpu].count = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    rt_journal[cpu].sequence = sequence;
}
void state_roll_back(uint64_t cpus);

// The last message on that CPU, NULL: there was none. MSG_INIT isn't one.
struct request;
const struct request *state_last_request(uint32_t cpu);
