// SPDX-License-Identifier: BSD-2-Clause
// Entries 102 (SDM 3C chapter 27 "VM Entries"): VMCS12 to VMCS02. Only what isn't in VMCS02 yet is written.

#include <caps/exit_reason.h>
#include <rt/call.h>
#include <rt/cpu.h>
#include <rt/reply.h>
#include <rt/state.h>

#include "bitmap.h"
#include "cpu.h"
#include "entry.h"
#include "entry_check.h"
#include "exit.h"
#include "merge.h"
#include "field.h"
#include "l1_state.h"
#include "msr_list.h"
#include "result.h"
#include "shadow.h"
#include "vmcs02.h"
#include "x86.h"

// What the checks and the merging read must be in the copy: mostly nothing that L2 changes.
static void pull_for_checks(struct message *m, struct vmcs12 *v)
{
    const uint64_t event = vmcs12_get(v, VMCS_ENTRY_INTR_INFO);

    if (!vmcs12_proc2(v, PROC2_ENABLE_EPT)) {
        vmcs12_pull(v, m, GROUPS_CR | GROUP_PDPTE);
        return;
    }
    if (!vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST))
        return;
    // L2 can turn paging on and off: that decides about EFER where VMCS12 doesn't load it, and about the error codes of exceptions.
    if (!vmcs12_entry(v, ENTRY_LOAD_GUEST_EFER)) {
        vmcs12_pull(v, m, GROUP_CONTROLS);
        if (!vmcs12_entry(v, ENTRY_GUEST_IA32E))
            vmcs12_pull(v, m, GROUPS_CR);
    }
    if ((event & (EVENT_VALID | 0x700)) == (EVENT_VALID | EVENT_TYPE_EXCEPTION))
        vmcs12_pull(v, m, GROUPS_CR);
}

// true: passed. Else the instruction is over.
static bool check(struct message *m, struct vmcs12 *v, struct vmcs02 *vmcs02)
{
    const char *name = "";
    uint64_t qualification = 0;
    const bool l1_long = exit_field(m, VMCS_GUEST_EFER) & EFER_LMA;
    const enum check_result result = entry_check(v, l1_long == vmcs02->l1_long ? vmcs02->unchecked : ~0ull, l1_long, &name, &qualification);

    switch (result) {
    case CHECK_PASSED:
        vmcs02->unchecked = 0;
        vmcs02->recheck = entry_check_vtpr(v) || entry_check_link(v);
        vmcs02->l1_long = l1_long;
        return true;
    case CHECK_BAD_CONTROLS:
    case CHECK_BAD_HOST:
        vm_fail(m, result == CHECK_BAD_HOST ? ERROR_ENTRY_HOST_STATE : ERROR_ENTRY_CONTROLS);
        break;
    case CHECK_BAD_GUEST:
        exit_entry_failure(m, v, (struct exit_cause){ EXIT_ENTRY_GUEST_STATE, qualification });
        break;
    }
    vmcs02->unchecked = ~0ull;
    rt_log(LOG_DEBUG, "VM entry on VMCS12 %lx fails: %s", v->region, name);
    return false;
}

// Where a list of MSRs is to be loaded the CPU, which comes behind it, would check the guest state too late (SDM 3C 27.3, 27.4). As check().
static bool check_before_list(struct message *m, struct vmcs12 *v)
{
    uint64_t qualification = 0;
    if (vmcs12_get(v, VMCS_ENTRY_MSR_LOAD_COUNT) == 0)
        return true;
    if (v->lazy) {
        vmcs12_pull(v, m, v->lazy);
        state_keep();  // what the list writes to VMCS02 by and by no second attempt must take for L2's
    }
    const char *name = entry_check_state(v, &qualification);
    if (name == NULL)
        return true;
    rt_log(LOG_DEBUG, "VM entry on VMCS12 %lx fails: %s", v->region, name);
    exit_entry_failure(m, v, (struct exit_cause){ EXIT_ENTRY_GUEST_STATE, qualification });
    return false;
}

// A fresh VMCS02: everything is to be written.
static void reset(struct message *m, struct vmcs12 *v, struct vmcs02 *vmcs02)
{
    // After a reload of the partition the old one still holds what L2 has changed.
    if (v->lazy) {
        vmcs12_pull(v, m, v->lazy);
        state_keep();  // no second attempt could read it from a VMCS02 that was reset
    }
    reply_op(m->rep, OP_VMCS_RESET, vmcs12_handle(v), 0, 0, 0);
    if (rt_invoke() != STATUS_OK)
        rt_panic("the kernel has no memory for a VMCS02");
    bitmap_reset(vmcs02);
    vmcs02->valid = true;
    vmcs02->tagged = false;
    vmcs02->cpu = 0;
    vmcs02->stable = 0;
    vmcs02->saves = 0;
    vmcs02->dirty = MERGE_GROUPS;
}

// The EPT02 tree, and the VPID's translations.
static void address_space(struct message *m, const struct vmcs12 *v, struct vmcs02 *vmcs02)
{
    const uint64_t tag = vmcs02_tag(v);
    const uint32_t self = rt_cpu() + 1, vpid = vmcs12_proc2(v, PROC2_ENABLE_VPID) ? (uint32_t)vmcs12_get(v, VMCS_VPID) : 0;

    if (!vmcs02->tagged || vmcs02->tag != tag)
        reply_op(m->rep, OP_VMCS_EPT, vmcs12_handle(v), 0, tag, 0);
    vmcs02->tagged = true;
    vmcs02->tag = tag;
    // Without VPIDs every entry and exit flushes (SDM 3C 29.4.3.1 "Operations that Invalidate Cached Mappings"). A VPID that a hypervisor gives its L2 for the first
    // time has no translations, which is how some end the old ones'; here they have the VPID of VMCS02, as the ones before.
    if (vmcs02->cpu != self || vpid == 0 || vmcs02->vpid != vpid)
        reply_op(m->rep, OP_VMCS_FLUSH, vmcs12_handle(v), 0, 0, 0);
    vmcs02->vpid = vpid;
    vmcs02_runs_here(v);
}

// EFER and PAT can't change in VMCS02 where L1 intercepts the writes; EFER.LMA changes with paging as well.
static void find_stable(const struct vmcs12 *v, struct vmcs02 *vmcs02)
{
    uint64_t stable = 0;
    const bool paging_fixed = !vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST) || (vmcs12_get(v, VMCS_CR0_GUEST_HOST_MASK) & CR0_PG);
    if (bitmap_msr_wanted(vmcs02, MSR_EFER, true) && paging_fixed)
        stable |= GROUP_EFER;
    if (bitmap_msr_wanted(vmcs02, MSR_PAT, true))
        stable |= GROUP_PAT;
    if (vmcs02->stable != stable)
        vmcs02->saves = 0;
    vmcs02->stable = stable;
}

// An event with an error code or an instruction length. Those in VMCS02 may be an event's of L0's: of an exception of its own, or of one that it has begun anew.
static bool injects_data(uint64_t event)
{
    return (event & EVENT_VALID) && ((event & EVENT_HAS_ERROR) || (event & EVENT_TYPE_MASK) >= EVENT_TYPE_SOFT_INTR);
}

// What VMCS12 doesn't load is L1's own.
static struct l1_registers take_l1(struct message *m, const struct vmcs12 *v, struct vmcs02 *vmcs02)
{
    struct l1_registers l1 = { .groups = 0 };
    if (!vmcs12_entry(v, ENTRY_LOAD_GUEST_EFER)) {
        l1.efer = exit_field(m, VMCS_GUEST_EFER);
        const uint64_t efer = merge_efer(v, l1.efer);
        l1.groups |= GROUP_EFER;
        if (!(vmcs02->stable & GROUP_EFER) || vmcs02->efer != efer)
            vmcs02->dirty |= GROUP_EFER;
        vmcs02->efer = efer;
    }
    if (!vmcs12_entry(v, ENTRY_LOAD_GUEST_PAT))
        l1.groups |= GROUP_PAT;
    if (!vmcs12_entry(v, ENTRY_LOAD_DEBUG_CONTROLS))
        l1.groups |= GROUP_DEBUG;
    vmcs02->dirty |= l1.groups & (GROUP_PAT | GROUP_DEBUG);
    message_need(m, l1.groups);
    l1.pat = exit_field(m, VMCS_GUEST_PAT);
    l1.dr7 = exit_field(m, VMCS_GUEST_DR7);
    l1.debugctl = exit_field(m, VMCS_GUEST_DEBUGCTL);
    return l1;
}

static void write_groups(const struct message *m, const struct vmcs12 *v, const struct l1_registers *l1, uint64_t groups)
{
    if (groups == 0)
        return;
    // Bank 1: what bank 0 holds is worth keeping (l1_state.c).
    FOR_GROUPS(groups, field)
        reply_field(m->rep, 1, (enum vmcs_field)*field, merge_value(m, v, l1, (enum vmcs_field)*field));
    reply_op(m->rep, OP_WRITE_GROUPS, vmcs12_handle(v), 1, groups, 0);
}

// The APIC pages may lie where EPT01 maps nothing: no CPU could tell, but this entry can't be made. Alone, because it may be refused.
static bool write_apic(struct message *m, struct vmcs12 *v, const struct l1_registers *l1, struct vmcs02 *vmcs02)
{
    if (!(vmcs02->dirty & GROUP_APIC))
        return true;
    if (rt_invoke() != STATUS_OK)
        rt_panic("a VMCS02 can't be written");
    if (!v->apic && (merge_value(m, v, l1, VMCS_VIRTUAL_APIC_ADDR) | merge_value(m, v, l1, VMCS_APIC_ACCESS_ADDR)) != 0)
        state_set(&v->apic, 1);
    write_groups(m, v, l1, GROUP_APIC);
    if (rt_invoke() != STATUS_OK) {
        rt_log(LOG_WARN, "L1's APIC pages %lx, %lx are not memory of L1", vmcs12_get(v, VMCS_VIRTUAL_APIC_ADDR), vmcs12_get(v, VMCS_APIC_ACCESS_ADDR));
        return false;
    }
    vmcs02->dirty &= ~GROUP_APIC;
    return true;
}

// Whether the next entry will find everything as this one leaves it, but for what is marked as dirty: nothing comes from L1's registers but an EFER that L2
// can't change.
static bool is_steady(const struct vmcs12 *v, const struct vmcs02 *vmcs02)
{
    const bool efer_fixed = !vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST) && (vmcs02->stable & GROUP_EFER);
    return vmcs12_proc2(v, PROC2_ENABLE_EPT) && vmcs12_proc2(v, PROC2_ENABLE_VPID) && vmcs12_get(v, VMCS_ENTRY_MSR_LOAD_COUNT) == 0 &&
           vmcs12_entry(v, ENTRY_LOAD_GUEST_PAT) && vmcs12_entry(v, ENTRY_LOAD_DEBUG_CONTROLS) &&
           (vmcs12_entry(v, ENTRY_LOAD_GUEST_EFER) || efer_fixed);
}

// Mostly it is where L2 goes on: values that go over as they are (merge_value).
static void write_quick(struct message *m, const struct vmcs12 *v, uint64_t groups)
{
    const struct l1_registers none = { 0 };
    if ((groups & ~GROUPS_RIP) || groups == 0) {
        write_groups(m, v, &none, groups);
        return;
    }
    reply_field(m->rep, 1, VMCS_GUEST_RIP, vmcs12_get(v, VMCS_GUEST_RIP));
    reply_field(m->rep, 1, VMCS_GUEST_RSP, vmcs12_get(v, VMCS_GUEST_RSP));
    reply_field(m->rep, 1, VMCS_GUEST_RFLAGS, vmcs12_get(v, VMCS_GUEST_RFLAGS));
    reply_op(m->rep, OP_WRITE_GROUPS, vmcs12_handle(v), 1, groups, 0);
}

// An entry as the one before. false: no such.
static bool enter_again(struct message *m, struct vmcs12 *v, struct vmcs02 *vmcs02)
{
    if (vmcs02->steady != rt_cpu() + 1 || vmcs02->cpu != vmcs02->steady || !v->entered || v->doomed || m->cpu->nmi_pending ||
        vmcs02->l1_efer != exit_field(m, VMCS_GUEST_EFER) || ((vmcs02->dirty | vmcs02->unchecked) & MERGE_GROUPS & ~QUICK_GROUPS) ||
        (vmcs12_get(v, VMCS_ENTRY_INTR_INFO) & EVENT_VALID))
        return false;
    if ((vmcs02->unchecked || vmcs02->recheck) && !check(m, v, vmcs02))
        return true;
    if (!vmcs02->constant_bitmaps && bitmap_update(m, v, vmcs02)) {
        find_stable(v, vmcs02);
        if (!is_steady(v, vmcs02))
            return false;
    }
    if (vmcs02->dirty)
        write_quick(m, v, vmcs02->dirty & QUICK_GROUPS);
    vmcs02->dirty = 0;
    reply_l2(m->rep, vmcs12_place(v));
    return true;
}

void entry_start(struct message *m, struct vmcs12 *v)
{
    struct vmcs02 *vmcs02 = vmcs02_of(v);

    l1_state_note(m);
    if (enter_again(m, v, vmcs02))
        return;
    pull_for_checks(m, v);
    if (!check(m, v, vmcs02) || !check_before_list(m, v))
        return;
    if (v->doomed) {
        state_set(&v->doomed, 0);
        exit_at_entry(m, v, (struct exit_cause){ EXIT_TRIPLE_FAULT, 0 });
        return;
    }
    if (!v->entered)
        state_set(&v->entered, 1);
    if (!vmcs02->valid)
        reset(m, v, vmcs02);
    address_space(m, v, vmcs02);
    if (bitmap_update(m, v, vmcs02) || (vmcs02->dirty & (GROUP_CONTROLS | GROUP_CR_MASK)))
        find_stable(v, vmcs02);
    if (!vmcs12_proc2(v, PROC2_ENABLE_EPT))
        vmcs02->dirty |= GROUP_PDPTE;
    if (injects_data(vmcs12_get(v, VMCS_ENTRY_INTR_INFO)))
        vmcs02->dirty |= GROUP_EVENT_DATA;
    const struct l1_registers l1 = take_l1(m, v, vmcs02);
    if (!write_apic(m, v, &l1, vmcs02)) {
        vm_fail(m, ERROR_ENTRY_CONTROLS);
        return;
    }
    const uint64_t listed = msr_list_entry_groups(v);
    vmcs02->dirty |= listed;
    vmcs12_pull(v, m, vmcs02->dirty);  // what L2 left in VMCS02 is VMCS12's; don't write over it
    write_groups(m, v, &l1, vmcs02->dirty & MERGE_GROUPS);
    vmcs02->dirty = listed;  // next time VMCS12's own values come first again
    const uint64_t failed = msr_list_entry_load(m, v);
    if (failed != 0) {
        exit_entry_failure(m, v, (struct exit_cause){ EXIT_ENTRY_MSR_LOAD, failed });
        return;
    }
    vmcs02->steady = is_steady(v, vmcs02) ? rt_cpu() + 1 : 0;
    vmcs02->l1_efer = exit_field(m, VMCS_GUEST_EFER);
    reply_l2(m->rep, vmcs12_place(v));
}

void entry_refused(struct message *m)
{
    rt_log(LOG_WARN, "the CPU refuses VMCS02: VM-instruction error %lu", m->req->arg[0]);
    if (m->current != NULL)
        vmcs02_of(m->current)->unchecked = ~0ull;
    vm_fail(m, (enum insn_error)m->req->arg[0]);
    reply_l1(m->rep);
}
