// SPDX-License-Identifier: BSD-2-Clause
// Instructions that read a CPU's state, where cpu_insn.h has none.
#pragma once

#include <stdint.h>

#include "cpu_insn.h"

#define READ64(name, instruction) \
    static inline uint64_t name##_read(void) { uint64_t v; __asm__ volatile(instruction : "=r"(v)); return v; }
READ64(dr1, "mov %%dr1, %0")
READ64(dr2, "mov %%dr2, %0")
READ64(dr3, "mov %%dr3, %0")
#undef READ64

#define SELECTOR(name, instruction) \
    static inline uint64_t name##_read(void) { uint16_t v; __asm__ volatile(instruction : "=r"(v)); return v; }
SELECTOR(cs, "mov %%cs, %0")
SELECTOR(ss, "mov %%ss, %0")
SELECTOR(ds, "mov %%ds, %0")
SELECTOR(es, "mov %%es, %0")
SELECTOR(fs, "mov %%fs, %0")
SELECTOR(gs, "mov %%gs, %0")
SELECTOR(ldtr, "sldt %0")
SELECTOR(tr, "str %0")
#undef SELECTOR

// What the descriptor table says of a selector; 0 where it says nothing.
static inline uint64_t rights_of(uint64_t selector)
{
    uint64_t rights = 0;
    __asm__ volatile("lar %1, %0" : "+r"(rights) : "r"(selector) : "cc");
    return rights;
}
static inline uint64_t limit_of(uint64_t selector)
{
    uint64_t limit = 0;
    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(selector) : "cc");
    return limit;
}

static inline struct table_register gdt_read(void) { struct table_register t; __asm__ volatile("sgdt %0" : "=m"(t)); return t; }
static inline struct table_register idt_read(void) { struct table_register t; __asm__ volatile("sidt %0" : "=m"(t)); return t; }
static inline uint64_t fpu_control_read(void) { uint16_t v; __asm__ volatile("fnstcw %0" : "=m"(v)); return v; }
static inline uint64_t mxcsr_read(void) { uint32_t v; __asm__ volatile("stmxcsr %0" : "=m"(v)); return v; }
static inline uint64_t xcr0_read(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
