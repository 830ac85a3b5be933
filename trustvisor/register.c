// SPDX-License-Identifier: BSD-2-Clause
#include "register.h"

#include <caps/ept_map.h>
#include <rt/call.h>
#include <rt/reply.h>
#include <rt/string.h>

#include "end.h"
#include "frames.h"
#include "measure.h"
#include "pal.h"
#include "tables.h"
#include "turn.h"
#include "vmcs_pal.h"

#define LINEAR_END 0x800000000000ull   // of a program's half of the address space

// What the structures say, copied once.
struct wanted { struct tv_sections sections; struct tv_params params; };

bool section_valid(const struct tv_section *section, uint32_t word)
{
    const uint64_t end = word == 8 ? LINEAR_END : 1ull << 32;
    return section->pages > 0 && section->pages <= PAL_PAGES_MAX && section->start % PAGE_BYTES == 0 &&
           section->start >= PAGE_BYTES && section->start < end && section->pages * PAGE_BYTES <= end - section->start;
}

// SHARED_CODE stays its program's: the PAL has copies of its pages.
static bool add_section(struct pal *pal, const struct tv_section *section)
{
    const bool copied = section->type == TV_SECTION_SHARED_CODE;
    if (section->pages > (copied ? PAL_TABLES - pal->copy_count : PAL_PAGES_MAX - pal->page_count))
        return false;
    uint32_t *count = copied ? &pal->copy_count : &pal->page_count;
    *count += section->pages;
    const uint32_t first = copied ? PAL_COPY + PAL_TABLES - *count : *count - section->pages;
    pal->section[pal->section_count++] = (struct pal_section){ section->type, section->pages, first, section->start };
    return true;
}

static bool take_sections(struct pal *pal, const struct tv_sections *sections)
{
    if (sections->count == 0 || sections->count > TV_SECTIONS_MAX)
        return false;
    for (uint32_t i = 0; i < sections->count; i++) {
        const struct tv_section *section = &sections->section[i];
        if (section->type > TV_SECTION_SHARED_CODE || section_rights(section->type) == 0 || !section_valid(section, pal->word) || !add_section(pal, section))
            return false;
    }
    return true;
}

static bool take_params(struct pal *pal, const struct tv_params *params)
{
    if (params->count > TV_PARAMS_MAX)
        return false;
    for (uint32_t i = 0; i < params->count; i++) {
        const struct tv_param *param = &params->param[i];
        if ((param->type != TV_PARAM_INTEGER && param->type != TV_PARAM_POINTER) || param->words > PAL_PAGES_MAX * PAGE_BYTES / 8)
            return false;
        pal->param[i] = (struct pal_param){ param->type, param->words * pal->word };
    }
    pal->param_count = params->count;
    return true;
}

// The entry lies in code that is taken, or nobody would see a call; and the PAL has a stack.
static bool complete(struct pal *pal)
{
    bool stack = false, writable;
    for (uint32_t i = 0; i < pal->section_count; i++)
        stack = stack || pal->section[i].type == TV_SECTION_STACK;
    pal->entry_page = pal_page_at(pal, pal->entry, &writable);
    return stack && pal->entry_page < PAL_PAGES_MAX && !writable;
}

// PALs whose programs are gone: their pages have gone to others, or will.
static void sweep(uint32_t cpu, struct reply *rep)
{
    for (struct pal *pal = pal_table; pal < &pal_table[PAL_MAX]; pal++) {
        const union pal_place seen = pal_place(pal);
        if ((seen.as.state == PAL_IDLE || seen.as.state == PAL_SUSPENDED) && !pal_all_mapped(pal) && end_pal(pal, seen, cpu, rep))
            rt_log(LOG_INFO, "pal %u: its program is gone: ended", pal_number(pal));
    }
}

static struct pal *slot_take(uint32_t cpu)
{
    for (struct pal *pal = pal_table; pal < &pal_table[PAL_MAX]; pal++)
        if (pal_change(pal, PAL_FREE, PAL_MAKING, cpu))
            return pal;
    return NULL;
}

static enum tv_result describe(struct pal *pal, struct caller *caller, uint64_t sections, uint64_t params, uint64_t entry)
{
    struct wanted wanted;
    if (caller_read(caller, &wanted.sections, sections, sizeof(wanted.sections)) != WALK_OK ||
        caller_read(caller, &wanted.params, params, sizeof(wanted.params)) != WALK_OK)
        return TV_BAD_PARAM;
    pal->word = caller->word;
    pal->handle = caller->handle;
    pal->page_count = pal->table_count = pal->copy_count = pal->taken = pal->taking = 0;
    pal->section_count = pal->param_count = 0;
    pal->entered = pal->scrubbed = 0;
    pal->turn = TURN_NONE;
    pal->entry = entry;
    pal->space = pal_space(&caller->paging);
    pal->paging = caller->paging;
    pal->paging.pdpte_known = false;
    memset(&pal->utpm, 0, sizeof(pal->utpm));
    const bool good = take_sections(pal, &wanted.sections) && take_params(pal, &wanted.params) && complete(pal) && tables_build(pal, pal->section_count) &&
                      frames_find(pal, caller, 0);
    pal->own_sections = pal->kept_sections = pal->section_count;
    pal->own_pages = pal->kept_pages = pal->page_count;
    return good ? TV_OK : TV_BAD_PARAM;
}

struct registered register_pal(const struct request *req, struct reply *rep, struct caller *caller, uint64_t sections, uint64_t params, uint64_t entry)
{
    union pal_place seen;
    if (pal_find(caller, entry, &seen) != NULL) {
        sweep(req->cpu, rep);  // an address space of the same name, of a program that is gone
        if (pal_find(caller, entry, &seen) != NULL)
            return (struct registered){ REGISTER_BUSY, NULL, PAL_FREE, PAL_FREE };
    }
    struct pal *pal = slot_take(req->cpu);
    if (pal == NULL) {
        sweep(req->cpu, rep);
        pal = slot_take(req->cpu);
    }
    if (pal == NULL)
        return (struct registered){ REGISTER_NO_ROOM, NULL, PAL_FREE, PAL_FREE };
    uint32_t result = describe(pal, caller, sections, params, entry);
    if (result != TV_OK) {
        pal->table_count = 0;  // there is no tree yet
        end_making(pal, rep);
        return (struct registered){ result, NULL, PAL_FREE, PAL_FREE };
    }
    const uint32_t tables = pal->table_count;
    pal->table_count = 0;
    enum status status = frames_take(pal, rep);
    if (status == STATUS_OK) {
        pal->table_count = tables;
        status = frames_create(pal, rep);
    }
    if (status == STATUS_OK) {
        turn_borrow(pal);
        measure(pal);
        turn_end(pal);
        vmcs_pal_make(pal, req, rep);
        status = rt_invoke();
    }
    if (status != STATUS_OK) {
        rt_log(LOG_INFO, "pal %u: not registered: %s", pal_number(pal), status_text(status));
        end_making(pal, rep);
        result = status == STATUS_BUSY || status == STATUS_BAD_ADDRESS ? (uint32_t)REGISTER_BUSY : (uint32_t)REGISTER_NO_ROOM;
        return (struct registered){ result, NULL, PAL_FREE, PAL_FREE };
    }
    rt_log(LOG_INFO, "pal %u: registered pages=%u bits=%u", pal_number(pal), pal->page_count, pal->word * 8);
    return (struct registered){ TV_OK, pal, PAL_MAKING, PAL_IDLE };
}

struct registered unregister_pal(const struct request *req, const struct caller *caller, uint64_t entry)
{
    union pal_place seen;
    struct pal *pal = pal_find(caller, entry, &seen);
    if (pal == NULL)
        return (struct registered){ TV_BAD_PARAM, NULL, PAL_FREE, PAL_FREE };
    // On this CPU: this very message, which was cut short.
    if (!pal_take(pal, seen, PAL_IDLE, PAL_CLOSING, req->cpu) && !pal_take(pal, seen, PAL_SUSPENDED, PAL_CLOSING, req->cpu) &&
        !pal_is(pal, PAL_CLOSING, req->cpu))
        return (struct registered){ REGISTER_BUSY, NULL, PAL_FREE, PAL_FREE };
    rt_log(LOG_INFO, "pal %u: unregistered", pal_number(pal));
    return (struct registered){ TV_OK, pal, PAL_CLOSING, PAL_ENDING };
}
