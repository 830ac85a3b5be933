// SPDX-License-Identifier: BSD-2-Clause
// Replies, second half: doing what was decoded. Nothing here can be refused any more.
#pragma once

#include <caps/status.h>

#include "reply.h"

// Does the actions in order. STATUS_UNSUPPORTED: an OP_MSR_WRITE met a value that the MSR refuses; everything else was done.
enum status batch_invoke(struct batch *batch, struct cpu *cpu);

// Sets what the decoded set names, from the reply.
void set_invoke(struct cpu *cpu, const struct reply *reply, uint32_t set);
