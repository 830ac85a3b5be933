// SPDX-License-Identifier: BSD-2-Clause
// Sets up VT-d units, in legacy mode (VT-d 3.4.2 "Legacy Mode Address Translation"): its second-level tables have EPT's form. In the entries of EPT01
//   bits 0, 1      mean the same; bit 2, execute, is ignored
//   bits 3 to 6    EPT's memory type: ignored in legacy mode
//   bit 7          a large leaf, in both
//   bits 8 to 10   EPT's accessed and dirty flags, which EPT01 doesn't use, and an ignored one: ignored
//   bit 11         requests snoop caches, whatever they say; ignored by the CPU (SDM 3C 29.3.2). Reserved where a unit can't do it: then always 0 in EPT01
//   bit 62         reserved in VT-d, always 0 in EPT01
//   bits 52 to 61, 63   ignored; the owner of a page that was taken is there
// (VT-d 9.8 "Second-Stage Paging Entries"). An entry without bits 0 and 1 isn't there for a device: EPT01 has none that may be executed only.
#include "vtd.h"

#include "../tlb_insn.h"
#include "../vtd.h"

// VT-d 11.4.2 "Capability Register".
#define CAP_WRITE_FLUSH  (1ull << 4)   // write buffers want flushing
#define CAP_PROTECTED    (3ull << 5)   // protected memory regions
#define CAP_CACHING      (1ull << 7)   // what isn't there is cached
#define CAP_FOUR_LEVELS  (1ull << 10)
#define CAP_RECORDS_AT(cap) ((uint32_t)((cap) >> 24 & 0x3ff) * RECORD_BYTES)  // fault records
#define CAP_RECORDS(cap)    ((uint32_t)((cap) >> 40 & 0xff) + 1)
#define RECORD_BYTES     16u
#define CAP_2M           (1ull << 34)
#define CAP_1G           (1ull << 35)
#define CAP_DRAINS       (3ull << 54)  // of writes and of reads: invalidation waits for what is under way
// VT-d 11.4.3 "Extended Capability Register".
#define ECAP_COHERENT    1ull
#ifndef ECAP_QUEUE                     // suite dma has units without it
#define ECAP_QUEUE       (1ull << 1)   // queued invalidation
#endif
#define ECAP_SCALABLE    (1ull << 43)  // it has scalable mode, and of that
#define ECAP_SECOND      (1ull << 46)  //   second-stage tables
#define ECAP_SNOOP       (1ull << 7)   // bit 11 of leaves
#define ECAP_IOTLB_SHIFT 8
#define ECAP_IOTLB_MASK  0x3ffu
#define IOTLB_UNIT       16u           // of that field
#define IOTLB_REGISTER   8u            // behind the address register

// VT-d 11.4.1 "Version Register". From major version 6 on there is invalidation by a queue only (6.5 "Invalidation of Translation Caches").
#define MAJOR(version)   ((version) >> 4 & 15)
#define MAJOR_REGISTERS  5u            // the last that invalidates by registers

// Descriptors of a queue: 128 bits each (VT-d 6.5.2.1 "Context-cache Invalidate Descriptor", 6.5.2.3 "IOTLB Invalidate", 6.5.2.8 "Invalidation Wait Descriptor").
#define QUEUE_CONTEXTS   (1ull | 1ull << 4)                          // all
#define QUEUE_IOTLB      (2ull | 1ull << 4 | 1ull << 6 | 1ull << 7)  // all, and what is under way is waited for
#define QUEUE_WAIT       (5ull | 1ull << 5)                          // with a number that is written
#define QUEUE_NUMBER_SHIFT 32

// Commands and what the status says of them.
#define NO_INTERRUPT     (1u << 31)    // of the fault event control register
#define SET_ROOT         (1u << 30)
#define QUEUED           (1u << 26)    // queued invalidation is on
#define INTERRUPTS       (1u << 25)    // interrupt remapping is on
#define PROTECTED_ON     (1u << 31)
#define CONTEXT_BUSY     (1ull << 63)
#define CONTEXT_GLOBAL   (CONTEXT_BUSY | 1ull << 61)
#define CONTEXT_DONE     (3ull << 59)  // what was done; 0: nothing

// Entries: 128 bits each (VT-d 9.1 "Root Entry", 9.3 "Context Entry").
#define ENTRIES          256u
#define PRESENT          1ull          // and in a context entry: requests that come translated already are refused
#define FOUR_LEVELS      2ull
#define DOMAIN           (1ull << 8)   // of all devices: number 1
#define LEAF_SNOOP       (1ull << 11)  // in a leaf of EPT01 (VT-d 9.8)

const char *vtd_missing(const volatile struct vtd_registers *unit)
{
    const uint32_t version = unit->version;
    if (!version || version == ~0u)
        return "a VT-d unit does not answer";
    const uint64_t cap = unit->capability, extended = unit->extended;
    if (MAJOR(version) > MAJOR_REGISTERS && !vtd_queues(unit))
        return "a VT-d unit has no way to be told what to forget";
    if (extended & ECAP_SCALABLE && !(extended & ECAP_SECOND))
        return "a VT-d unit has no tables of the second stage";
    const uint32_t status = unit->status;
    if (status & VTD_TRANSLATION)
        return "the firmware has turned VT-d's translation on and goes on using it";
    if (status & INTERRUPTS)
        return "the firmware has turned VT-d's interrupt remapping on";
    if (cap & CAP_PROTECTED && unit->protected_enable & PROTECTED_ON)
        return "the firmware has turned VT-d's protected memory regions on";
    if (!(cap & CAP_FOUR_LEVELS))
        return "a VT-d unit has no tables of four levels";
    if (!(cap & CAP_2M))
        return "a VT-d unit has no pages of 2 MiB";
    if ((cap & CAP_DRAINS) != CAP_DRAINS)
        return "a VT-d unit does not wait for reads and writes that are under way";
    if (cap & (CAP_WRITE_FLUSH | CAP_CACHING))
        return "a VT-d unit wants to be told of every change of its tables";
    if (!vtd_queues(unit) && vtd_iotlb(unit) + sizeof(uint64_t) > PAGE_BYTES)
        return "a VT-d unit has its registers on several pages";
    return NULL;
}

bool vtd_huge(const volatile struct vtd_registers *unit) { return unit->capability & CAP_1G; }
bool vtd_queues(const volatile struct vtd_registers *unit) { return unit->extended & ECAP_QUEUE; }
bool vtd_snoops(const volatile struct vtd_registers *unit) { return unit->extended & ECAP_COHERENT; }
uint64_t vtd_leaf(const volatile struct vtd_registers *unit) { return unit->extended & ECAP_SNOOP ? LEAF_SNOOP : 0; }

uint32_t vtd_iotlb(const volatile struct vtd_registers *unit)
{
    return (uint32_t)(unit->extended >> ECAP_IOTLB_SHIFT & ECAP_IOTLB_MASK) * IOTLB_UNIT + IOTLB_REGISTER;
}

// None that would be among the other registers.
struct vtd_faults vtd_faults(const volatile struct vtd_registers *unit)
{
    const uint64_t cap = unit->capability;
    struct vtd_faults faults = { CAP_RECORDS_AT(cap), 0 };
    while (faults.offset >= sizeof(*unit) && faults.count < CAP_RECORDS(cap) && faults.offset + (faults.count + 1) * RECORD_BYTES <= PAGE_BYTES)
        faults.count++;
    return faults;
}

static void flush(uint64_t page)
{
    for (uint64_t at = 0; at < PAGE_BYTES; at += CACHE_LINE_BYTES)
        insn_clflush((const void *)(uintptr_t)(page + at));
}

uint64_t vtd_tables(struct memory *memory, uint64_t ept01)
{
    uint64_t root = memory_take(memory, 2 * PAGE_BYTES), context = root + PAGE_BYTES;
    uint64_t *entry = (uint64_t *)(uintptr_t)root, *leaf = (uint64_t *)(uintptr_t)context;
    if (!root)
        return 0;
    for (unsigned i = 0; i < 2 * ENTRIES; i += 2) {
        entry[i] = context | PRESENT;
        leaf[i] = ept01 | PRESENT;
        leaf[i + 1] = DOMAIN | FOUR_LEVELS;
    }
    flush(root), flush(context), flush(ept01);
    return root;
}

// The same pairs everywhere, of which the kernel orders the next one. What answers is the upper half of the word: the unit writes 32 bits.
bool vtd_queue_make(struct vtd_queue *queue, struct memory *memory)
{
    const uint64_t answer = memory_take(memory, PAGE_BYTES);
    queue->base = answer ? memory_take(memory, PAGE_BYTES) : 0;
    if (!queue->base)
        return false;
    queue->answer = (volatile uint64_t *)(uintptr_t)answer;
    struct descriptor { uint64_t what, address; } *descriptor = (struct descriptor *)(uintptr_t)queue->base;
    for (unsigned i = 0; i < PAGE_BYTES / sizeof(*descriptor); i += 2) {
        descriptor[i] = (struct descriptor){ QUEUE_IOTLB, 0 };
        descriptor[i + 1] = (struct descriptor){ QUEUE_WAIT | VTD_IOTLB_DONE >> 32 << QUEUE_NUMBER_SHIFT, answer + sizeof(uint32_t) };
    }
    flush(queue->base);
    return true;
}

static bool command(volatile struct vtd_registers *unit, uint32_t off, uint32_t on)
{
    unit->command = (unit->status & VTD_LASTING & ~off) | on;
    for (unsigned looks = 0; looks < VTD_LOOKS; looks++)
        if ((unit->status & (off | on)) == on)
            return true;
    return false;
}

// done: where the unit says what it has done. An order that it doesn't take ends as well.
static bool finished(volatile uint64_t *work, uint64_t order, uint64_t done)
{
    *work = order;
    for (unsigned looks = 0; looks < VTD_LOOKS; looks++)
        if (!(*work & order & 1ull << 63))
            return *work & done;
    return false;
}

// With the first pair of its queue, which forgets contexts this once.
static bool forget_by_queue(volatile struct vtd_registers *unit, const struct vtd_queue *queue)
{
    volatile uint64_t *first = (volatile uint64_t *)(uintptr_t)queue->base;
    for (unsigned pair = 0; pair < 2; pair++) {
        *first = pair == 0 ? QUEUE_CONTEXTS : QUEUE_IOTLB;
        insn_clflush((const void *)(uintptr_t)queue->base);
        *queue->answer = VTD_IOTLB_BUSY;
        unit->queue_tail = (pair + 1) * VTD_QUEUE_STEP;
        for (unsigned looks = 0; *queue->answer & VTD_IOTLB_BUSY; looks++) {
            if (looks >= VTD_LOOKS)
                return false;
            __builtin_ia32_pause();
        }
    }
    return true;
}

// What is recorded from now on the kernel looks for; nobody is interrupted.
static void clear_records(volatile struct vtd_registers *unit)
{
    const struct vtd_faults faults = vtd_faults(unit);
    volatile uint64_t *record = (volatile uint64_t *)((uintptr_t)unit + faults.offset);
    unit->fault_control |= NO_INTERRUPT;
    for (uint32_t i = 0; i < faults.count; i++)
        record[2 * i + 1] = VTD_FAULT;
    unit->fault_status = VTD_FAULTS;
}

bool vtd_prepare(volatile struct vtd_registers *unit, uint64_t root, const struct vtd_queue *queue)
{
    clear_records(unit);
    if (unit->status & QUEUED && !command(unit, QUEUED, 0))
        return false;
    unit->root = root;
    if (unit->root != root || !command(unit, 0, SET_ROOT))  // it may know other modes than the one that is asked for
        return false;
    if (!queue->base) {
        volatile uint64_t *iotlb = (volatile uint64_t *)(uintptr_t)((uintptr_t)unit + vtd_iotlb(unit));
        return finished(&unit->context, CONTEXT_GLOBAL, CONTEXT_DONE) && finished(iotlb, VTD_IOTLB_GLOBAL, VTD_IOTLB_DONE);
    }
    unit->queue_tail = 0;
    unit->queue = queue->base;  // of one page, with descriptors of 128 bits
    return command(unit, 0, QUEUED) && forget_by_queue(unit, queue);
}

void vtd_stop(volatile struct vtd_registers *unit)
{
    if (unit->status & VTD_TRANSLATION)
        (void)command(unit, VTD_TRANSLATION, 0);
    if (unit->status & QUEUED)
        (void)command(unit, QUEUED, 0);
}
