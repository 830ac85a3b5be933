// SPDX-License-Identifier: BSD-2-Clause
// The end of a PAL: what it could write is zeroed, then its pages go back to L1.
#pragma once

#include <stdbool.h>

#include <caps/msg.h>

#include "pal.h"

// Ends a PAL that doesn't run, and is as it was when it was seen (pal_take()). false: it does, it is ending already, or it may be another one. rep: of the
// message being handled; its list of operations is used and empty afterwards.
bool end_pal(struct pal *pal, union pal_place seen, uint32_t cpu, struct reply *rep);

// The same for one in state ENDING. Then it is FREE.
void end_pages(struct pal *pal, struct reply *rep);

// Pages that were taken for a registration that fails: back as they are, in state MAKING. Then it is FREE.
void end_making(struct pal *pal, struct reply *rep);

// The pages from `first` on go back to L1, the last one first, in as many batches as it takes.
void end_give(struct pal *pal, uint32_t first, struct reply *rep);
// The same in MSG_INIT, where no other message is handled: a batch may have been given already, or never have been taken.
void end_give_rest(struct pal *pal, uint32_t first, struct reply *rep);

// In MSG_INIT, of what was cut short: the same two, where some pages may have gone back already.
void end_pages_rest(struct pal *pal, struct reply *rep);
void end_making_rest(struct pal *pal, struct reply *rep);
