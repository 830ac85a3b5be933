// SPDX-License-Identifier: BSD-2-Clause
// Replies, first half: decoding. Everything that a reply says is read once and checked here, before anything happens.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>
#include <caps/status.h>

#include "cpu.h"
#include "ept02.h"
#include "group.h"
#include "handle.h"
#include "ipc.h"
#include "partition.h"

// How whatever a partition can write is read.
#define ONCE(lvalue) (*(const volatile __typeof__(lvalue) *)&(lvalue))

#define FIELD_WRITES_MAX 256u
#define BATCH_COPIES     4u

// One thing to do. Checked writes of consecutive operations into the same VMCS are one action.
struct action {
    uint16_t code;            // enum op_code; OP_WRITE_FIELD: write[first] to write[first + count - 1] into region
    uint64_t groups, masked;  // OP_WRITE_GROUPS: from bank into region: whatever the values are; masked by group_mask[]
    const uint64_t *bank;
    uint32_t a;               // as in struct op
    uint64_t b, c;
    hpa_t region;
    struct vmcs02 *vmcs02;
    uint32_t root;            // among all
    uint32_t first, count;
};

_Static_assert(VMCS02_OWN_MAX <= 64, "struct batch's cleared has a bit for each VMCS02 of a partition");
_Static_assert(EPT_RUN_MAX <= VMCS_FIELD_COUNT, "a run's entries fit a bank");

// A decoded reply. One a CPU: between decoding and the end of the invocation nothing else of this CPU decodes.
struct batch {
    struct cpu *cpu;
    const struct partition *partition;
    const struct reply *reply; // as the partition writes it
    uint32_t action_count, write_count, copy_count;
    uint32_t failed_op;        // where decoding ended
    uint64_t cleared;          // VMCS02s (bit: index among the partition's) that VMCS_CLEAR has given up
    struct vmcs02 *pinned;     // has fields written that name pages (pin.h)
    bool moved;                // pages were taken or given, or claimed
    uint32_t taken_count;
    gpa1_t taken[OP_MAX];
    bool wrote_event;          // writes group EVENT of the VMCS02 that exited
    bool touches_ept02;        // work is in use
    uint32_t pages;            // tables that the operations may need
    uint64_t map_region;       // root and L2-physical 2 MiB of the last OP_EPT_MAP of a 4 KiB page: the next one needs no more tables
    struct ept02_work work;
    struct action action[2 * OP_MAX];
    struct field_write write[FIELD_WRITES_MAX];
    uint64_t listed_groups;    // invoke.c: those that were last written into VMCS01...
    uint32_t listed_count;
    struct group_field listed[VMCS_FIELD_COUNT];  // ...and their fields
    uint64_t copy[BATCH_COPIES][VMCS_FIELD_COUNT];  // what OP_COPY_GROUPS found, OP_EPT_MAP_RUN's entries
};

// Decodes the operations. Not STATUS_OK: nothing may be done of them, and batch_abandon is to be called.
NODISCARD enum status batch_decode(struct batch *batch, struct cpu *cpu, struct partition *partition, const struct reply *reply);
void batch_abandon(struct batch *batch);

// Whether a failed decoding is due to the guest or to the budget, not to the partition: SYS_INVOKE returns it.
bool batch_status_returned(enum status status);
