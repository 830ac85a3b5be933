// SPDX-License-Identifier: BSD-2-Clause
// The state region's undo journals.

#include <rt/channel.h>
#include <rt/state.h>

STATE struct state_journal rt_journal[CPU_MAX];

void state_copy(void *to, const void *from, uint32_t bytes)
{
    uint64_t *target = to;
    const uint64_t *source = from;
    for (uint32_t i = 0; i < bytes / 8; i++)
        state_write(&target[i], 8, source[i]);
}

// Backwards, so that a value that was written twice ends as it was before the first time.
static void roll_back(struct state_journal *journal)
{
    while (journal->count > 0) {
        const struct state_entry *entry = &journal->entry[journal->count - 1];
        void *address = (void *)(uintptr_t)(entry->place >> 4);
        switch (entry->place & 15) {
        case 1: *(volatile uint8_t *)address = (uint8_t)entry->before; break;
        case 2: *(volatile uint16_t *)address = (uint16_t)entry->before; break;
        case 4: *(volatile uint32_t *)address = (uint32_t)entry->before; break;
        default: *(volatile uint64_t *)address = entry->before; break;
        }
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        journal->count--;
    }
}

const struct request *state_last_request(uint32_t cpu)
{
    const struct request *last = NULL;
    for (unsigned slot = 0; slot < RING_SLOTS; slot++) {
        const struct request *request = &rt_channel[cpu].channel.request[slot].request;
        if (request->kind != MSG_INIT && (last == NULL || (int32_t)(request->sequence - last->sequence) > 0))
            last = request;
    }
    return last;
}

// Only of a CPU that there is: the others have no channel.
static uint32_t last_sequence(uint32_t cpu)
{
    const struct request *last = state_last_request(cpu);
    return last == NULL ? 0 : last->sequence;
}

void state_roll_back(uint64_t cpus)
{
    for (uint32_t cpu = 0; cpu < CPU_MAX; cpu++) {
        struct state_journal *journal = &rt_journal[cpu];
        if (((cpus >> cpu) & 1) && journal->sequence == last_sequence(cpu))
            roll_back(journal);
        else
            journal->count = 0;
    }
}
