// SPDX-License-Identifier: BSD-2-Clause
// GDT and TSS of a CPU.
#include "descriptor.h"

#include "cpu.h"

// Flat segments, accessed, and what tells them apart (SDM 3A 3.4.5 "Segment Descriptors").
#define SEGMENT_USER32_CODE 0x00cffb000000ffffull
#define SEGMENT_USER_DATA   0x00cff3000000ffffull
#define SEGMENT_USER_CODE   0x00affb000000ffffull
#define SEGMENT_TSS         0x0000890000000000ull

void descriptor_init(struct cpu *cpu)
{
    uint64_t block = (uintptr_t)cpu, tss = (uintptr_t)&cpu->tss;
    cpu->tss = (struct tss){
        .rsp0 = block + CPU_STACK_TOP,
        .ist = { [IST_NMI - 1] = block + CPU_NMI_TOP, [IST_FAULT - 1] = block + CPU_FAULT_TOP },
        .io_map_base = sizeof(struct tss),  // behind the limit: no port for a partition
    };
    cpu->gdtr = (struct table_register){ sizeof(cpu->gdt) - 1, (uintptr_t)cpu->gdt };
    cpu->gdt[SELECTOR_KERNEL_CS / 8] = SEGMENT_KERNEL_CODE;
    cpu->gdt[SELECTOR_KERNEL_SS / 8] = SEGMENT_KERNEL_DATA;
    cpu->gdt[SELECTOR_USER32_CS / 8] = SEGMENT_USER32_CODE;
    cpu->gdt[SELECTOR_USER32_SS / 8] = SEGMENT_USER_DATA;
    cpu->gdt[SELECTOR_USER_CS / 8] = SEGMENT_USER_CODE;
    cpu->gdt[SELECTOR_USER_SS / 8] = SEGMENT_USER_DATA;
    cpu->gdt[SELECTOR_TSS / 8] = SEGMENT_TSS | (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}
