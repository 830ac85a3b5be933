// SPDX-License-Identifier: BSD-2-Clause
// On the host, taken pages lie in the test's memory (shadows partitions/include/rt/owned.h).
#pragma once

#include <caps/addr.h>

void *owned_at(gpa1_t address);
