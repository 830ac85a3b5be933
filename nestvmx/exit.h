// SPDX-License-Identifier: BSD-2-Clause
// Exits 201: an L2's exit goes on to L1.
#pragma once

#include <stdint.h>

#include "message.h"
#include "vmcs12.h"

// What happened, where it isn't just what the CPU said.
struct exit_cause {
    uint32_t reason;
    uint64_t qualification;
};

// Groups that the message of an L2's exit must carry.
#define EXIT_GROUPS (GROUPS_EXIT | GROUPS_RIP | GROUP_BLOCKING)

// The exit of L2 as the message tells it. v: the VMCS12 of the VMCS02 that exited.
void exit_deliver(struct message *m, struct vmcs12 *v);

// The same for a cause that L0 found: exit information other than reason and qualification is what the message says, which has EXIT_GROUPS (message_need()).
void exit_deliver_cause(struct message *m, struct vmcs12 *v, struct exit_cause cause);

// An exception that L2's instruction ends in, where the CPU told of another exit. event: its interruption information. The message has EXIT_GROUPS.
void exit_deliver_exception(struct message *m, struct vmcs12 *v, uint32_t event, uint32_t error, uint64_t qualification);

// L1's VMLAUNCH or VMRESUME enters L2 and comes back at once, with nothing changed but for the exit information.
void exit_at_entry(struct message *m, struct vmcs12 *v, struct exit_cause cause);

// A VM-entry failure during or after loading guest state (SDM 3C 27.8): of what the message of L1's VMLAUNCH asked for, or what the CPU found
// when it entered VMCS02. cause.reason has no bit 31.
void exit_entry_failure(struct message *m, struct vmcs12 *v, struct exit_cause cause);
