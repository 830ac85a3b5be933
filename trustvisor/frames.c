// SPDX-License-Identifier: BSD-2-Clause
#include "frames.h"

#include <caps/ept_map.h>
#include <caps/layout.h>
#include <rt/call.h>
#include <rt/guest.h>
#include <rt/info.h>
#include <rt/reply.h>

#include "tables.h"
#include "vmcs_pal.h"

#define MEMORY_WB 6u

bool frames_find(struct pal *pal, struct caller *caller, uint32_t first)
{
    uint64_t *frame = pal_frame[pal_number(pal)];
    for (uint32_t i = first; i < pal->section_count; i++) {
        const struct pal_section *section = &pal->section[i];
        const unsigned rights = section_rights(section->type), access = rights & EPT_WRITE ? ACCESS_WRITE : ACCESS_EXECUTE;
        for (uint32_t page = 0; page < section->pages; page++) {
            gpa1_t found;
            const uint64_t address = section->start + page * PAGE_BYTES;
            if (caller_walk(caller, address, access, &found) != WALK_OK)
                return false;
            found.v &= PAGE_MASK;
            if (section->type != TV_SECTION_SHARED_CODE)
                frame[section->first + page] = found.v;
            else if (!guest_copy_in(pal_page(pal, section->first + page), found, PAGE_BYTES))
                return false;
        }
    }
    return true;
}

enum status frames_take(struct pal *pal, struct reply *rep)
{
    const uint64_t *frame = pal_frame[pal_number(pal)];
    while (pal->taken < pal->page_count) {
        const uint32_t left = pal->page_count - pal->taken, batch = left < OP_MAX ? left : OP_MAX;
        rep->op_count = 0;
        for (uint32_t i = 0; i < batch; i++)
            reply_op(rep, OP_PAGE_TAKE, 0, 0, frame[pal->taken + i], 0);
        pal->taking = pal->taken + batch;
        TRY(rt_invoke());
        pal->taken = pal->taking;
    }
    return STATUS_OK;
}

// Room for one more operation.
static enum status room(struct reply *rep) { return rep->op_count == OP_MAX ? rt_invoke() : STATUS_OK; }

// Where the kernel finds a page of the state region.
static uint64_t state_page(const uint64_t *page) { return info->state + ((uintptr_t)page - STATE_BASE); }

enum status frames_map(struct pal *pal, uint32_t first, uint32_t table, struct reply *rep)
{
    const uint32_t number = pal_number(pal);
    for (uint32_t i = table; i < pal->table_count; i++) {
        TRY(room(rep));
        reply_op(rep, OP_EPT_MAP, number, ept_map_pack(EPT_LEVEL_4K, EPT_READ, MEMORY_WB, 0), PAL_PHYSICAL_TABLE(i), state_page(pal_tables[number][i]));
    }
    for (uint32_t i = first; i < pal->section_count; i++) {
        const struct pal_section *section = &pal->section[i];
        for (uint32_t page = section->first; page < section->first + section->pages; page++) {
            TRY(room(rep));
            reply_op(rep, OP_EPT_MAP, number, ept_map_pack(EPT_LEVEL_4K, section_rights(section->type), MEMORY_WB, 0), pal_physical(page),
                     page >= PAL_COPY ? state_page(pal_tables[number][page - PAL_COPY]) : pal_frame[number][page]);
        }
    }
    return rt_invoke();
}

enum status frames_create(struct pal *pal, struct reply *rep)
{
    rep->op_count = 0;
    reply_op(rep, OP_EPT_CREATE, pal_number(pal), 0, VMCS_PAL_TAG(pal_number(pal)), 0);
    return frames_map(pal, 0, 0, rep);
}

enum status frames_unmap(const struct pal *pal, uint32_t first, uint32_t end, struct reply *rep)
{
    rep->op_count = 0;
    for (uint32_t page = first; page < end; page++) {
        TRY(room(rep));
        reply_op(rep, OP_EPT_UNMAP, pal_number(pal), EPT_LEVEL_4K, PAL_PHYSICAL_PAGE(page), 0);
    }
    return rt_invoke();
}
