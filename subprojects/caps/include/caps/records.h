// SPDX-License-Identifier: BSD-2-Clause
// Records: all that the kernel writes down about the machine and its run, in pages of their own. A partition with RIGHT_RECORDS sees them at
// RECORDS_BASE, read-only: struct records, then a struct records_cpu for each CPU (RECORDS_CPU_BASE). The magic also leads a reader of the
// machine's whole memory to them.
//
// The kernel goes on writing while somebody reads. How to tell a whole log line is said below; of events the slot of the next one may
// be half written.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/cap.h>
#include <caps/exit_reason.h>
#include <caps/layout.h>
#include <caps/msg.h>
#include <caps/ring.h>

#define RECORDS_MAGIC 0x315344524352484bull  // "KHRCRDS1"
#define RECORDS_NAME  32                     // bytes of a version's or a workload's name

enum partition_state {
    PARTITION_READY,
    PARTITION_STOPPING,  // one CPU restarts it, the others wait
    PARTITION_PARKED,    // for good
    PARTITION_DORMANT,   // loadable, and not loaded
};

struct records_partition { char name[CAP_NAME]; uint32_t state, restarts; };  // state: enum partition_state

// What the machine is and how it is doing.
struct records_machine {
    uint64_t magic;                      // RECORDS_MAGIC
    uint32_t abi;                        // CAP_ABI
    uint32_t bytes;                      // of the whole region, from RECORDS_BASE on
    char version[RECORDS_NAME], workload[RECORDS_NAME];
    uint32_t cpu_count;
    uint32_t partition_count;
    uint64_t base;                       // host-physical address of this structure; the log follows
    uint64_t crash_base;                 // and of previous, which crash follows
    uint64_t hidden_base, hidden_bytes;  // hidden memory, host-physical
    uint32_t vtd_units;                  // that keep devices out of it and of PALs; 0: nothing does
    uint32_t dma_refused;                // requests of devices that they have recorded as refused
    uint64_t free_pages;                 // of it, 4 KiB each, that nobody owns
    uint64_t boot_tsc;                   // time-stamp counter of CPU 0 when the kernel started
    uint64_t boot_time;                  // the firmware's clock then: seconds since 1970; 0: it has none
    uint64_t log_head;                   // number of the next log line; the last RECORDS_LINES are there
    uint64_t log_lost;                   // lines that found the ring full
    uint64_t injectable;                 // bit n: OP_INJECT takes partition n
    struct records_partition partition[PARTITION_MAX];
    uint64_t cpu_base[CPU_MAX];          // host-physical address of each CPU's struct records_cpu, 0: no such CPU
    uint64_t channels[PARTITION_MAX];    // and of each partition's struct channel (caps/ring.h), CPU by CPU; 0: nobody is to see its messages
};

// Log line number n lies in slot n % RECORDS_LINES. turn is n while the slot is free for it or being filled, n + 1 from when it holds it until it was
// printed, and then n + RECORDS_LINES. So line n is whole if turn was one of the last two before it was copied, and log_head at most
// n + RECORDS_LINES after.
#define RECORDS_LINES 256u
#define RECORDS_TEXT  240u
struct records_line { uint64_t turn, tsc; char text[RECORDS_TEXT]; };

// An exit, a message or something else of note. An exit's event tells of its first message as well: to which partition, and with what status the first attempt
// ended. Every further message has an event of its own: of other partitions to which the exit is forwarded or shown, calls, attempts after a fault.
enum event_kind { EVENT_NONE, EVENT_EXIT, EVENT_MESSAGE, EVENT_REPLY, EVENT_FAULT, EVENT_NMI, EVENT_DMA };
// EVENT_DMA: a VT-d unit has refused a device's request, some time before. rip is the page that it was for; qualification the upper half of the unit's record of it.
#define DMA_SOURCE(record) ((uint32_t)(record) & 0xffffu)       // bus, device (5 bits), function (3 bits)
#define DMA_REASON(record) ((uint32_t)((record) >> 32) & 0xffu) // VT-d 7.1.3 "Fault Conditions and Remapping Hardware Behavior"
#define DMA_READS(record)  ((bool)((record) >> 62 & 1))

struct event {
    uint64_t tsc;
    uint64_t rip;
    uint64_t qualification;  // exit qualification, of an L2's or PAL's EPT violation its low 12 bits with the page's address above; message: sequence number
    union {
        uint64_t head;                     // all that follows, in one write
        struct {
            uint8_t reason;                // basic exit reason; exit_reason_failed() of it: an entry that failed
            uint8_t sequence;              // of the message that it tells of, the low byte: where its fields are (RECORDS_RING_BASE)
            uint8_t kind : 4, level : 4;   // enum event_kind, enum msg_origin
            union {
                uint8_t outcome;
                struct { uint8_t partition : 4, status : 4; };  // index + 1, 0: none; enum status
            };
            union {
                uint32_t end;              // 0: it hasn't ended, or its end isn't recorded
                struct { uint32_t to : 2, ticks : 30; };  // exit: who runs then (enum msg_origin); of the time-stamp counter, that L0 took
            };
        };
    };
};
// Where a PAL was, and what it touched, tells of its secrets: of its exits and their messages nothing but that they were, why, and what they cost is to be seen by who isn't
// trusted with it. (A fault's address is its partition's, a device's request is no PAL's.)
static inline bool event_hides(const struct event *event) { return event->level == ORIGIN_PAL && (event->kind == EVENT_EXIT || event->kind == EVENT_MESSAGE); }
static inline struct event event_shown(struct event event)
{
    event.rip = event_hides(&event) ? 0 : event.rip;
    event.qualification = event_hides(&event) ? 0 : event.qualification;
    return event;
}
#define EVENT_END(to, ticks) ((uint32_t)(ticks) << 2 | (uint32_t)(to))
#define EVENT_HEAD(kind, level, reason) (((uint64_t)(level) << 20) + ((uint64_t)(kind) << 16) + ((reason) & 0xffu))
_Static_assert(PARTITION_MAX < 16, "a partition's number has four bits");

// Event number n lies in slot n % EVENT_SLOTS; next is the number of the next one. It is counted once nothing of the event
// before it is left there; a fault's or a device's address, and the page of a violation, may come a moment later.
#define EVENT_SLOTS 1024
struct event_ring { uint32_t next, reserved; struct event slot[EVENT_SLOTS]; };

struct exit_stat { uint64_t count, instr, vmreads, vmwrites; };  // instr: TSC ticks from exit to entry
struct message_stat { uint64_t count, instr; };
struct stats {
    struct exit_stat exit[ORIGIN_COUNT][EXIT_REASON_COUNT];
    struct message_stat message[PARTITION_MAX];
    uint64_t op[OP_COUNT];  // how often each operation was done; mappings one after the other in the same tree are one
};

// What one CPU writes.
struct records_cpu {
    _Alignas(PAGE_BYTES) struct event_ring events;
    struct stats stats;
};

// A crash: what is left of it for the next boot.
enum crash_kind {
    CRASH_NONE,
    CRASH_PANIC,  // the kernel could not go on
    CRASH_FAULT,  // a partition faulted
    CRASH_ENTRY,  // a VM entry failed
    CRASH_KINDS
};

#define CRASH_MAGIC     0x314853415243484bull  // "KHCRASH1"
#define CRASH_BACKTRACE 16
#define CRASH_EVENTS    64
#define CRASH_LINES     32
#define CRASH_RINGS     4       // RING_SLOTS of caps/ring.h
#define CRASH_NO_VECTOR (~0ull)

// A message as its slots in the rings have it.
struct crash_message {
    uint32_t sequence;
    uint16_t kind;             // enum msg_kind
    uint8_t origin, attempt;   // enum msg_origin
    uint32_t reason;           // of the exit
    uint16_t verdict, op_count;
    uint64_t arg0;
};

// A VMCS as the CPU had it.
enum crash_vmcs_kind { CRASH_VMCS_NONE, CRASH_VMCS_01, CRASH_VMCS_02, CRASH_VMCS_SHADOW };
#define CRASH_VMCSS 2
struct crash_vmcs { uint64_t kind, field[VMCS_FIELD_COUNT]; };

struct crash_record {
    _Alignas(PAGE_BYTES) uint64_t magic;  // CRASH_MAGIC; else there is none
    uint64_t checksum;         // crash_checksum()
    uint32_t bytes;            // sizeof(struct crash_record)
    uint32_t abi;              // CAP_ABI
    uint32_t generation;       // one more than the record's before it
    uint32_t kind;             // enum crash_kind
    uint32_t cpu;              // where it happened
    uint32_t faults;           // of partitions in that run, this one included
    uint64_t tsc;              // when it happened
    struct records_machine machine;  // as it was then
    char partition[CAP_NAME];  // CRASH_FAULT: whose fault
    char text[RECORDS_TEXT];   // what happened, in a line
    uint64_t rip, rflags, cr2;
    uint64_t vector, error;    // of the exception, or CRASH_NO_VECTOR
    uint64_t gpr[GPR_COUNT];   // by enum gpr, RSP in its place; 0 what isn't known
    uint32_t backtrace_count, event_count, line_count, message_cpus;
    uint64_t backtrace[CRASH_BACKTRACE];                  // addresses in the partition's or the kernel's image
    struct event event[CRASH_EVENTS];                     // the last ones of that CPU, oldest first
    char line[CRASH_LINES][RECORDS_TEXT];                 // the log's last ones, oldest first, each with its newline
    struct crash_message message[CPU_MAX][CRASH_RINGS];   // the last ones of every ring of the partition, by CPU, oldest first
    struct request request;                               // the message that was being handled; sequence 0: there was none
    struct crash_vmcs vmcs[CRASH_VMCSS];                  // of that CPU: VMCS01, and its L2's, else its shadow VMCS
};

// Where the kernel writes records: two places in turn, so that one that was cut off by a reset leaves the one before. It lies where the next boot's
// loader looks for it.
#define CRASH_SLOTS 2
struct crash_area { struct crash_record slot[CRASH_SLOTS]; };

// What the kernel has of its own, and all that partitions see.
struct records_own {
    _Alignas(PAGE_BYTES) struct records_machine machine;
    _Alignas(PAGE_BYTES) struct records_line log[RECORDS_LINES];
};
struct records {
    _Alignas(PAGE_BYTES) struct records_machine machine;
    _Alignas(PAGE_BYTES) struct records_line log[RECORDS_LINES];
    struct crash_record previous;    // of the boot before this one; magic is 0 where there was no crash
    struct crash_area crash;         // of this one
};
_Static_assert(sizeof(struct records) % PAGE_BYTES == 0 && sizeof(struct records_cpu) % PAGE_BYTES == 0, "whole pages: nothing else shares them");
_Static_assert(sizeof(struct records) == sizeof(struct records_own) + (1 + CRASH_SLOTS) * sizeof(struct crash_record), "the same in both");

#define RECORDS_CPU_BASE(cpu) (RECORDS_BASE + sizeof(struct records) + (cpu) * sizeof(struct records_cpu))

// Behind the last CPU's part: what travelled with the last messages, the request slots of each CPU (caps/ring.h), partition by partition. Nothing is there of
// partitions whose messages nobody is to see. A slot is being filled from when its sequence is written until the event that tells of the message has an end.
#define RECORDS_RINGS_BASE(cpus) RECORDS_CPU_BASE(cpus)
#define RECORDS_RING_BYTES (RING_SLOTS * sizeof(union request_slot))
#define RECORDS_RING_BASE(cpus, partition, cpu) (RECORDS_RINGS_BASE(cpus) + ((partition) * (uint64_t)(cpus) + (cpu)) * RECORDS_RING_BYTES)

// Whether that request is the message that the event tells of. later: how many later events of that CPU tell of messages to the same partition.
static inline bool event_tells_of(const struct event *event, const struct request *request, uint32_t later)
{
    return later < RING_SLOTS && (uint8_t)request->sequence == event->sequence && (event->kind != EVENT_MESSAGE || request->sequence == event->qualification) &&
           request->sequence != 0 && request->origin == event->level && (uint8_t)request->reason == event->reason && request->origin != ORIGIN_PAL;
}

// FNV-1a over the 8-byte words behind checksum.
static inline uint64_t crash_checksum(const struct crash_record *record)
{
    uint64_t sum = 0xcbf29ce484222325ull;
    const uint64_t *word = (const uint64_t *)record;
    for (unsigned i = 2; i < sizeof(*record) / sizeof(uint64_t); i++)
        sum = (sum ^ word[i]) * 0x100000001b3ull;
    return sum;
}
