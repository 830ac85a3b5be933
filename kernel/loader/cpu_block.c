// SPDX-License-Identifier: BSD-2-Clause
// Makes the CPU blocks. Addresses in them are the kernel's.
#include "cpu_block.h"

#include "../cpu.h"
#include "../reply.h"

// Flat segments, accessed, and what tells them apart (SDM 3A 3.4.5 "Segment Descriptors").
#define SEGMENT_KERNEL_CODE 0x00af9b000000ffffull
#define SEGMENT_KERNEL_DATA 0x00cf93000000ffffull
#define SEGMENT_USER32_CODE 0x00cffb000000ffffull
#define SEGMENT_USER_DATA   0x00cff3000000ffffull
#define SEGMENT_USER_CODE   0x00affb000000ffffull
#define SEGMENT_TSS         0x0000890000000000ull

// block: where the kernel sees the CPU's.
static void make_descriptors(struct cpu *cpu, uint64_t block)
{
    uint64_t tss = block + offsetof(struct cpu, tss);
    cpu->tss = (struct tss){
        .rsp0 = block + CPU_STACK_TOP,
        .ist = { [IST_NMI - 1] = block + CPU_NMI_TOP, [IST_FAULT - 1] = block + CPU_FAULT_TOP },
        .io_map_base = sizeof(struct tss),  // behind the limit: no port for a partition
    };
    cpu->gdtr = (struct table_register){ sizeof(cpu->gdt) - 1, block + offsetof(struct cpu, gdt) };
    cpu->gdt[SELECTOR_KERNEL_CS / 8] = SEGMENT_KERNEL_CODE;
    cpu->gdt[SELECTOR_KERNEL_SS / 8] = SEGMENT_KERNEL_DATA;
    cpu->gdt[SELECTOR_USER32_CS / 8] = SEGMENT_USER32_CODE;
    cpu->gdt[SELECTOR_USER32_SS / 8] = SEGMENT_USER_DATA;
    cpu->gdt[SELECTOR_USER_CS / 8] = SEGMENT_USER_CODE;
    cpu->gdt[SELECTOR_USER_SS / 8] = SEGMENT_USER_DATA;
    cpu->gdt[SELECTOR_TSS / 8] = SEGMENT_TSS | (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}

bool cpu_blocks_make(struct boot_info *info, struct memory *memory, const uint32_t apic_id[CPU_MAX])
{
    info->cpu_blocks = memory_take_top(memory, info->cpu_count * (uint64_t)CPU_BLOCK_BYTES);
    for (uint32_t i = 0; info->cpu_blocks && i < info->cpu_count; i++) {
        uint64_t block = info->cpu_blocks + i * (uint64_t)CPU_BLOCK_BYTES;
        struct cpu *cpu = (struct cpu *)(uintptr_t)block;
        cpu->index = i;
        cpu->apic_id = apic_id[i];
        cpu->level = ORIGIN_L1;
        cpu->vmxon.v = memory_take(memory, PAGE_BYTES);
        cpu->vmcs01.v = memory_take(memory, PAGE_BYTES);
        cpu->shadow.v = info->vmx.shadowing ? memory_take(memory, PAGE_BYTES) : 0;
        if (!cpu->vmxon.v || !cpu->vmcs01.v || (info->vmx.shadowing && !cpu->shadow.v))
            return false;
        *(uint32_t *)(uintptr_t)cpu->vmxon.v = info->vmx.revision;
        make_descriptors(cpu, HIDDEN_BASE + block);
        uint64_t batch = memory_take(memory, sizeof(struct batch));
        if (!batch)
            return false;
        ((struct batch *)(uintptr_t)batch)->work = EPT02_WORK;
        cpu->batch = (struct batch *)(uintptr_t)(HIDDEN_BASE + batch);
    }
    return info->cpu_blocks != 0;
}
_Static_assert(LARGE_BYTES % CPU_BLOCK_BYTES == 0, "blocks at the top of hidden memory are aligned to their size");
