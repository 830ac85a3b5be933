// SPDX-License-Identifier: BSD-2-Clause
// The kernel's rules for VMCS02s that the harness lacks: one belongs to the CPU that used it last, until it is cleared; none is used before it was reset, nor
// behind what clears it in a batch (kernel/handle.h, kernel/reply.c). And it doesn't write every MSR for a partition. A reload frees nestvmx' lock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The harness asks here from now on.
void holders_init(void);
// An L2 enters on VMCS02 number vmcs02, on this CPU: what the kernel says to that.
bool holders_may_enter(uint32_t vmcs02);
// No CPU has an L2 or a current VMCS12 any more: nobody holds anything.
void holders_forget(void);
