// SPDX-License-Identifier: BSD-2-Clause
// What every harness needs: any value of a type, assumptions, properties.
//
// CBMC takes a function named nondet_... without a body, and a local variable that nobody has set, for any value of its type.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ASSUME(condition) __CPROVER_assume(condition)
#define PROVE(condition, property) __CPROVER_assert(condition, property)

uint64_t nondet_u64(void);
uint32_t nondet_u32(void);
uint16_t nondet_u16(void);
uint8_t nondet_u8(void);
bool nondet_bool(void);
#define any_u64  nondet_u64
#define any_u32  nondet_u32
#define any_u16  nondet_u16
#define any_u8   nondet_u8
#define any_bool nondet_bool

static inline uint32_t any_below(uint32_t end)
{
    uint32_t value = any_u32();
    ASSUME(value < end);
    return value;
}
