// SPDX-License-Identifier: BSD-2-Clause
// Pool: the pages of hidden memory that nobody owns yet, and how the kernel reaches hidden memory.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/status.h>

#include "boot_info.h"

// Contiguous zeroed pages, for good. STATUS_NO_MEMORY. Any CPU, any context.
NODISCARD enum status pool_alloc(uint64_t pages, hpa_t *out);

uint64_t pool_free_pages(void);

// Whether any of [base, base + bytes) is hidden memory, or registers of a VT-d unit: for L1 the same.
bool hidden_overlaps(hpa_t base, uint64_t bytes);

// Where the kernel sees a hidden page: read-write, never executable. Kernel text and rodata and stack guards aren't there.
static inline void *hidden_va(hpa_t hpa) { return (void *)(HIDDEN_BASE + hpa.v); }

// The reverse, for an address that hidden_va gave.
static inline hpa_t hidden_hpa(const void *va) { return (hpa_t){ (uintptr_t)va - HIDDEN_BASE }; }
