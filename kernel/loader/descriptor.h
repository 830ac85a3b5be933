// SPDX-License-Identifier: BSD-2-Clause
// Segment and descriptor-table registers (SDM 2B "SGDT", "SIDT", "SLDT", "STR").
#pragma once

#include <stdint.h>

struct descriptor_table { uint16_t limit; uint64_t base; } __attribute__((packed));

static inline struct descriptor_table gdt_read(void)
{
    struct descriptor_table table;
    __asm__ volatile("sgdt %0" : "=m"(table));
    return table;
}

static inline struct descriptor_table idt_read(void)
{
    struct descriptor_table table;
    __asm__ volatile("sidt %0" : "=m"(table));
    return table;
}

static inline void idt_load(struct descriptor_table table) { __asm__ volatile("lidt %0" : : "m"(table)); }

#define SELECTOR_READ(name, instruction)                           \
    static inline uint16_t name##_read(void)                       \
    {                                                              \
        uint16_t selector;                                         \
        __asm__ volatile(instruction : "=rm"(selector));           \
        return selector;                                           \
    }
SELECTOR_READ(es, "movw %%es, %0")
SELECTOR_READ(cs, "movw %%cs, %0")
SELECTOR_READ(ss, "movw %%ss, %0")
SELECTOR_READ(ds, "movw %%ds, %0")
SELECTOR_READ(fs, "movw %%fs, %0")
SELECTOR_READ(gs, "movw %%gs, %0")
SELECTOR_READ(ldtr, "sldt %0")
SELECTOR_READ(tr, "str %0")
#undef SELECTOR_READ
