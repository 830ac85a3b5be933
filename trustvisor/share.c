// SPDX-License-Identifier: BSD-2-Clause
#include "share.h"

#include <rt/reply.h>

#include "commit.h"
#include "end.h"
#include "frames.h"
#include "tables.h"

static bool read_word(struct caller *caller, uint64_t array, uint64_t i, uint64_t *value)
{
    *value = 0;
    return caller_read(caller, value, array + i * caller->word, caller->word) == WALK_OK;
}

// One range more. false: it isn't whole pages of the program's, or the PAL has something there already.
static bool add(struct pal *pal, struct caller *caller, uint64_t start, uint64_t bytes)
{
    const struct tv_section section = { SECTION_SHARED, (uint32_t)(bytes / PAGE_BYTES), start };
    if (bytes % PAGE_BYTES != 0 || bytes > PAL_PAGES_MAX * PAGE_BYTES || !section_valid(&section, caller->word) ||
        pal->page_count + section.pages > PAL_PAGES_MAX || pal->section_count == TV_SECTIONS_MAX)
        return false;
    pal->section[pal->section_count] = (struct pal_section){ section.type, section.pages, pal->page_count, start };
    pal->page_count += section.pages;
    return tables_add(pal, pal->section_count++);
}

static bool add_all(struct pal *pal, struct caller *caller, uint64_t addresses, uint64_t lengths, uint64_t count)
{
    uint64_t start, bytes;
    for (uint64_t i = 0; i < count; i++)
        if (!read_word(caller, addresses, i, &start) || !read_word(caller, lengths, i, &bytes) || !add(pal, caller, start, bytes))
            return false;
    return count > 0;
}

// What it is with so many sections and pages; page tables are all that the PAL itself sees of it. The number of sections comes last: where this is cut short
// share_rest() sees that it is to be done again.
static void strip(struct pal *pal, uint32_t sections, uint32_t pages)
{
    __atomic_store_n(&pal->page_count, pages, __ATOMIC_SEQ_CST);
    if (!tables_build(pal, sections))
        rt_panic("a PAL's own page tables can't be built again");
    __atomic_store_n(&pal->section_count, sections, __ATOMIC_SEQ_CST);
}

static void unmap(struct pal *pal, uint32_t end, struct reply *rep)
{
    if (frames_unmap(pal, pal->page_count, end, rep) != STATUS_OK)
        rt_panic("the kernel does not unmap a page");
}

static void give_back(struct pal *pal, uint32_t sections, uint32_t pages, struct reply *rep)
{
    strip(pal, sections, pages);
    unmap(pal, pal->taken, rep);
    end_give(pal, pages, rep);
}

void share_end(struct pal *pal, struct reply *rep)
{
    if (pal->section_count == pal->own_sections)
        return;
    pal->kept_sections = pal->own_sections;
    pal->kept_pages = pal->own_pages;
    give_back(pal, pal->own_sections, pal->own_pages, rep);
}

void share_keep(struct pal *pal)
{
    pal->kept_sections = pal->section_count;
    pal->kept_pages = pal->page_count;
}

void share_rest(struct pal *pal, struct reply *rep)
{
    const uint32_t end = pal->taken > pal->taking ? pal->taken : pal->taking;
    const bool sharing = pal_state(pal) == PAL_SHARING && !commit_waits(pal);
    if (sharing)
        strip(pal, pal->kept_sections, pal->kept_pages);
    else if (pal->section_count > pal->own_sections && pal->page_count == pal->own_pages)
        strip(pal, pal->own_sections, pal->own_pages);
    if (end > pal->page_count) {
        unmap(pal, end, rep);
        end_give_rest(pal, pal->page_count, rep);
    }
    if (sharing)
        pal_change(pal, PAL_SHARING, PAL_IDLE, 0);
}

static uint32_t lend(struct pal *pal, struct reply *rep, struct caller *caller, uint64_t addresses, uint64_t lengths, uint64_t count)
{
    const uint32_t first = pal->section_count, tables = pal->table_count;
    if (!add_all(pal, caller, addresses, lengths, count) || !frames_find(pal, caller, first))
        return TV_BAD_PARAM;
    enum status status = frames_take(pal, rep);
    if (status == STATUS_OK) {
        rep->op_count = 0;
        status = frames_map(pal, first, tables, rep);
    }
    return status == STATUS_OK ? TV_OK : status == STATUS_BUSY || status == STATUS_BAD_ADDRESS ? REGISTER_BUSY : REGISTER_NO_ROOM;
}

struct registered share_pal(const struct request *req, struct reply *rep, struct caller *caller, uint64_t entry, uint64_t addresses, uint64_t lengths,
                            uint64_t count)
{
    union pal_place seen;
    struct pal *pal = pal_find(caller, entry, &seen);
    if (pal == NULL)
        return (struct registered){ TV_BAD_PARAM, NULL, PAL_FREE, PAL_FREE };
    if (!pal_take(pal, seen, PAL_IDLE, PAL_SHARING, req->cpu))
        return (struct registered){ REGISTER_BUSY, NULL, PAL_FREE, PAL_FREE };
    // What was lent before, and not used yet, stays as it is.
    const uint32_t result = lend(pal, rep, caller, addresses, lengths, count);
    if (result != TV_OK)
        give_back(pal, pal->kept_sections, pal->kept_pages, rep);
    return (struct registered){ result, pal, PAL_SHARING, PAL_IDLE };
}
