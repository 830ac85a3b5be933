// SPDX-License-Identifier: BSD-2-Clause
// INVEPT of L1, straight from its exit.
#pragma once

#include <caps/msg.h>

#include <rt/operand.h>

// What the exit's message carries.
#define INSTRUCTION_GROUPS (OPERAND_MEMORY | GROUP_PRIVILEGE)

// Answers what nearly every INVEPT is: of one EPTP12 that a tree is there for, in 64-bit code at CPL 0, its descriptor in memory that L1 uses already. L1 is in
// VMX operation (ROUTE_IN_VMX). Forwards every other one to nestvmx, which knows all that can be wrong with it, and calls (ept_call.h).
void instruction(const struct request *req, struct reply *rep);

// Before the first of them.
void instruction_init(void);
