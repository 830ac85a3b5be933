// SPDX-License-Identifier: BSD-2-Clause
// VT-d units, as far as they change once the loader has set them up: translation turned on, IOTLBs emptied.
#include "vtd.h"

#include "event.h"
#include "log.h"
#include "panic.h"
#include "spinlock.h"

static struct spinlock lock;  // of all units

// One request to a unit at a time; all units work at once. With a queue the answer is a word in memory, which the unit changes as it would the register (VT-d 6.5.1.2
// "IOTLB Invalidate", 6.5.2.8 "Invalidation Wait Descriptor"). Returns one that doesn't do it, an error of its queue included; NULL: all have.
static const struct boot_vtd *invalidate(void)
{
    const struct boot_vtd *const end = boot_info->vtd + boot_info->vtd_count;
    for (const struct boot_vtd *unit = boot_info->vtd; unit < end; unit++) {
        *unit->answer = VTD_IOTLB_GLOBAL;
        if (unit->tail != NULL)
            *unit->tail = (*unit->tail + VTD_QUEUE_STEP) % PAGE_BYTES;
    }
    for (const struct boot_vtd *unit = boot_info->vtd; unit < end; unit++) {
        for (unsigned looks = 0; *unit->answer & VTD_IOTLB_BUSY && looks < VTD_LOOKS; looks++)
            __builtin_ia32_pause();  // memory answers faster than a register
        const uint64_t ends = *unit->answer;
        if (ends & VTD_IOTLB_BUSY || !(ends & VTD_IOTLB_DONE))
            return unit;
    }
    return NULL;
}

bool vtd_start(void)
{
    if (invalidate() != NULL)
        return false;
    for (unsigned i = 0; i < boot_info->vtd_count; i++) {
        volatile uint32_t *command = boot_info->vtd[i].command, *status = command + 1;
        *command = (*status & VTD_LASTING) | VTD_TRANSLATION;
        for (unsigned looks = 0; !(*status & VTD_TRANSLATION); looks++)
            if (looks == VTD_LOOKS)
                return false;
    }
    return true;
}

void vtd_forget(void)
{
    spinlock_acquire(&lock);
    const struct boot_vtd *wrong = invalidate();
    if (wrong != NULL)
        panic("the VT-d unit at 0x%lx does not invalidate", wrong->base);
    spinlock_release(&lock);
}

// The records are gone through as they lie, no index of the unit's is believed. One of all ones is a unit that is gone. All
// units' shares of a look leave the exit's own event in the ring.
void vtd_look(struct cpu *cpu)
{
    spinlock_acquire(&lock);
    for (const struct boot_vtd *unit = boot_info->vtd; unit < boot_info->vtd + boot_info->vtd_count; unit++) {
        const uint32_t most = records->machine.dma_refused + EVENT_SLOTS / 2 / boot_info->vtd_count;
        for (volatile uint64_t *record = unit->fault; record < unit->fault + 2 * unit->faults && *unit->fault_status & VTD_FAULTS; record += 2) {
            const uint64_t fault = record[1];
            if (!(fault & VTD_FAULT) || fault == ~0ull || records->machine.dma_refused == most)
                continue;
            struct event *event = event_new(cpu, EVENT_DMA, fault);
            event->rip = record[0] & PAGE_MASK;
            record[1] = VTD_FAULT;
            *unit->fault_status = VTD_FAULTS;
            log_line(LOG_WARN, "hidden memory: device %02x:%02x.%u %s 0x%lx, reason 0x%x (%u accesses)", (uint8_t)(fault >> 8), (uint8_t)fault >> 3, (unsigned)fault & 7,
                     DMA_READS(fault) ? "reads" : "writes", event->rip, DMA_REASON(fault), ++records->machine.dma_refused);
        }
    }
    spinlock_release(&lock);
}
