// SPDX-License-Identifier: BSD-2-Clause
// GDT and TSS of a CPU. The selectors' order is what SYSENTER and SYSEXIT ask for (SDM 2B "SYSEXIT").
#pragma once

#include <stdint.h>

enum selector { SELECTOR_KERNEL_CS = 0x08, SELECTOR_KERNEL_SS = 0x10, SELECTOR_USER32_CS = 0x18, SELECTOR_USER32_SS = 0x20,
                SELECTOR_USER_CS = 0x28, SELECTOR_USER_SS = 0x30, SELECTOR_TSS = 0x38 };
#define GDT_ENTRIES 9

// SDM 3A 8.7 "Task Management in 64-Bit Mode".
struct __attribute__((packed)) tss {
    uint32_t reserved0;
    uint64_t rsp0, rsp1, rsp2;
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map_base;
};
_Static_assert(sizeof(struct tss) == 104, "SDM 3A figure 8-11");

// Operand of LGDT, LIDT.
struct __attribute__((packed)) table_register { uint16_t limit; uint64_t base; };

// Which of tss.ist[] (counted from 1) an interrupt gate names. #DB has one because a partition can single-step into sysenter_entry, whose stack
// pointer isn't a stack yet.
enum { IST_NMI = 1, IST_FAULT = 2 };
