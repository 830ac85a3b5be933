// SPDX-License-Identifier: BSD-2-Clause
// Copies from and to L1's linear addresses, across page borders: the memory operands of instructions.
#pragma once

#include <stdint.h>

#include <rt/walk.h>

// At most PAGE_BYTES. Every page is translated before the first byte is copied. With WALK_FAULT, *fault is the linear address for CR2
// and *pf_error the error code; WALK_UNMAPPED also where EPT01 doesn't map the operand itself.
//   access: 0 or ACCESS_SYSTEM; read or write comes from the direction
enum walk linear_copy_in(const struct paging *paging, void *to, gva_t from, uint32_t bytes, unsigned access, gva_t *fault, uint32_t *pf_error);
enum walk linear_copy_out(const struct paging *paging, gva_t to, const void *from, uint32_t bytes, unsigned access, gva_t *fault, uint32_t *pf_error);
