// SPDX-License-Identifier: BSD-2-Clause
// From the entry to the reply.

#include <rt/message.h>
#include <rt/partition.h>

#include "syscall.h"

_Noreturn void rt_message(uint32_t cpu, const struct request *req, uint64_t rdx, uint64_t rcx, struct reply *rep)
{
    (void)rdx, (void)rcx;
    message_begin(cpu, req, rep);
    partition_message(req, rep);
    syscall_reply();
}
