// SPDX-License-Identifier: BSD-2-Clause
// The shadow VMCS: what L1 reads and writes of its current VMCS12 without an exit (SDM 3C 25.10 "VMCS Types: Ordinary and Shadow").
// Column `shadow` of group.def says which groups. The copy is always what the shadow VMCS holds, but for what L1 wrote there since.
#pragma once

#include <stdint.h>

#include "vmcs12.h"

// Groups that L1 writes there.
#define SHADOW_WRITTEN (GROUPS_RIP | GROUP_BLOCKING | GROUP_EVENT | GROUP_EVENT_DATA)
// Of them, what an entry needs always.
#define SHADOW_ENTRY (GROUPS_RIP | GROUP_BLOCKING | GROUP_EVENT)
// Groups that are there at all.
uint64_t shadow_groups(void);

// Takes over what L1 wrote, from bank 1 of the message (fetched where the route doesn't name it).
void shadow_absorb(struct message *m, struct vmcs12 *v);
// The same for an entry: the event's error code and instruction length only where there is an event.
void shadow_absorb_entry(struct message *m, struct vmcs12 *v);

// Puts groups of the copy, as far as they are shadowed, into the shadow VMCS with this reply. Once a reply.
void shadow_update(struct message *m, const struct vmcs12 *v, uint64_t groups);

// Shadowing begins with this VMCS12, or ends.
void shadow_on(struct message *m, const struct vmcs12 *v);
void shadow_off(struct message *m);
