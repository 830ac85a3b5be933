// SPDX-License-Identifier: BSD-2-Clause
// What the partition knows about the VMCS02 of each VMCS12.

#include <rt/cpu.h>
#include <rt/panic.h>
#include <rt/call.h>
#include <rt/reply.h>

#include "vmcs02.h"

struct vmcs02 vmcs02_table[VMCS12_COUNT];

void vmcs02_forget(const struct vmcs12 *v)
{
    struct vmcs02 *vmcs02 = vmcs02_of(v);
    vmcs02->valid = false;
    vmcs02->l1_ready = false;
    vmcs02->tagged = false;
    vmcs02->cpu = 0;
    vmcs02->saves = 0;
    vmcs02->unchecked = ~0ull;
}

void vmcs02_init(void)
{
    for (unsigned place = 0; place < VMCS12_COUNT; place++)
        vmcs02_forget(vmcs12_at(place));
}

void vmcs02_changed(const struct vmcs12 *v, uint64_t groups)
{
    struct vmcs02 *vmcs02 = vmcs02_of(v);
    vmcs02->dirty |= groups;
    vmcs02->unchecked |= groups;
    if (groups & (GROUP_HOST | GROUP_CONTROLS))
        vmcs02->l1_ready = false;
    if (groups & (GROUP_CONTROLS | GROUP_CR_MASK))
        vmcs02->saves = 0;
}

void vmcs02_flush(struct message *m, int32_t vpid)
{
    const uint32_t self = rt_cpu() + 1;
    for (unsigned place = 0; place < VMCS12_COUNT; place++) {
        const struct vmcs12 *v = vmcs12_at(place);
        if (!vmcs02_table[place].valid || vmcs02_table[place].cpu != self || (vpid >= 0 && vmcs12_get(v, VMCS_VPID) != (uint64_t)vpid))
            continue;
        if (m->rep->op_count >= OP_MAX - 8 && rt_invoke() != STATUS_OK)
            rt_panic("a VMCS02 can't be flushed");
        reply_op(m->rep, OP_VMCS_FLUSH, vmcs12_handle(v), 0, 0, 0);
    }
}
