// SPDX-License-Identifier: BSD-2-Clause
// Window: L1's memory as partitions with the right see it. One tree of tables for all of them, a mirror of EPT01's RAM. Built by the loader (loader/space.c).
#pragma once

#include <stdbool.h>

#include <caps/addr.h>
#include <caps/status.h>

#include "boot_info.h"

// Whether the window shows a page of RAM below WINDOW_BYTES. The first call for a page may fail (STATUS_NO_MEMORY) and is to be alone; those after it can't.
// The caller shoots down.
enum status window_show(gpa1_t page, bool shown);
