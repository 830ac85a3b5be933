// SPDX-License-Identifier: BSD-2-Clause
// VMCS02's MSR and I/O bitmaps: L1's, read at every entry (a CPU reads them whenever it likes); the kernel ORs L0's bits in.
#pragma once

#include "message.h"
#include "vmcs02.h"

// Exit qualification (SDM 3C table 28-5 "Exit Qualification for I/O Instructions").
#define IO_PORT(qualification)  ((uint32_t)((qualification) >> 16) & 0xffff)
#define IO_BYTES(qualification) ((uint32_t)((qualification) & 7) + 1)
#define IO_STRING               (1u << 4)

// After OP_VMCS_RESET: all ones.
void bitmap_reset(struct vmcs02 *vmcs02);

// Sends what differs from what VMCS02 has. false: there was nothing to look at.
bool bitmap_update(struct message *m, const struct vmcs12 *v, struct vmcs02 *vmcs02);

// Whether L1 intercepts an access of L2, by the bitmaps as they were at the entry.
bool bitmap_msr_wanted(const struct vmcs02 *vmcs02, uint32_t msr, bool write);
bool bitmap_io_wanted(const struct vmcs12 *v, uint32_t port, uint32_t bytes);

// Whether an access goes on behind the last port, at the first.
static inline bool bitmap_io_wraps(uint32_t port, uint32_t bytes) { return port + bytes > 0x10000; }
