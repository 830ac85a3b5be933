// SPDX-License-Identifier: BSD-2-Clause
// The memory in which a crash of the run before this one may have left its record: looked for before anything is put there.
#pragma once

#include <caps/records.h>

// Takes the newest record of all places where hidden memory may have been, says on the console what it tells, and clears them.
void remains_take(struct crash_record *record);
