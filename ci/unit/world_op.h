// SPDX-License-Identifier: BSD-2-Clause
// Operations, checked and applied as the kernel does it. For harness.c.
#pragma once

#include "harness.h"

enum vmcs_kind world_vmcs_kind(uint32_t handle);

// What the capabilities don't allow ends the test (world_fault); a status only from world_check_op.
enum status world_check_batch(const struct reply *rep);
void world_apply_batch(const struct reply *rep);

// The partition did what the kernel would stop it for.
void world_fault(const char *text);

// Taking pages: a new batch; whether an operation of it would be refused; what it does.
void world_page_batch(void);
enum status world_page_check(const struct op *op);
void world_page_move(uint64_t gpa1, bool take);
