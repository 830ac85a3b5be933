// SPDX-License-Identifier: BSD-2-Clause
// bhctl top: what happened between two readings.
#pragma once

#include "command.h"

struct top { struct stats stats; uint32_t restarts[PARTITION_MAX]; };

// What there is now. false: it can't be read.
bool top_read(struct records_machine *machine, struct top *now, char why[REGION_WHY]);

// The table of a time between two readings, of so many milliseconds: what there was most of first.
void top_print(FILE *out, const struct records_machine *machine, const struct top *before, const struct top *after, uint32_t milliseconds);
