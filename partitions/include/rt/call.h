// SPDX-License-Identifier: BSD-2-Clause
// System calls in the middle of a message, and the log.
#pragma once

#include <stdint.h>

#include <caps/msg.h>
#include <caps/status.h>
#include <caps/syscall.h>

// Applies the operations that are in the reply slot now, and empties the list (also when the kernel refuses: then nothing was
// applied). They aren't undone if the partition faults later. DENIED and its like come back only for what depends on the
// guest (BAD_ADDRESS, NO_TABLES, ...): a batch that the capabilities don't allow is the partition's fault and does not return.
NODISCARD enum status rt_invoke(void);

// Reads groups of a VMCS (VMCS_HANDLE_...) into bank 0 or 1 of the request slot.
NODISCARD enum status rt_fetch(uint32_t handle, uint64_t groups, uint32_t bank);

// Hands arg to the partition that the header names as calls[index], waits, and gives its reply's arg in result (zeroes unless OK);
// the status is its reply's, or FAULTED.
NODISCARD enum status rt_call(uint32_t index, const uint64_t arg[MSG_ARGS], uint64_t result[MSG_ARGS]);

// An MSR as L1's own RDMSR gives it; UNSUPPORTED, and 0, where that is #GP. Needs RIGHT_MSR.
NODISCARD enum status rt_read_msr(uint32_t msr, uint64_t *value);

// A line for the log: formats as in format.h, cut at OUTBOX_TEXT bytes. Needs RIGHT_LOG; without it, does nothing.
__attribute__((format(printf, 2, 3))) void rt_log(enum log_level level, const char *format, ...);
