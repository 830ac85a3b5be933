// SPDX-License-Identifier: BSD-2-Clause
// Loading descriptor tables and segment registers.
#pragma once

#include <stdint.h>

#include "descriptor.h"

static inline void gdt_load(const struct table_register *gdt) { __asm__ volatile("lgdt %0" : : "m"(*gdt) : "memory"); }
static inline void idt_load(struct table_register idt) { __asm__ volatile("lidt %0" : : "m"(idt) : "memory"); }
static inline void tr_load(uint16_t selector) { __asm__ volatile("ltr %0" : : "r"(selector) : "memory"); }

static inline void cs_load(uint16_t selector)
{
    __asm__ volatile("pushq %0\n lea 1f(%%rip), %%rax\n pushq %%rax\n lretq\n 1:" : : "r"((uint64_t)selector) : "rax", "memory");
}

static inline void ss_load(uint16_t selector) { __asm__ volatile("mov %0, %%ss" : : "r"(selector) : "memory"); }
static inline void ds_load(uint16_t selector) { __asm__ volatile("mov %0, %%ds" : : "r"(selector) : "memory"); }
static inline void es_load(uint16_t selector) { __asm__ volatile("mov %0, %%es" : : "r"(selector) : "memory"); }
static inline void fs_load(uint16_t selector) { __asm__ volatile("mov %0, %%fs" : : "r"(selector) : "memory"); }
static inline void gs_load(uint16_t selector) { __asm__ volatile("mov %0, %%gs" : : "r"(selector) : "memory"); }
