// SPDX-License-Identifier: BSD-2-Clause
// Partitions: programs in ring 3 of VMX root, each in its own address space. Loading, starting, stopping them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/cap.h>
#include <caps/ring.h>
#include <caps/seed.h>
#include <caps/status.h>

#include "boot_info.h"
#include "cpu.h"
#include "space.h"

struct message;
struct trap_frame;

// A partition on one CPU. The message being handled is what the record of a fault names.
struct partition_cpu {
    struct channel *channel;         // the kernel's view of the partition's channel
    uint64_t request, stack;         // and the partition's own: of the channel, and the top of its stack
    uint32_t sequence;               // of the message being handled, or of the last one
    uint32_t inside;                 // a message is being handled here
    bool incomplete;                 // the last message's reply wasn't applied: the next MSG_INIT says so
    bool torn;                       // the same, until ipc_send_again() is done with it: vector registers may be anybody's
    bool wrote_event;                // the message has written group EVENT of the VMCS02 that exited
    uint8_t attempt;                 // of the message
    uint8_t inject_kind;             // of the injected fault that is under way in it
    bool inject_again;               // its second attempt is to fault, too
    uint32_t steps;                  // instructions until an injected fault, or the debugger's stop; 0: none is to come
    const struct message *message;   // being handled
    struct message_stat *stat;       // where its messages are counted
};

struct partition {
    const char *name;                // the header's
    struct records_partition *record;  // its state and restarts
    uint32_t index;
    uint64_t cr3;                    // its page tables, PCID, no-flush bit
    uint64_t entry;
    uint32_t vmcs02_first;           // its VMCS02s and EPT02 roots among all
    uint32_t root_first;
    uint32_t restarter;              // PARTITION_STOPPING: the CPU that does it
    bool special;                    // upcalls are ipc_upcall_special()'s
    bool debugged;                   // boot_info.debug
    bool injected;                   // faults may be injected into it
    struct boot_inject inject;       // what they are
    uint32_t injections;             // to come
    uint64_t messages;               // counted where faults may be injected
    uint64_t inject_at;              // number of the message that the next one hits
    const struct boot_partition *image;
    struct seed seed;                // a loadable one's: each load finds it
    struct partition *callee[CAP_CALLS];
    struct space space;
    struct partition_header header;  // the kernel's copy: the one that counts
    struct partition_cpu cpu[CPU_MAX], *slot[CPU_MAX];  // slot[i] is &cpu[i]: found by one load
};

// Loads every partition that the boot information names. One log line for each error.
NODISCARD enum status partitions_load(const struct boot_info *info);

// Sends MSG_INIT to each partition, on this CPU.
NODISCARD enum status partitions_start(struct cpu *cpu);

// Whether one of them may hold secrets (RIGHT_SECRETS).
bool partition_secrets(void);

// Parks those and clears their memory: the machine is about to end. This CPU is in none.
void partitions_scrub(bool others_run);

// How many there are, and one of them.
uint32_t partition_count(void);
struct partition *partition_at(uint32_t index);

// Waits until the partition is ready and takes it for a message on the slot's CPU. false: it is parked, or dormant.
bool partition_wait(struct partition *partition, struct partition_cpu *slot);
static inline bool partition_enter(struct partition *partition, struct partition_cpu *slot)
{
    // Who stops it sees this, or we see that it is being stopped: an exchange orders both.
    __atomic_exchange_n(&slot->inside, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&partition->record->state, __ATOMIC_SEQ_CST) == PARTITION_READY || partition_wait(partition, slot);
}
static inline void partition_leave(struct partition_cpu *slot) { __atomic_store_n(&slot->inside, 0, __ATOMIC_RELEASE); }

// Whether another CPU is stopping it, or has parked it: what runs here ends.
bool partition_stopping(const struct partition *partition, const struct cpu *cpu);

// Stops the partition on all CPUs, reloads it and sends MSG_INIT. Where another CPU is doing so already, only waits for the end of it.
// This CPU must have left it. On return it is ready or parked.
void partition_restart(struct partition *partition, struct cpu *cpu);
// The same in steps. Stop: from that state; false: it is in another one. Begin: its image afresh, and MSG_INIT. Settle: what it is then;
// false: it is parked, by another CPU meanwhile, whose message failed too often. Revive: as restarted.
bool partition_stop(struct partition *partition, struct cpu *cpu, enum partition_state from);
NODISCARD enum status partition_begin(struct partition *partition, struct cpu *cpu);
bool partition_settle(struct partition *partition, enum partition_state state);
void partition_revive(struct partition *partition, struct cpu *cpu);
// Stops it for good (if it is dormant it stays so), waits until no CPU is in it, and empties its EPT02 trees. This CPU must have left it.
void partition_park(struct partition *partition);

// Every exception whose CPL is 3 comes here.
_Noreturn void partition_trap(struct cpu *cpu, unsigned vector, uint64_t error, uint64_t cr2, struct trap_frame *frame);

// An NMI interrupted a partition: returns unless another CPU is stopping it, or its time is up.
void partition_nmi(struct cpu *cpu, struct trap_frame *frame);
