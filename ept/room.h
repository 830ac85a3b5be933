// SPDX-License-Identifier: BSD-2-Clause
// Room for more, in EPT02 and among the records: what was used least recently goes.
//
// What L2 uses EPT02 doesn't tell, only what it lacks: a page table counts as used when something was last mapped in it. One that is complete grows old,
// however much L2 uses it. When its turn comes it goes, L2's next access maps it again, and it is the youngest. So what is in use stays or comes back, at a
// miss for each 32 pages, and what L2 has left doesn't come back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>

// The kernel has no table left for what the root needs. Takes away page tables that no record tells of, which are older than those that one does; else what the oldest
// records tell of; where there are none, either, a whole tree, which has empty tables left: another one, or needy. False: everything is empty.
bool room_for_tables(struct reply *rep, uint32_t needy);

// All records are in use: frees some. What the oldest ones tell of stays mapped, but the next INVEPT takes it away.
void room_for_records(struct reply *rep);
