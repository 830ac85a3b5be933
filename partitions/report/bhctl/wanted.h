// SPDX-License-Identifier: BSD-2-Clause
// What of the events is wanted (bhctl trace), as the command line says.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "region.h"

// A set that is empty has everything.
struct wanted {
    uint32_t count;                                 // of the last events of each CPU
    bool follow, json, fields;                      // fields: what travelled with messages, too
    uint64_t cpus;                                  // bit n: CPU n
    uint32_t levels, partitions;                    // bit n: enum msg_origin, partition n
    bool by_reason, reason[EXIT_REASON_COUNT];
};

// From the words behind `bhctl trace`. NULL, or else what is wrong with them.
const char *wanted_parse(struct wanted *wanted, const struct records_machine *machine, int count, char *const *word, char why[REGION_WHY]);

bool wanted_has(const struct wanted *wanted, uint32_t cpu, const struct event *event);
