// SPDX-License-Identifier: BSD-2-Clause
// VMCS02 objects: memory, the CPU that holds them, what L0 puts into them.

#include "vmcs02.h"

#include <caps/cap.h>

#include "ept02.h"
#include "init_sipi.h"
#include "memory.h"
#include "pin.h"
#include "pool.h"
#include "vmcs.h"

struct vmcs02 *vmcs02_at(uint32_t index) { return (struct vmcs02 *)hidden_va((hpa_t){ boot_info->vmcs02s }) + index; }

static enum status claim(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    uint32_t holder = VMCS02_NO_CPU;
    if (vmcs02->active_cpu == cpu->index ||
        __atomic_compare_exchange_n(&vmcs02->active_cpu, &holder, cpu->index, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return STATUS_OK;
    return STATUS_BUSY;
}

enum status vmcs02_take(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    if (vmcs02->region.v == 0)
        return STATUS_BAD_STATE;
    return claim(vmcs02, cpu);
}

static enum status get_memory(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++)
        if (vmcs02->bitmap[kind].v == 0)
            TRY(pool_alloc(1, &vmcs02->bitmap[kind]));
    hpa_t region;
    TRY(pool_alloc(1, &region));
    vmcs_format(cpu, region, false);
    vmcs02->region = region;
    return STATUS_OK;
}

enum status vmcs02_reserve(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    TRY(claim(vmcs02, cpu));
    enum status status = vmcs02->region.v == 0 ? get_memory(vmcs02, cpu) : STATUS_OK;
    if (status != STATUS_OK)
        __atomic_store_n(&vmcs02->active_cpu, VMCS02_NO_CPU, __ATOMIC_RELEASE);
    return status;
}

void vmcs02_flush(struct vmcs02 *vmcs02)
{
    insn_invvpid(INVVPID_SINGLE, VMCS02_HOST_VPID_FIRST + vmcs02->index);
}

void vmcs02_reset(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    vmcs_format(cpu, vmcs02->region, false);
    vmcs_select(cpu, vmcs02->region);
    vmcs_write_list(cpu, &boot_info->vmcs02);
    vmcs_init_host_state(cpu);
    vmcs02->host_cpu = cpu->index;
    vmcs_write(VMCS_VPID, VMCS02_HOST_VPID_FIRST + vmcs02->index);
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++)
        memory_fill(hidden_va(vmcs02->bitmap[kind]), 0xff, PAGE_BYTES);
    vmcs_write(VMCS_MSR_BITMAP, vmcs02->bitmap[BITMAP_MSR].v);
    vmcs_write(VMCS_IO_BITMAP_A, vmcs02->bitmap[BITMAP_IO_A].v);
    vmcs_write(VMCS_IO_BITMAP_B, vmcs02->bitmap[BITMAP_IO_B].v);
    vmcs02->eptp = 0;
    pin_drop(vmcs02->index);
    vmcs02->launched = false;
    vmcs02->reset = true;
    vmcs02->may_wait = true;
    vmcs02_tag(vmcs02, VMCS02_TAG_NONE);
    vmcs02_flush(vmcs02);
}

void vmcs02_clear(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    vmcs_clear(cpu, vmcs02->region);
    vmcs02->launched = false;
    __atomic_store_n(&vmcs02->active_cpu, VMCS02_NO_CPU, __ATOMIC_RELEASE);
}

void vmcs02_bitmap(struct vmcs02 *vmcs02, enum bitmap_kind kind, uint32_t qword, uint64_t value)
{
    uint64_t *bitmap = hidden_va(vmcs02->bitmap[kind]);
    bitmap[qword] = value | boot_info->watched[ORIGIN_L2][kind][qword];
}

bool vmcs02_ports(struct vmcs02 *vmcs02, uint16_t port, unsigned bytes, bool open)
{
    for (; bytes > 0; port++, bytes--) {
        const enum bitmap_kind kind = port < 0x8000 ? BITMAP_IO_A : BITMAP_IO_B;
        const uint32_t qword = port % 0x8000 / 64;
        uint64_t *bitmap = (uint64_t *)hidden_va(vmcs02->bitmap[kind]) + qword, bit = 1ull << port % 64;
        if (open && (boot_info->watched[ORIGIN_L1][kind][qword] & bit))
            return false;
        *bitmap = open ? *bitmap & ~bit : *bitmap | (boot_info->watched[ORIGIN_L2][kind][qword] & bit);
    }
    return true;
}

void vmcs02_tag(struct vmcs02 *vmcs02, uint64_t tag)
{
    vmcs02->tag = tag;
    vmcs02->bound = false;
}

uint32_t vmcs02_root(const struct vmcs02 *vmcs02)
{
    if (vmcs02->tag == 0)
        return ROOT_NONE;
    if (vmcs02->bound && vmcs02->generation == __atomic_load_n(&ept02_generation, __ATOMIC_ACQUIRE))
        return vmcs02->root;
    return ept02_find(vmcs02->tag);
}

void vmcs02_prepare(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    vmcs_select(cpu, vmcs02->region);
    if (vmcs02->host_cpu != cpu->index) {  // it was another CPU's: its exits would go to that one's stack
        vmcs_host_cpu(cpu);
        vmcs02->host_cpu = cpu->index;
    }
    if (vmcs02->may_wait) {
        vmcs02->may_wait = vmcs_read(VMCS_GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI;
        __atomic_store_n(&cpu->deaf, vmcs02->may_wait, __ATOMIC_SEQ_CST);
    }
    uint32_t generation = __atomic_load_n(&ept02_generation, __ATOMIC_ACQUIRE);
    if (!vmcs02->bound || vmcs02->generation != generation) {
        vmcs02->top = ept02_bind(vmcs02->tag, vmcs02->top, &vmcs02->root);
        vmcs02->generation = generation;
        vmcs02->bound = true;
    }
    uint64_t eptp = ept02_pointer(vmcs02->top) | (vmcs02->tag != VMCS02_TAG_NONE ? vmcs02->tag & EPTP_ACCESSED_DIRTY : 0);
    if (eptp != vmcs02->eptp) {
        vmcs_write(VMCS_EPTP, eptp);
        vmcs02->eptp = eptp;
    }
}

bool vmcs02_ready(const struct vmcs02 *vmcs02, const struct cpu *cpu)
{
    return cpu->vmcs_current.v == vmcs02->region.v && vmcs02->host_cpu == cpu->index && vmcs02->launched && vmcs02->bound && !vmcs02->may_wait &&
           vmcs02->generation == __atomic_load_n(&ept02_generation, __ATOMIC_ACQUIRE);
}
