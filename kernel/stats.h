// SPDX-License-Identifier: BSD-2-Clause
// Statistics: what each exit and each partition's messages cost. Per CPU; summed when they are printed.
#pragma once

#include <stdint.h>

#include <caps/exit_reason.h>
#include <caps/msg.h>

#include "boot_info.h"

struct cpu;
struct partition;

struct exit_stat { uint64_t count, instr, vmreads, vmwrites; };  // instr: TSC ticks from exit to entry
struct message_stat { uint64_t count, instr; };

struct stats {
    struct exit_stat exit[ORIGIN_COUNT][EXIT_REASON_COUNT];
    struct message_stat message[BOOT_PARTITIONS];
};

// A message of the partition with that index ended after so many ticks.
void stats_message(unsigned partition, uint64_t tsc);

// Logs every counter that isn't 0, once: before power-off or reset. stage: "power-off" or "reset".
void stats_print(const char *stage);
