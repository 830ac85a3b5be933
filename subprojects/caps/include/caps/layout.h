// SPDX-License-Identifier: BSD-2-Clause
// A partition's address space: what is where, the same in every partition.
//
//   0x0000'0040'0000  image: header and rodata (R), text (RX), data and bss (RW); at most 16 MiB
//   0x0000'1000'0000  state region (RW): kept when the partition is reloaded
//   0x0000'2000'0000  info page (R)
//   0x0000'3000'0000  channels, one per CPU: request slots (R), reply slots and outbox (RW)
//   0x0000'4000'0000  stacks, one per CPU, each with an unmapped guard page below
//   0x0000'5000'0000  records (R), with the right: what the kernel writes down (caps/records.h)
//   0x0100'0000'0000  window on L1's memory: L1-physical address X at WINDOW_BASE + X; mirrors EPT01 (RAM only)
//   0x0300'0000'0000  owned window (RW), with the right: pages that the partition has taken from L1, at OWNED_BASE + L1-physical address
#pragma once

#define IMAGE_BASE      0x00400000ull
#define IMAGE_MAX_BYTES (16ull << 20)
#define STATE_BASE      0x10000000ull
#define STATE_MAX_BYTES (4ull << 20)
#define INFO_BASE       0x20000000ull
#define CHANNEL_BASE    0x30000000ull
#define CHANNEL_STRIDE  0x00010000ull
#define STACK_BASE      0x40000000ull
#define STACK_STRIDE    0x00010000ull   // of which the lowest page is never mapped
#define STACK_BYTES     0x00004000ull   // at the top of the stride
#define RECORDS_BASE    0x50000000ull
#define WINDOW_BASE     0x0000010000000000ull
#define WINDOW_BYTES    0x0000020000000000ull
#define OWNED_BASE      0x0000030000000000ull
#define CPU_MAX         64
#define PARTITION_MAX   8
