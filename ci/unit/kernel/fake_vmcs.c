// SPDX-License-Identifier: BSD-2-Clause
// The made-up VMCSs.

#include "fake_vmcs.h"

#include <stdlib.h>

#include "fault_inject.h"
#include "msr_l1.h"
#include "reply.h"
#include "vmcs01.h"

struct cpu fake_cpu __attribute__((aligned(CPU_BLOCK_BYTES)));
struct vmcs02 fake_vmcs02[FAKE_VMCS02S];
uint64_t fake_field[FAKE_VMCSS][VMCS_FIELD_COUNT];
unsigned fake_vmcs02_calls, fake_l1_flushes;
uint32_t fake_msr, fake_msr_refused = 0xdead;
struct fake_injected fake_injected;

void fake_vmcs_init(void)
{
    if ((uintptr_t)&fake_cpu % CPU_BLOCK_BYTES != 0)
        abort();
    static struct batch batch;
    batch.work = EPT02_WORK;
    fake_cpu.batch = &batch;
    fake_cpu.vmcs01.v = FAKE_VMCS01;
    fake_cpu.shadow.v = FAKE_SHADOW;
    fake_cpu.level = ORIGIN_L2;
    fake_cpu.vmcs02 = &fake_vmcs02[0];
    for (uint32_t i = 0; i < FAKE_VMCS02S; i++)
        fake_vmcs02[i] = (struct vmcs02){ .index = i, .owner_index = i, .active_cpu = VMCS02_NO_CPU,
                                          .region = { FAKE_VMCS02 + i * PAGE_BYTES }, .reset = true };
    for (unsigned i = 0; i < FAKE_VMCSS; i++)
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
            fake_field[i][field] = 0x1000 * i + field;
}

void *fake_frame(void) { return &fake_cpu; }

static uint64_t *place(uint64_t encoding)
{
    uint64_t vmcs = (fake_cpu.vmcs_current.v - FAKE_VMCS01) / PAGE_BYTES;
    if (fake_cpu.vmcs_current.v < FAKE_VMCS01 || vmcs >= FAKE_VMCSS)
        abort();  // none is current
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        if (vmcs_field_info[field].encoding == encoding)
            return &fake_field[vmcs][field];
    abort();
}

uint64_t fake_vmread(uint64_t encoding) { return *place(encoding); }
void fake_vmwrite(uint64_t encoding, uint64_t value) { *place(encoding) = value; }

void vmcs_load(struct cpu *cpu, hpa_t vmcs) { cpu->vmcs_current = vmcs; }

void vmcs_clear(struct cpu *cpu, hpa_t vmcs)
{
    if (cpu->vmcs_current.v == vmcs.v)
        cpu->vmcs_current.v = 0;
}

struct vmcs02 *vmcs02_at(uint32_t index)
{
    if (index >= FAKE_VMCS02S)
        abort();
    return &fake_vmcs02[index];
}

enum status vmcs02_take(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    if (vmcs02->region.v == 0)
        return STATUS_BAD_STATE;
    if (vmcs02->active_cpu != VMCS02_NO_CPU && vmcs02->active_cpu != cpu->index)
        return STATUS_BUSY;
    vmcs02->active_cpu = cpu->index;
    return STATUS_OK;
}

enum status vmcs02_reserve(struct vmcs02 *vmcs02, struct cpu *cpu) { return vmcs02_take(vmcs02, cpu); }
void vmcs02_reset(struct vmcs02 *vmcs02, struct cpu *cpu) { (void)vmcs02, (void)cpu, fake_vmcs02_calls++; }
void vmcs02_clear(struct vmcs02 *vmcs02, struct cpu *cpu) { (void)cpu, vmcs02->active_cpu = VMCS02_NO_CPU, fake_vmcs02_calls++; }
void vmcs02_flush(struct vmcs02 *vmcs02) { (void)vmcs02, fake_vmcs02_calls++; }
void vmcs01_flush(void) { fake_l1_flushes++; }
void vmcs02_tag(struct vmcs02 *vmcs02, uint64_t tag) { vmcs02->tag = tag, fake_vmcs02_calls++; }
void vmcs02_bitmap(struct vmcs02 *vmcs02, enum bitmap_kind kind, uint32_t qword, uint64_t value)
{
    (void)vmcs02, (void)value, fake_vmcs02_calls++;
    if (kind >= BITMAP_KINDS || qword >= 512)
        abort();
}

void vmcs01_shadow(struct cpu *cpu, bool on) { cpu->shadowing = on; }
void vmcs01_vmx(struct cpu *cpu, bool on) { cpu->l1_vmx = on; }
enum status fault_inject_check(uint32_t index, uint32_t kind) { return index == 0 && kind == FAKE_INJECT_KIND ? STATUS_OK : STATUS_UNSUPPORTED; }
void fault_inject_order(struct partition *partition, uint32_t kind, uint64_t number, uint32_t instruction)
{
    if (partition != partition_at(0))
        abort();
    fake_injected = (struct fake_injected){ kind, number, instruction };
}
bool msr_l1_writable(uint32_t msr) { return msr != fake_msr_refused; }
bool msr_write_l1(struct cpu *cpu, uint32_t msr, uint64_t value) { (void)cpu, (void)value; fake_msr = msr; return true; }
