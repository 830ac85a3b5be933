// SPDX-License-Identifier: BSD-2-Clause
// Faults on purpose: what boot_info.inject or OP_INJECT asks for, to test containment.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "partition.h"
#include "trap_frame.h"

// A message is about to enter the partition. Returns where; sets slot->steps where the fault comes later.
uint64_t fault_inject_entry(struct partition *partition, struct partition_cpu *slot, uint64_t entry);

// #DB of the partition while slot->steps counts: true: go on with the frame; false: this is the fault, an invalid opcode.
bool fault_inject_step(const struct partition *partition, struct partition_cpu *slot, struct trap_frame *frame);

// The upcall is over.
void fault_inject_end(struct partition_cpu *slot);

// OP_INJECT: whether it may be (BUSY: one is to come, or under way), and having it in the number-th message from now on.
NODISCARD enum status fault_inject_check(uint32_t index, uint32_t kind);
void fault_inject_order(struct partition *partition, uint32_t kind, uint64_t number, uint32_t instruction);
