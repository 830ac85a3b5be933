// SPDX-License-Identifier: BSD-2-Clause
// Pins: pages that fields of VMCS02s name by their address, and that can't be taken from L1 therefore.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/vmcs_field.h>

// A VMCS02 (its index among all) is about to name the page in that field (POLICY_ADDRESS). It is pinned before EPT01 is asked whether L1 has the page, as
// who takes a page makes it his in EPT01 before he asks for pins: one of both sees the other.
void pin_set(uint32_t vmcs02, enum vmcs_field field, uint64_t address);

// What was about to be named is, or not: the batch is done, or was dropped.
void pin_settle(uint32_t vmcs02, bool written);

// Its fields name nothing any more.
void pin_drop(uint32_t vmcs02);

bool pin_has(gpa1_t page);
