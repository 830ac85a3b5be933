// SPDX-License-Identifier: BSD-2-Clause
// Operations and verdicts that the kernel must refuse.

#include <caps/cap.h>
#include <caps/addr.h>
#include <caps/ept_map.h>
#include <caps/info.h>
#include <caps/inject.h>
#include <caps/layout.h>
#include <rt/call.h>
#include <rt/info.h>
#include <rt/reply.h>

#include "hostile.h"

#define OWN     VMCS_HANDLE_02         // a VMCS02 that vmcs_reset made fit for use
#define UNUSED  (VMCS_HANDLE_02 + 1u)  // one that was never reset
#define ALL     ((1ull << GROUP_COUNT) - 1)
#define TAG     0x1000ull

static void add(const struct try *try, unsigned code, uint32_t object, uint32_t a, uint64_t b, uint64_t c)
{
    reply_op(try->rep, (enum op_code)code, object, a, b, c);
}

void attempt_op_code(const struct try *try)
{
    static const uint16_t code[] = { OP_COUNT, 0x100, 0x7fff, 0xffff };
    add(try, code[try->parameter], OWN, 0, 0, 0);
}

void attempt_op_count(const struct try *try)
{
    static const uint16_t count[] = { OP_MAX + 1, 0x8000, 0xffff };
    for (unsigned i = 0; i < OP_MAX; i++) {
        struct op *op = &try->rep->op[i];
        op->code = OP_WRITE_FIELD;
        op->object = VMCS_HANDLE_01;
        op->a = VMCS_GUEST_RIP;
    }
    try->rep->op_count = count[try->parameter];
}

// Arguments as good as they can be: it must be the right that is missing. Groups: such as it may not touch.
void attempt_op_right(const struct try *try)
{
    switch ((enum op_code)try->parameter) {
    case OP_WRITE_FIELD: add(try, OP_WRITE_FIELD, VMCS_HANDLE_01, VMCS_GUEST_CR3, 0, 0); break;
    case OP_WRITE_GROUPS: add(try, OP_WRITE_GROUPS, VMCS_HANDLE_01, 0, GROUPS_RIP | GROUP_SEG, 0); break;
    case OP_COPY_GROUPS: add(try, OP_COPY_GROUPS, VMCS_HANDLE_01, VMCS_HANDLE_SHADOW, GROUPS_RIP, 0); break;
    case OP_EPT_MAP: add(try, OP_EPT_MAP, 0, ept_map_pack(EPT_LEVEL_4K, EPT_RIGHTS, 6, 0), 0, try->page); break;
    case OP_MSR_WRITE: add(try, OP_MSR_WRITE, 0, 0x10, 0, 0); break;
    default: add(try, (unsigned)try->parameter, try->parameter >= OP_EPT_CREATE ? 0 : OWN, 0, TAG, 0); break;
    }
}

uint64_t attempt_vmcs_reset(const struct try *try)
{
    add(try, OP_VMCS_RESET, OWN, 0, 0, 0);
    return rt_invoke();
}

void attempt_field_index(const struct try *try)
{
    static const uint32_t field[] = { VMCS_FIELD_COUNT, 0xffff, 0x80000000, ~0u };
    add(try, OP_WRITE_FIELD, VMCS_HANDLE_01, field[try->parameter], 0, 0);
}

void attempt_field_handle(const struct try *try)
{
    static const uint32_t handle[] = { VMCS_HANDLE_02 + 2, VMCS_HANDLE_02 + VMCS02_MAX - 1, VMCS_HANDLE_02 + VMCS02_MAX, 0xffff };
    add(try, OP_WRITE_FIELD, handle[try->parameter], VMCS_GUEST_RIP, 0, 0);
}

void attempt_field_never_reset(const struct try *try) { add(try, OP_WRITE_FIELD, UNUSED, VMCS_GUEST_RIP, 0, 0); }

// The guest leaves the fields out that the partition may write.
void attempt_field_01(const struct try *try) { add(try, OP_WRITE_FIELD, VMCS_HANDLE_01, (uint32_t)try->parameter, ~0ull, 0); }
void attempt_field_02(const struct try *try) { add(try, OP_WRITE_FIELD, OWN, (uint32_t)try->parameter, ~0ull, 0); }

void attempt_field_address(const struct try *try)
{
    add(try, OP_WRITE_FIELD, OWN, try->parameter ? VMCS_APIC_ACCESS_ADDR : VMCS_VIRTUAL_APIC_ADDR, try->hidden, 0);
}

// All ones and all zeroes into each word of controls: what L0 forces must be there, what it forbids must not.
uint64_t attempt_controls_kept(const struct try *try)
{
    static const enum vmcs_field field[] = { VMCS_PIN_CONTROLS, VMCS_PROC_CONTROLS, VMCS_PROC_CONTROLS2, VMCS_EXIT_CONTROLS, VMCS_ENTRY_CONTROLS };
    const uint64_t word = try->parameter / 2, written = try->parameter % 2 ? 0xffffffff : 0;
    add(try, OP_WRITE_FIELD, OWN, field[word], written, 0);
    if (rt_invoke() != STATUS_OK || rt_fetch(OWN, GROUP_CONTROLS, 0) != STATUS_OK)
        return 1;
    const uint64_t value = try->req->field[0][field[word]];
    return ((value & info->forced1[word]) != info->forced1[word] ? 2 : 0) | (value & info->forced0[word] ? 4 : 0);
}

static bool in_01(const struct vmcs_field_info *field)
{
    return ((field->encoding >> 10) & 3) == CLASS_GUEST || field->group == GROUP_INDEX_EVENT || field->group == GROUP_INDEX_EVENT_DATA ||
           field->group == GROUP_INDEX_CR_SHADOW;
}

// Groups of which VMCS01 has nothing that a partition may write.
static uint64_t groups_closed(void)
{
    uint64_t groups = ALL;
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (in_01(&vmcs_field_info[i]) && vmcs_field_info[i].policy != POLICY_KERNEL)
            groups &= ~(1ull << vmcs_field_info[i].group);
    return groups;
}

// How many of the fields that are the kernel's differ between what was fetched before (bank 0) and after (bank 1).
static uint64_t changed(const struct try *try, bool vmcs01, uint64_t groups)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
        const struct vmcs_field_info *field = &vmcs_field_info[i];
        if ((groups >> field->group & 1) && (vmcs01 || field->policy == POLICY_KERNEL || field->policy == POLICY_READ_ONLY) &&
            try->req->field[0][i] != try->req->field[1][i])
            count++;
    }
    return count;
}

uint64_t attempt_groups_kept(const struct try *try)
{
    const bool vmcs01 = try->parameter == 0;
    const uint32_t handle = vmcs01 ? VMCS_HANDLE_01 : OWN;
    // A garbage address in group APIC is a status; the others' garbage is the L2's.
    const uint64_t groups = vmcs01 ? groups_closed() : ALL & ~GROUP_APIC;
    const uint64_t looked_at = groups & ~(GROUPS_EXIT | GROUPS_RIP);  // the answer needs these of the request as they are
    if (rt_fetch(handle, looked_at, 0) != STATUS_OK)
        return 1000;
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        try->rep->field[0][i] = 0x5a5a5a5a5a5a5a5aull;
    add(try, OP_WRITE_GROUPS, handle, 0, groups, 0);
    const enum status status = rt_invoke();
    if (status != STATUS_OK)
        return 2000 + status;
    if (rt_fetch(handle, looked_at, 1) != STATUS_OK)
        return 3000;
    const uint64_t count = changed(try, vmcs01, looked_at);
    return count != 0 ? count : vmcs01 ? 0 : attempt_vmcs_reset(try);
}

// The VMCS02's controls, bitmaps and host state into VMCS01.
uint64_t attempt_groups_copied(const struct try *try)
{
    const uint64_t groups = groups_closed() & ~GROUPS_EXIT;
    if (rt_fetch(VMCS_HANDLE_01, groups, 0) != STATUS_OK)
        return 1000;
    add(try, OP_COPY_GROUPS, VMCS_HANDLE_01, OWN, groups, 0);
    const enum status status = rt_invoke();
    if (status != STATUS_OK)
        return 2000 + status;
    if (rt_fetch(VMCS_HANDLE_01, groups, 1) != STATUS_OK)
        return 3000;
    return changed(try, true, groups);
}

void attempt_groups_bank(const struct try *try)
{
    add(try, OP_WRITE_GROUPS, VMCS_HANDLE_01, try->parameter ? ~0u : MSG_BANKS, GROUPS_RIP, 0);
}

void attempt_groups_unknown(const struct try *try) { add(try, OP_WRITE_GROUPS, VMCS_HANDLE_01, 0, 1ull << (GROUP_COUNT + try->parameter), 0); }

// More copies than a batch holds.
void attempt_groups_flood(const struct try *try)
{
    while (try->rep->op_count < OP_MAX)
        add(try, OP_COPY_GROUPS, OWN, 0, GROUP_CONTROLS | GROUPS_CR | GROUP_CR_MASK, 0);
}

void attempt_copy_handle(const struct try *try)
{
    static const struct { uint32_t to, from; } handle[] = { { 99, VMCS_HANDLE_01 }, { OWN, 99 }, { OWN, 0x10000 }, { OWN, ~0u } };
    add(try, OP_COPY_GROUPS, handle[try->parameter].to, handle[try->parameter].from, GROUPS_RIP, 0);
}

void attempt_copy_never_reset(const struct try *try)
{
    add(try, OP_COPY_GROUPS, try->parameter ? UNUSED : OWN, try->parameter ? OWN : UNUSED, GROUPS_RIP, 0);
}

// Each operation on a VMCS02 with each handle that is none of it.
void attempt_vmcs02_handle(const struct try *try)
{
    static const uint16_t code[] = { OP_VMCS_RESET, OP_VMCS_CLEAR, OP_VMCS_EPT, OP_VMCS_FLUSH, OP_BITMAP };
    static const uint16_t handle[] = { VMCS_HANDLE_01, VMCS_HANDLE_SHADOW, VMCS_HANDLE_02 + 2, 0xffff };
    add(try, code[try->parameter / 4], handle[try->parameter % 4], 0, TAG, 0);
}

void attempt_vmcs02_argument(const struct try *try)
{
    static const struct { uint16_t code; uint32_t a; uint64_t b; } argument[] = {
        { OP_VMCS_EPT, 0, ~0ull }, { OP_BITMAP, BITMAP_KINDS << 16, 0 }, { OP_BITMAP, BITMAP_MSR << 16 | 512, 0 }, { OP_BITMAP, ~0u, 0 },
    };
    add(try, argument[try->parameter].code, OWN, argument[try->parameter].a, argument[try->parameter].b, 0);
}

// Given up, and used all the same.
void attempt_vmcs02_cleared(const struct try *try)
{
    add(try, OP_VMCS_CLEAR, OWN, 0, 0, 0);
    add(try, OP_WRITE_FIELD, OWN, VMCS_GUEST_RIP, 0, 0);
}

void attempt_l1_argument(const struct try *try)
{
    add(try, try->parameter & 1 ? OP_SHADOW : OP_L1_VMX, 0, try->parameter & 2 ? ~0u : 2, 0, 0);
}

void attempt_root_index(const struct try *try)
{
    static const uint16_t code[] = { OP_EPT_CREATE, OP_EPT_MAP, OP_EPT_UNMAP, OP_EPT_DROP, OP_EPT_MAP_RUN }, root[] = { 1, ROOT_MAX - 1, ROOT_MAX, 0xffff };
    add(try, code[try->parameter / 4], root[try->parameter % 4], ept_map_pack(EPT_LEVEL_4K, EPT_RIGHTS, 6, 0), TAG, try->page);
}

void attempt_root_tag(const struct try *try) { add(try, OP_EPT_CREATE, 0, 0, try->parameter ? ~0ull : 0, 0); }
void attempt_root_bind(const struct try *try) { add(try, OP_EPT_BIND, 0, 0, 0, 0); }

void attempt_ept_argument(const struct try *try)
{
    static const struct { uint16_t code; uint32_t a; uint64_t b, c; } argument[EPT_ARGUMENTS] = {
        { OP_EPT_MAP, EPT_LEVEL_COUNT | EPT_RIGHTS << 4 | 6 << 8, 0, 0 },           // no such level
        { OP_EPT_MAP, EPT_LEVEL_4K | 0 << 4 | 6 << 8, 0, 0 },                       // no rights
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_WRITE << 4 | 6 << 8, 0, 0 },               // written, not read: a misconfiguration
        { OP_EPT_MAP, EPT_LEVEL_4K | 10 << 4 | 6 << 8, 0, 0 },                      // the same, executed by users
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_RIGHTS << 4 | 2 << 8, 0, 0 },              // no such memory types
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_RIGHTS << 4 | 7 << 8, 0, 0 },
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_RIGHTS << 4 | 6 << 8 | 1u << 13, 0, 0 },   // what means nothing
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_RIGHTS << 4 | 6 << 8, 8, 0 },              // not aligned
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_RIGHTS << 4 | 6 << 8, 0, 8 },
        { OP_EPT_MAP, EPT_LEVEL_2M | EPT_RIGHTS << 4 | 6 << 8, 0, 0x1000 },         // not congruent
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_RIGHTS << 4 | 6 << 8, 1ull << 48, 0 },     // beyond 4 levels
        { OP_EPT_MAP, EPT_LEVEL_4K | EPT_RIGHTS << 4 | 6 << 8, 0, 1ull << 52 },     // beyond the CPU's addresses
        { OP_EPT_UNMAP, EPT_LEVEL_COUNT, 0, 0 },
        { OP_EPT_UNMAP, ~0u, 0, 0 },
        // c: the entry
        { OP_EPT_MAP_RUN, EPT_RUN_MAX + 1, 0, 0 },                                  // more than there can be
        { OP_EPT_MAP_RUN, 2, LARGE_BYTES - PAGE_BYTES, 0 },                         // beyond one table
        { OP_EPT_MAP_RUN, 1, 8, 6 << 3 | EPT_RIGHTS },                              // not aligned
        { OP_EPT_MAP_RUN, 1, 0, 6 << 3 | EPT_WRITE },                               // written, not read
        { OP_EPT_MAP_RUN, 1, 0, 2 << 3 | EPT_RIGHTS },                              // no such memory type
        { OP_EPT_MAP_RUN, 1, 0, 1ull << 8 | 6 << 3 | EPT_RIGHTS },                  // what means nothing
        { OP_EPT_MAP_RUN, 1, 0, 1ull << 51 | 6 << 3 | EPT_RIGHTS },                 // beyond the CPU's addresses
    };
    try->rep->field[0][0] = argument[try->parameter].c;
    add(try, argument[try->parameter].code, 0, argument[try->parameter].a, argument[try->parameter].b, argument[try->parameter].c);
}

// An L2 that ran on this would see the decoy. Nothing of the machine can be hurt by asking.
void attempt_ept_hidden(const struct try *try)
{
    static const uint8_t level[] = { EPT_LEVEL_4K, EPT_LEVEL_2M, EPT_LEVEL_1G };
    add(try, OP_EPT_CREATE, 0, 0, TAG, 0);
    add(try, OP_EPT_MAP, 0, ept_map_pack(level[try->parameter], EPT_RIGHTS, 6, 0), try->hidden, try->hidden);
    add(try, OP_EPT_DROP, 0, 0, 0, 0);
}

// Tables without end: the budget ends, and only for the one who asks.
uint64_t attempt_ept_exhaust(const struct try *try)
{
    add(try, OP_EPT_CREATE, 0, 0, TAG, 0);
    enum status status = rt_invoke();
    for (uint64_t i = 0; status == STATUS_OK && i < 0x8000; i++) {
        add(try, OP_EPT_MAP, 0, ept_map_pack(EPT_LEVEL_4K, EPT_RIGHTS, 6, 0), i << 30, try->page);
        status = rt_invoke();
    }
    if (status != STATUS_NO_TABLES)
        return 100 + status;
    add(try, OP_EPT_DROP, 0, 0, 0, 0);
    status = rt_invoke();
    add(try, OP_EPT_MAP, 0, ept_map_pack(EPT_LEVEL_4K, EPT_RIGHTS, 6, 0), 0, try->page);
    add(try, OP_EPT_DROP, 0, 0, 0, 0);
    return status != STATUS_OK ? 200 + status : rt_invoke();
}

void attempt_msr_hidden(const struct try *try)
{
    static const uint32_t msr[] = { 0x3a, 0x480, 0xc0000080, 0x176, 0xc0000101, 0x570 };
    add(try, OP_MSR_WRITE, 0, msr[try->parameter], 0, 0);
}

// What the kernel refuses for the guest's sake, by who wants to know when his reply is applied: once he is told so, by the same message.
void attempt_applied_refused_twice(const struct try *try)
{
    add(try, OP_MSR_WRITE, 0, 0x480, 0, 0);
    try->rep->set |= SET_APPLIED;
}

void attempt_applied_refused(const struct try *try)
{
    if (try->req->attempt == 0)
        attempt_applied_refused_twice(try);
    else
        reply_gpr(try->rep, GPR_RBX, try->req->attempt);
}

// No configuration names one; partitions and kinds that there are, and others.
void attempt_inject(const struct try *try)
{
    static const struct { uint32_t partition, kind; } fault[] = { { 0, INJECT_UD }, { 1, INJECT_HANG }, { PARTITION_MAX, INJECT_PF }, { 0xffff, INJECT_BAD_REPLY },
        { 0, INJECT_NONE }, { 0, INJECT_PANIC }, { 0, INJECT_KINDS }, { 0, ~0u } };
    add(try, OP_INJECT, fault[try->parameter].partition, fault[try->parameter].kind, 1, 0);
}

// The LAPIC over hidden memory.
void attempt_msr_apic_base(const struct try *try) { add(try, OP_MSR_WRITE, 0, 0x1b, try->hidden | 0x900, 0); }

void attempt_verdict(const struct try *try)
{
    static const uint16_t verdict[] = { VERDICT_RETURN, VERDICT_COUNT, 0x8000, 0xffff };
    try->rep->verdict = verdict[try->parameter];
}

void attempt_verdict_l2(const struct try *try)
{
    static const uint32_t index[] = { 2, VMCS02_MAX - 1, VMCS02_MAX, ~0u };
    reply_l2(try->rep, index[try->parameter]);
}

void attempt_verdict_l2_right(const struct try *try) { reply_l2(try->rep, 0); }
void attempt_verdict_never_reset(const struct try *try) { reply_l2(try->rep, 1); }

void attempt_verdict_forward(const struct try *try)
{
    try->rep->op_count = 0;
    try->rep->set = 0;
    reply_forward(try->rep, 0, 0, 0, 0);
}

void attempt_sequence(const struct try *try)
{
    static const uint32_t difference[] = { 1, ~0u, 0x80000000, 4 };
    try->rep->sequence += difference[try->parameter];
}

// A VMCS02 as it comes from the reset has no guest state that a CPU would enter.
void attempt_l2_without_state(const struct try *try)
{
    try->rep->op_count = 0;
    try->rep->set = 0;
    reply_l2(try->rep, 0);
}
