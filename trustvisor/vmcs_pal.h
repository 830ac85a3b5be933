// SPDX-License-Identifier: BSD-2-Clause
// The VMCS that a PAL runs on: CPL 3, its own page tables, no descriptor tables, every exception and interrupt an exit.
#pragma once

#include <caps/msg.h>

#include "pal.h"

// The name of its tree: no EPTP12 has bit 63.
#define VMCS_PAL_TAG(number) (1ull << 63 | ((uint64_t)(number) + 1))

#define VMCS_PAL_WRITES                                                                                                                   \
    (GROUP_ACTIVITY | GROUPS_RIP | GROUP_BLOCKING | GROUP_EVENT | GROUP_EVENT_DATA | GROUPS_CR | GROUP_CR_SHADOW | GROUP_CR_MASK |          \
     GROUP_CR3_TARGET | GROUP_EFER | GROUP_PAT | GROUPS_PRIVILEGE | GROUP_SEG_BASE | GROUP_SEG | GROUP_DATA_SEL | GROUP_DATA_SEG | GROUP_TABLES |             \
     GROUP_SYSENTER | GROUP_DEBUG | GROUP_PENDING | GROUP_CONTROLS | GROUP_EXCEPTIONS)

// Adds the operations that make it, all but RIP, RSP and RFLAGS, which every call sets. req: of the program.
void vmcs_pal_make(const struct pal *pal, const struct request *req, struct reply *rep);
