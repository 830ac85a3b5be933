// SPDX-License-Identifier: BSD-2-Clause
// Pages of L1's, and the VMCSs and trees of who may take them.

#include <caps/cap.h>
#include <caps/ept_map.h>
#include <caps/layout.h>
#include <rt/call.h>
#include <rt/guest.h>
#include <rt/owned.h>
#include <rt/reply.h>

#include "hostile.h"

#define LAPIC 0xfee00000ull

static void add(const struct try *try, unsigned code, uint32_t object, uint32_t a, uint64_t b, uint64_t c)
{
    reply_op(try->rep, (enum op_code)code, object, a, b, c);
}

// What isn't a page of L1's RAM.
static uint64_t no_page(const struct try *try, uint64_t index)
{
    const uint64_t page[TAKE_TARGETS] = { 0, try->hidden, try->hidden + PAGE_BYTES, LAPIC, try->page + 8, WINDOW_BYTES, 1ull << 52, ~0xfffull };
    return page[index];
}

void attempt_take_page(const struct try *try) { add(try, OP_PAGE_TAKE, 0, 0, no_page(try, try->parameter), 0); }

// All or nothing: not the first one either.
void attempt_take_twice(const struct try *try)
{
    add(try, OP_PAGE_TAKE, 0, 0, try->page, 0);
    add(try, OP_PAGE_TAKE, 0, 0, try->page, 0);
}

void attempt_give_page(const struct try *try)
{
    add(try, OP_PAGE_GIVE, 0, 0, try->parameter == TAKE_TARGETS ? try->page : no_page(try, try->parameter), 0);
}

static enum status move(const struct try *try, enum op_code code)
{
    add(try, code, 0, 0, try->page, 0);
    return rt_invoke();
}

// It leaves the window and comes to us; then back. Meanwhile it can't be taken again (1, 2), nor is what was given twice anybody else's (3).
uint64_t attempt_take_and_give(const struct try *try)
{
    uint64_t value = 0;
    if (move(try, OP_PAGE_TAKE) != STATUS_OK)
        return 100;
    if (*(const volatile uint64_t *)owned_at((gpa1_t){ try->page }) != WINDOW_VALUE)
        return 200;
    if (guest_read64((gpa1_t){ try->page }, &value))
        return 300;
    if (try->parameter == 1 && move(try, OP_PAGE_TAKE) != STATUS_BUSY)
        return 400;
    if (try->parameter == 2) {
        add(try, OP_PAGE_GIVE, 0, 0, try->page, 0);
        add(try, OP_PAGE_TAKE, 0, 0, try->page, 0);
        if (rt_invoke() != STATUS_BUSY)
            return 500;
    }
    if (try->parameter == 3)
        add(try, OP_PAGE_GIVE, 0, 0, try->page, 0);
    if (move(try, OP_PAGE_GIVE) != STATUS_OK)
        return 600;
    return guest_read64((gpa1_t){ try->page }, &value) && value == WINDOW_VALUE ? 0 : 700;
}

// What was never taken.
uint64_t attempt_owned_read(const struct try *try)
{
    const uint64_t address[] = { OWNED_BASE, OWNED_BASE + try->hidden, OWNED_BASE + (64ull << 20), OWNED_BASE + WINDOW_BYTES - 8 };
    return *(const volatile uint64_t *)(uintptr_t)address[try->parameter];
}

// What was given back is not to be seen there any more: the decoy is.
uint64_t attempt_owned_after_give(const struct try *try)
{
    if (move(try, OP_PAGE_TAKE) != STATUS_OK || move(try, OP_PAGE_GIVE) != STATUS_OK)
        return 100;
    return *(const volatile uint64_t *)owned_at((gpa1_t){ try->page }) == WINDOW_VALUE;
}

// There is no L2 whose VMCS02 it could be.
void attempt_l2_field(const struct try *try) { add(try, OP_WRITE_FIELD, VMCS_HANDLE_L2, (uint32_t)try->parameter, ~0ull, 0); }

void attempt_l2_object(const struct try *try)
{
    static const uint16_t code[] = { OP_VMCS_RESET, OP_VMCS_CLEAR, OP_VMCS_EPT, OP_VMCS_FLUSH, OP_BITMAP };
    add(try, code[try->parameter], VMCS_HANDLE_L2, 0, 0x1000, 0);
}

void attempt_l2_groups(const struct try *try)
{
    if (try->parameter == 2)
        add(try, OP_COPY_GROUPS, VMCS_HANDLE_01, VMCS_HANDLE_L2, GROUPS_RIP, 0);
    else
        add(try, OP_WRITE_GROUPS, VMCS_HANDLE_L2, 0, try->parameter ? GROUPS_RIP : GROUP_CONTROLS, 0);
}

static uint64_t fetch(uint64_t groups) { return rt_fetch(VMCS_HANDLE_L2, groups, 0); }

uint64_t attempt_l2_fetch_right(const struct try *try)
{
    (void)try;
    return fetch(GROUP_CONTROLS);
}

uint64_t attempt_l2_fetch(const struct try *try)
{
    (void)try;
    return fetch(GROUPS_RIP);
}

// Each operation on a VMCS02 with each handle that is none of its own.
void attempt_pal_vmcs_handle(const struct try *try)
{
    static const uint16_t code[] = { OP_VMCS_RESET, OP_VMCS_CLEAR, OP_VMCS_EPT, OP_VMCS_FLUSH, OP_BITMAP };
    static const uint16_t handle[] = { VMCS_HANDLE_01, VMCS_HANDLE_SHADOW, VMCS_HANDLE_02 + 2, 0xfffe };
    add(try, code[try->parameter / 4], handle[try->parameter % 4], 0, 0x1000, 0);
}

// Trees that it doesn't have; mappings that are none.
void attempt_pal_root(const struct try *try)
{
    static const uint16_t code[] = { OP_EPT_CREATE, OP_EPT_MAP, OP_EPT_UNMAP, OP_EPT_DROP };
    if (try->parameter < 8)
        add(try, code[try->parameter / 2], try->parameter % 2 ? ROOT_MAX : 1, ept_map_pack(EPT_LEVEL_4K, EPT_RIGHTS, 6, 0), 0x1000, try->page);
    else
        add(try, OP_EPT_MAP, 0, ept_map_pack(EPT_LEVEL_4K, EPT_RIGHTS, 6, 0), try->parameter == 8 ? 8 : 0x1000, try->parameter == 8 ? 0 : 1ull << 52);
}

void attempt_pal_never_reset(const struct try *try) { reply_l2(try->rep, 1); }
