// SPDX-License-Identifier: BSD-2-Clause
// The last step of a message: its reply, and the state that the PAL has from then on. trustvisor may fault behind that step, or be stopped because another CPU's
// message faults: the message comes again then, and gets the same reply; what led to it is not done twice.
#pragma once

#include <stdbool.h>

#include <caps/msg.h>

#include "pal.h"

// The reply is complete but for this. To PAL_ENDING: the PAL is ended here.
void commit(const struct request *req, struct reply *rep, struct pal *pal, enum pal_state from, enum pal_state to);

// MSG_INIT: only messages that were not completed (bit n: CPU n's) come again.
void commit_init(uint64_t unfinished);
// Whether the PAL's state waits for such a message.
bool commit_waits(const struct pal *pal);

// A message that comes again. true: it is answered.
bool commit_again(const struct request *req, struct reply *rep);
void commit_forget(uint32_t cpu);
