// SPDX-License-Identifier: BSD-2-Clause
// bhctl's commands: each writes what it read to out. NULL, or else what kept it from that (why is room for the text).
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "message.h"
#include "region.h"
#include "wanted.h"

const char *command_status(FILE *out, const struct records_machine *machine, char why[REGION_WHY]);
const char *command_stats(FILE *out, const struct records_machine *machine, bool json, char why[REGION_WHY]);
const char *command_crash(FILE *out, bool raw, char why[REGION_WHY]);  // raw: the record as it is
const char *crash_vmcs_name(uint64_t kind);
const char *command_trace(FILE *out, const struct records_machine *machine, const struct wanted *wanted, char why[REGION_WHY]);

// Lines of the log from number *next on, as far as there are any; *next goes to the first that isn't there yet. Lines that were overwritten
// before they could be read are counted in a line of its own.
const char *log_print(FILE *out, uint64_t *next, char why[REGION_WHY]);

// Sums over all CPUs. false: they can't be read.
bool stats_sum(const struct records_machine *machine, struct stats *sum);

// One event as a line: text, or a JSON object; and what is known of its message.
void event_print(FILE *out, const struct records_machine *machine, uint32_t cpu, const struct event *event, bool json, enum message_data data,
                 const struct request *request);
