// SPDX-License-Identifier: BSD-2-Clause
// The shadow VMCS.

#include <rt/call.h>
#include <rt/info.h>
#include <rt/reply.h>

#include "cpu.h"
#include "field.h"
#include "shadow.h"
#include "vmcs02.h"

uint64_t shadow_groups(void)
{
    uint64_t groups = 0;
#define GROUP(name, shadow) groups |= SHADOW_##shadow != SHADOW_NONE ? GROUP_##name : 0;
#include <caps/group.def>
#undef GROUP
    return groups;
}

#define GROUP(name, shadow) \
    _Static_assert((SHADOW_##shadow == SHADOW_WRITE) == ((SHADOW_WRITTEN_MASK >> GROUP_INDEX_##name) & 1), "SHADOW_WRITTEN is what group.def says");
#define SHADOW_WRITTEN_MASK (1ull << GROUP_INDEX_RIP | 1ull << GROUP_INDEX_ACTIVITY | 1ull << GROUP_INDEX_EVENT)
#include <caps/group.def>
#undef GROUP

void shadow_absorb(struct message *m, struct vmcs12 *v)
{
    uint64_t changed = 0;
    if (!vmx_cpu_shadowing(m->cpu))
        return;
    if ((m->req->groups_shadow & SHADOW_WRITTEN) != SHADOW_WRITTEN && rt_fetch(VMCS_HANDLE_SHADOW, SHADOW_WRITTEN, 1) != STATUS_OK)
        rt_panic("the shadow VMCS can't be read");
    FOR_GROUPS(SHADOW_WRITTEN, field) {
        const enum vmcs_field f = (enum vmcs_field)*field;
        if (vmcs12_put(v, f, m->req->field[1][f]))
            changed |= 1ull << vmcs_field_info[f].group;
    }
    if (changed != 0)
        vmcs02_changed(v, changed);
}

void shadow_update(struct message *m, const struct vmcs12 *v, uint64_t groups)
{
    groups &= shadow_groups();
    if (groups == 0 || !info->shadowing)
        return;
    FOR_GROUPS(groups, field)
        reply_field(m->rep, 1, (enum vmcs_field)*field, v->value[*field]);
    reply_op(m->rep, OP_WRITE_GROUPS, VMCS_HANDLE_SHADOW, 1, groups, 0);
}

void shadow_on(struct message *m, const struct vmcs12 *v)
{
    if (!info->shadowing)
        return;
    shadow_update(m, v, shadow_groups());
    reply_op(m->rep, OP_SHADOW, 0, 1, 0, 0);
}

void shadow_off(struct message *m)
{
    if (info->shadowing)
        reply_op(m->rep, OP_SHADOW, 0, 0, 0, 0);
}
