// SPDX-License-Identifier: BSD-2-Clause
#include "end.h"

#include <caps/ept_map.h>
#include <rt/call.h>
#include <rt/panic.h>
#include <rt/reply.h>
#include <rt/string.h>

#include "nvram.h"
#include "turn.h"

static void invoke(struct reply *rep)
{
    if (rep->op_count > 0 && rt_invoke() != STATUS_OK)
        rt_panic("the kernel does not take a page back");
}

void end_give(struct pal *pal, uint32_t first, struct reply *rep)
{
    const uint64_t *frame = pal_frame[pal_number(pal)];
    rep->op_count = 0;
    while (pal->taken > first) {
        pal->taking = pal->taken;
        for (; pal->taking > first && rep->op_count < OP_MAX; pal->taking--)
            reply_op(rep, OP_PAGE_GIVE, 0, 0, frame[pal->taking - 1], 0);
        invoke(rep);
        pal->taken = pal->taking;
    }
    pal->taking = pal->taken;
}

// The uncertain ones one by one. What is another PAL's stays there.
void end_give_rest(struct pal *pal, uint32_t first, struct reply *rep)
{
    const uint64_t *frame = pal_frame[pal_number(pal)];
    const uint32_t sure = pal->taken < pal->taking ? pal->taken : pal->taking;
    uint32_t page = pal->taken + pal->taking - sure, ignored;
    union pal_place seen;
    pal->taken = pal->taking = sure;
    for (; page > sure; page--) {
        rep->op_count = 0;
        if (pal_of_frame((gpa1_t){ frame[page - 1] }, &ignored, &seen) != NULL)
            continue;
        reply_op(rep, OP_PAGE_GIVE, 0, 0, frame[page - 1], 0);
        const enum status status = rt_invoke();
        if (status != STATUS_OK && status != STATUS_BAD_ADDRESS)
            rt_panic("the kernel does not take a page back");
    }
    end_give(pal, first, rep);
}

static void forget(struct pal *pal, enum pal_state from)
{
    nvram_release(pal_number(pal));
    memset(&pal->utpm, 0, sizeof(pal->utpm));
    memset(pal->gpr, 0, sizeof(pal->gpr));
    memset(pal_vectors[pal_number(pal)], 0, sizeof(pal_vectors[0]));
    pal->turn = TURN_NONE;
    pal_change(pal, from, PAL_FREE, 0);
}

static void unload(struct pal *pal, struct reply *rep)
{
    const uint32_t number = pal_number(pal);
    rep->op_count = 0;
    if (pal->entered)
        reply_op(rep, OP_VMCS_CLEAR, VMCS_HANDLE_02 + number, 0, 0, 0);
    reply_op(rep, OP_EPT_DROP, number, 0, 0, 0);
    invoke(rep);
    __atomic_store_n(&pal->entered, 0u, __ATOMIC_SEQ_CST);
}

// What it could write. None of its pages has been given yet.
static void scrub(struct pal *pal)
{
    for (uint32_t i = 0; i < pal->section_count && !pal->scrubbed; i++) {
        const struct pal_section *section = &pal->section[i];
        for (uint32_t page = 0; page < section->pages && (section_rights(section->type) & EPT_WRITE); page++)
            memset(pal_page(pal, section->first + page), 0, PAGE_BYTES);
    }
    __atomic_store_n(&pal->scrubbed, 1u, __ATOMIC_SEQ_CST);
}

void end_pages(struct pal *pal, struct reply *rep)
{
    unload(pal, rep);
    scrub(pal);
    end_give(pal, 0, rep);
    forget(pal, PAL_ENDING);
}

void end_pages_rest(struct pal *pal, struct reply *rep)
{
    unload(pal, rep);
    scrub(pal);
    end_give_rest(pal, 0, rep);
    forget(pal, PAL_ENDING);
}

bool end_pal(struct pal *pal, union pal_place seen, uint32_t cpu, struct reply *rep)
{
    if (!pal_take(pal, seen, PAL_IDLE, PAL_ENDING, cpu) && !pal_take(pal, seen, PAL_SUSPENDED, PAL_ENDING, cpu))
        return false;
    end_pages(pal, rep);
    return true;
}

static void drop_tree(const struct pal *pal, struct reply *rep)
{
    rep->op_count = 0;
    if (pal->table_count > 0)
        reply_op(rep, OP_EPT_DROP, pal_number(pal), 0, 0, 0);
    invoke(rep);
}

void end_making(struct pal *pal, struct reply *rep)
{
    drop_tree(pal, rep);
    end_give(pal, 0, rep);
    forget(pal, PAL_MAKING);
}

void end_making_rest(struct pal *pal, struct reply *rep)
{
    drop_tree(pal, rep);
    end_give_rest(pal, 0, rep);
    if (pal->turn != TURN_NONE)
        pal_change(pal, PAL_MAKING, PAL_UNMADE, pal->place.as.cpu);
    else
        forget(pal, PAL_MAKING);
}
