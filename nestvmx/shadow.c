// SPDX-License-Identifier: BSD-2-Clause
// The shadow VMCS.

#include <rt/call.h>
#include <rt/cpu.h>
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
#define SHADOW_WRITTEN_MASK (1ull << GROUP_INDEX_RIP | 1ull << GROUP_INDEX_RSP | 1ull << GROUP_INDEX_BLOCKING | 1ull << GROUP_INDEX_EVENT | 1ull << GROUP_INDEX_EVENT_DATA)
#include <caps/group.def>
#undef GROUP

static void fetch(const struct message *m, uint64_t groups)
{
    if ((groups & ~m->req->groups_shadow) && rt_fetch(VMCS_HANDLE_SHADOW, groups, 1) != STATUS_OK)
        rt_panic("the shadow VMCS can't be read");
}

// The group, where the field is no longer what the copy has.
static inline uint64_t take(const struct message *m, struct vmcs12 *v, enum vmcs_field field, uint64_t group)
{
    return vmcs12_put(v, field, m->req->field[1][field]) ? group : 0;
}

static inline __attribute__((always_inline)) uint64_t take_for_entry(const struct message *m, struct vmcs12 *v)
{
    uint64_t changed = take(m, v, VMCS_GUEST_RIP, GROUP_RIP);
    changed |= take(m, v, VMCS_GUEST_RSP, GROUP_RSP);
    changed |= take(m, v, VMCS_GUEST_RFLAGS, GROUP_RIP);
    changed |= take(m, v, VMCS_GUEST_INTERRUPTIBILITY, GROUP_BLOCKING);
    changed |= take(m, v, VMCS_ENTRY_INTR_INFO, GROUP_EVENT);
    return changed;
}

static uint64_t take_event_data(const struct message *m, struct vmcs12 *v)
{
    return take(m, v, VMCS_ENTRY_EXCEPTION_ERROR, GROUP_EVENT_DATA) | take(m, v, VMCS_ENTRY_INSTRUCTION_LENGTH, GROUP_EVENT_DATA);
}

void shadow_absorb(struct message *m, struct vmcs12 *v)
{
    if (!vmx_cpu_shadowing(m->cpu))
        return;
    fetch(m, SHADOW_WRITTEN);
    const uint64_t changed = take_for_entry(m, v) | take_event_data(m, v);
    if (changed != 0)
        vmcs02_changed(v, changed);
}

void shadow_absorb_entry(struct message *m, struct vmcs12 *v)
{
    if (!vmx_cpu_shadowing(m->cpu))
        return;
    fetch(m, SHADOW_ENTRY);
    uint64_t changed = take_for_entry(m, v);
    if (vmcs12_get(v, VMCS_ENTRY_INTR_INFO) & EVENT_VALID) {
        fetch(m, GROUP_EVENT_DATA);
        changed |= take_event_data(m, v);
    }
    if (changed != 0)
        vmcs02_changed(v, changed);
}

static inline void put_rip(struct reply *rep, const struct vmcs12 *v)
{
    reply_field(rep, 1, VMCS_GUEST_RIP, vmcs12_get(v, VMCS_GUEST_RIP));
    reply_field(rep, 1, VMCS_GUEST_RSP, vmcs12_get(v, VMCS_GUEST_RSP));
    reply_field(rep, 1, VMCS_GUEST_RFLAGS, vmcs12_get(v, VMCS_GUEST_RFLAGS));
}

void shadow_update(struct message *m, const struct vmcs12 *v, uint64_t groups)
{
    groups &= shadow_groups();
    if (groups == 0 || !info->shadowing)
        return;
    put_rip(m->rep, v);  // mostly nothing else; where it isn't named nobody reads it
    FOR_GROUPS(groups & ~GROUPS_RIP, field)
        reply_field(m->rep, 1, (enum vmcs_field)*field, v->value[*field]);
    reply_op(m->rep, OP_WRITE_GROUPS, VMCS_HANDLE_SHADOW, 1, groups, 0);
}

// The place (+ 1) of the VMCS12 that each CPU's shadow VMCS holds, as its copy is, if that one's vmcs02.shadowed says so, too. A copy's shadowed groups change
// where it is current, and there with the shadow VMCS, or by an L2 through the link pointer, which takes back what vmcs02.shadowed says (vmcs02_forget()).
// Zero (after a reload, too): nothing is known.
static uint32_t holds[CPU_MAX];

void shadow_on(struct message *m, const struct vmcs12 *v)
{
    if (!info->shadowing)
        return;
    const uint32_t self = rt_cpu() % CPU_MAX, place = vmcs12_place(v) + 1;
    if (vmcs02_of(v)->shadowed != self + 1 || holds[self] != place)
        shadow_update(m, v, shadow_groups());
    vmcs02_of(v)->shadowed = self + 1;
    holds[self] = place;
    reply_op(m->rep, OP_SHADOW, 0, 1, 0, 0);
}

void shadow_off(struct message *m)
{
    if (info->shadowing)
        reply_op(m->rep, OP_SHADOW, 0, 0, 0, 0);
}
