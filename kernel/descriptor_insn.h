// SPDX-License-Identifier: BSD-2-Clause
// Loading descriptor tables. Segment registers and TR are loaded once, by the loader (loader/switch.S).
#pragma once

#include "descriptor.h"

static inline void gdt_load(const struct table_register *gdt) { __asm__ volatile("lgdt %0" : : "m"(*gdt) : "memory"); }
static inline void idt_load(struct table_register idt) { __asm__ volatile("lidt %0" : : "m"(idt) : "memory"); }
