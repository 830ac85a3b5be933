// SPDX-License-Identifier: BSD-2-Clause
// Faults of partitions: the record of one, in the log.
#pragma once

#include <stdint.h>

#include <caps/msg.h>
#include <caps/status.h>

#include "cpu.h"
#include "partition.h"
#include "reply.h"
#include "upcall.h"

// A CPU exception in ring 3.
void fault_trap(const struct partition *partition, const struct cpu *cpu, unsigned vector, uint64_t error, uint64_t cr2,
                const struct trap_frame *frame);

// A system call that cannot be.
void fault_syscall(const struct partition *partition, const struct cpu *cpu, uint64_t number, enum status status,
                   const struct syscall_frame *frame);

// A reply that cannot be. batch: where decoding its operations ended; NULL: the verdict is bad.
void fault_reply(const struct partition *partition, const struct cpu *cpu, const struct batch *batch, const struct reply *reply,
                 enum status status);
