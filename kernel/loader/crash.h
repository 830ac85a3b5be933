// SPDX-License-Identifier: BSD-2-Clause
// What is left of a crash of the run before this one (struct crash_record of caps/records.h): judged, and told. Pure: the memory may hold anything.
#pragma once

#include <stdbool.h>

#include <caps/records.h>

#define CRASH_TEXT 300

// The newest sound record, NULL: none.
const struct crash_record *crash_newest(const struct crash_area *area);

// Line number index of what there is to say about a sound record. False: there are no more.
bool crash_line(const struct crash_record *record, unsigned index, char text[CRASH_TEXT]);
