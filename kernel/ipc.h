// SPDX-License-Identifier: BSD-2-Clause
// Messages between kernel and partitions: building a request, handing it over, acting on the reply.
#pragma once

#include <caps/msg.h>
#include <caps/status.h>

#include "cpu.h"
#include "group.h"

struct partition_cpu;

// What a message is made from. The request slot is built from it again when the message is handed over again.
struct message {
    union {
        uint32_t what;       // as in struct request, attempt 0
        struct { uint8_t kind, origin, flags; };
    };
    uint32_t from;           // MSG_CALL: the caller's index
    uint64_t groups;         // from the VMCS of the origin into bank 0
    uint64_t groups_shadow;  // from the shadow VMCS into bank 1, where shadowing is on
    const uint64_t *arg;     // MSG_ARGS of them, or NULL
    struct group_list list, list_shadow;  // their fields, of an exit in whose name nothing was done yet; or none
};

// What the partition answered, after its operations were applied.
struct answer {
    uint16_t verdict;      // enum verdict
    bool killed;           // ipc_send_again: to MSG_KILL: the message itself was too much for it
    bool wrote_event;      // the reply wrote group EVENT of the VMCS02 that exited
    uint32_t set;          // SET_...
    uint32_t vmcs02;       // VERDICT_L2: index among the partition's
    uint32_t status;       // VERDICT_RETURN
    uint64_t arg[MSG_ARGS];
};

// Hands a message over and waits for the reply. A partition that faults is restarted and gets the message again once, then MSG_KILL.
//   returns STATUS_OK: answer is valid, the reply's operations are applied; STATUS_FAULTED: the partition is parked.
NODISCARD enum status ipc_send(struct cpu *cpu, struct partition *partition, const struct message *message, struct answer *answer);

// The same after a first attempt with that status: STATUS_FAULTED, or STATUS_BUSY where the partition couldn't be entered or was stopped, or the kernel has refused a
// reply with SET_APPLIED.
NODISCARD enum status ipc_send_again(struct cpu *cpu, struct partition *partition, const struct message *message, enum status status, struct answer *answer);

// Nobody finishes a message of which an attempt has failed on this CPU: vector registers, which may be a PAL's, are reset. STATUS_FAULTED.
enum status ipc_give_up(const struct partition *partition, struct partition_cpu *slot);

// The same once, without waiting for the partition, which is the caller's: STATUS_FAULTED: recorded; STATUS_BUSY: another CPU stops it, or SET_APPLIED was refused.
NODISCARD enum status ipc_attempt(struct cpu *cpu, struct partition *partition, const struct message *message, uint8_t attempt, struct answer *answer);

// The VM entry that the last reply asked for ended in VMfail: on VMCS02 the partition that owns it is told (MSG_ENTRY_FAILED), on VMCS01
// the kernel panics. On return cpu->level and cpu->vmcs02 say what to enter.
void ipc_entry_failed(struct cpu *cpu, uint32_t instruction_error);
