// SPDX-License-Identifier: BSD-2-Clause
// The instructions that touch the window (guest_access.S): the only ones whose page faults are no fault of the partition.
// guest.c is their only caller, and checks the bounds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rt/guest.h>

// address: WINDOW_BASE + L1-physical address. false: page fault.
bool window_read64(uint64_t address, uint64_t *value);
bool window_read32(uint64_t address, uint32_t *value);
bool window_write64(uint64_t address, uint64_t value);
bool window_write32(uint64_t address, uint32_t value);
bool window_copy_in(void *to, uint64_t from, uint64_t bytes);
bool window_copy_out(uint64_t to, const void *from, uint64_t bytes);
bool window_compare(uint64_t address, const void *with, uint64_t qwords, uint64_t *equal);
bool window_walk(uint64_t top, uint64_t address, struct guest_path *path);
bool window_retrace(const struct guest_trail *trail);
bool window_retrace_read64(uint64_t *value, uint64_t address, const struct guest_trail *trail);
bool window_rerun(const struct guest_run *run);
bool window_exchange64(uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found);
bool window_exchange32(uint64_t address, uint32_t expected, uint32_t desired, uint32_t *found);

_Static_assert(offsetof(struct guest_path, all) == 0 && offsetof(struct guest_path, any) == 8 && offsetof(struct guest_path, table) == 16 &&
               offsetof(struct guest_path, level) == 24 && offsetof(struct guest_path, entry) == 32, "guest_access.S knows where they are");
_Static_assert(offsetof(struct guest_trail, at) == 0 && offsetof(struct guest_trail, entry) == 32, "...and in a trail");
_Static_assert(offsetof(struct guest_run, above_at) == 0 && offsetof(struct guest_run, above) == 24 && offsetof(struct guest_run, at) == 48 && offsetof(struct guest_run, qwords) == 56 &&
               offsetof(struct guest_run, with) == 64, "...and in a run");
