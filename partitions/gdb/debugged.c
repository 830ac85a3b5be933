// SPDX-License-Identifier: BSD-2-Clause
// The debugged partition's memory.
#include "debugged.h"

#include <rt/guest.h>

bool debugged_read(uint64_t address, void *to, uint64_t bytes) { return guest_copy_in(to, (gpa1_t){ address }, bytes); }
bool debugged_write(uint64_t address, const void *from, uint64_t bytes) { return guest_copy_out((gpa1_t){ address }, from, bytes); }
