// SPDX-License-Identifier: BSD-2-Clause
#include "end.h"

#include <caps/ept_map.h>
#include <rt/call.h>
#include <rt/panic.h>
#include <rt/reply.h>
#include <rt/string.h>

static void invoke(struct reply *rep)
{
    if (rep->op_count > 0 && rt_invoke() != STATUS_OK)
        rt_panic("the kernel does not take a page back");
}

// Pages first up to end, in as many batches as it takes.
static void give(struct pal *pal, uint32_t end, struct reply *rep)
{
    const uint64_t *frame = pal_frame[pal_number(pal)];
    for (uint32_t page = 0; page < end; page++) {
        if (rep->op_count == OP_MAX)
            invoke(rep);
        reply_op(rep, OP_PAGE_GIVE, 0, 0, frame[page], 0);
    }
    invoke(rep);
}

static void forget(struct pal *pal, enum pal_state from)
{
    memset(&pal->utpm, 0, sizeof(pal->utpm));
    memset(pal->gpr, 0, sizeof(pal->gpr));
    memset(pal_vectors[pal_number(pal)], 0, sizeof(pal_vectors[0]));
    pal->taken = pal->taking = 0;
    pal_change(pal, from, PAL_FREE, 0);
}

void end_pages(struct pal *pal, struct reply *rep)
{
    const uint32_t number = pal_number(pal);
    for (uint32_t i = 0; i < pal->section_count; i++) {
        const struct pal_section *section = &pal->section[i];
        for (uint32_t page = 0; page < section->pages && (section_rights(section->type) & EPT_WRITE); page++)
            memset(pal_page(pal, section->first + page), 0, PAGE_BYTES);
    }
    rep->op_count = 0;
    reply_op(rep, OP_VMCS_CLEAR, VMCS_HANDLE_02 + number, 0, 0, 0);
    reply_op(rep, OP_EPT_DROP, number, 0, 0, 0);
    give(pal, pal->taken, rep);
    forget(pal, PAL_ENDING);
}

bool end_pal(struct pal *pal, struct reply *rep)
{
    if (!pal_change(pal, PAL_IDLE, PAL_ENDING, 0) && !pal_change(pal, PAL_SUSPENDED, PAL_ENDING, 0))
        return false;
    end_pages(pal, rep);
    return true;
}

void end_making(struct pal *pal, struct reply *rep)
{
    const uint32_t number = pal_number(pal);
    rep->op_count = 0;
    if (pal->table_count > 0) {
        reply_op(rep, OP_EPT_DROP, number, 0, 0, 0);
        invoke(rep);
    }
    give(pal, pal->taken, rep);
    forget(pal, PAL_MAKING);
}
