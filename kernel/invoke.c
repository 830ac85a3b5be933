// SPDX-License-Identifier: BSD-2-Clause
// Invocation of decoded replies.

#include "invoke.h"

#include "ept01.h"
#include "fault_inject.h"
#include "group.h"
#include "inject.h"
#include "msr_l1.h"
#include "pin.h"
#include "vmcs01.h"
#include "vmcs02.h"
#include "vtd.h"

static void invoke_writes(struct cpu *cpu, const struct batch *batch, const struct action *action)
{
    vmcs_select(cpu, action->region);
    const struct field_write *write = &batch->write[action->first], *end = write + action->count;
    cpu->vmwrites += action->count;
    for (; write < end; write++)
        insn_vmwrite(write->encoding, write->value);
}

// The mappings from action on that go into the same root; returns the last one.
static const struct action *invoke_maps(struct batch *batch, const struct action *action, const struct action *end)
{
    struct ept02_cursor *cursor = ept02_map_begin(action->root);
    for (;; action++) {
        ept02_map(cursor, action->a, (gpa2_t){ action->b }, (gpa1_t){ action->c }, &batch->work);
        if (action + 1 == end || action[1].code != OP_EPT_MAP || action[1].root != action->root)
            break;
    }
    ept02_map_end(cursor);
    return action;
}

// First out of where addresses are looked up, then from where they can be used.
static void move_page(struct batch *batch, gpa1_t page, bool take)
{
    uint32_t owner = batch->partition->index + 1;
    ept01_own(page, owner, take ? owner : 0, !take);
    window_show(page, !take);
    space_own(&batch->partition->space, page, take);
    if (take)
        batch->taken[batch->taken_count++] = page;
    batch->moved = true;
}

// Into VMCS01 nearly every reply that ends in L1 writes the same groups: as one list, not as several.
static inline struct group_list list_again(struct batch *batch, uint64_t groups)
{
    if (__builtin_expect(batch->listed_groups != groups, 0)) {
        struct group_field *next = batch->listed;
        batch->listed_groups = groups;
        while (groups != 0)
            for (struct group_list run = group_next(&groups); run.first < run.end; run.first++)
                *next++ = *run.first;
        batch->listed_count = (uint32_t)(next - batch->listed);
    }
    return (struct group_list){ batch->listed, &batch->listed[batch->listed_count] };
}

enum status batch_invoke(struct batch *batch, struct cpu *cpu)
{
    enum status status = STATUS_OK;
    const struct action *end = &batch->action[batch->action_count];
    for (const struct action *action = batch->action; action < end; action++) {
        cpu->records.stats.op[action->code]++;
        if (action->code == OP_WRITE_GROUPS) {  // nearly every one
            vmcs_select(cpu, action->region);
            group_write(cpu, action->masked, action->bank, true);
            if (action->region.v == cpu->vmcs01.v)
                group_write_list(cpu, list_again(batch, action->groups), action->bank);
            else
                group_write(cpu, action->groups, action->bank, false);
            continue;
        }
        switch ((enum op_code)action->code) {
        case OP_VMCS_RESET: vmcs02_reset(action->vmcs02, cpu); break;
        case OP_VMCS_CLEAR: vmcs02_clear(action->vmcs02, cpu); break;
        case OP_VMCS_EPT: vmcs02_tag(action->vmcs02, action->b); break;
        case OP_VMCS_FLUSH: vmcs02_flush(action->vmcs02); break;
        case OP_BITMAP: vmcs02_bitmap(action->vmcs02, (enum bitmap_kind)(action->a >> 16), action->a & 0xffff, action->b); break;
        case OP_SHADOW: vmcs01_shadow(cpu, action->a == 1); break;
        case OP_L1_VMX: vmcs01_vmx(cpu, action->a == 1); break;
        case OP_L1_NMI: cpu->nmi_pending |= action->a == 1; break;
        case OP_MSR_WRITE:
            if (!msr_write_l1(cpu, action->a, action->b))
                status = STATUS_UNSUPPORTED;
            break;
        case OP_EPT_CREATE: ept02_create(action->root, action->b, &batch->work); break;
        case OP_EPT_MAP: action = invoke_maps(batch, action, end); break;
        case OP_EPT_MAP_RUN: ept02_map_run(action->root, (gpa2_t){ action->b }, action->bank, action->a, &batch->work); break;
        case OP_EPT_UNMAP: ept02_unmap(action->root, (enum ept_level)action->a, (gpa2_t){ action->b }, &batch->work); break;
        case OP_EPT_DROP: ept02_drop(action->root, &batch->work); break;
        case OP_INJECT: fault_inject_order(partition_at(action->root), action->a, action->b, (uint32_t)action->c); break;
        case OP_L1_FLUSH: vmcs01_flush(); break;
        case OP_PAGE_TAKE: case OP_PAGE_GIVE: move_page(batch, (gpa1_t){ action->b }, action->code == OP_PAGE_TAKE); break;
        default: invoke_writes(cpu, batch, action); break;
        }
    }
    if (batch->moved) {
        ept02_expel(batch->taken, batch->taken_count);
        vtd_forget();
    }
    if (batch->pinned != NULL)
        pin_settle(batch->pinned->index, true);
    if (batch->touches_ept02)
        ept02_finish(&batch->work);
    return status;
}
