// SPDX-License-Identifier: BSD-2-Clause
// VMCS02's MSR and I/O bitmaps.

#include <rt/call.h>
#include <rt/guest.h>
#include <rt/reply.h>

#include "bitmap.h"

void bitmap_reset(struct vmcs02 *vmcs02)
{
    vmcs02->constant_bitmaps = false;
    memset(vmcs02->bitmap, 0xff, sizeof(vmcs02->bitmap));
    memset(vmcs02->content, CONTENT_ONES, sizeof(vmcs02->content));
}

// What one bitmap must be: a page of L1's, or a constant.
static enum bitmap_content wanted(const struct vmcs12 *v, enum bitmap_kind kind, gpa1_t *page)
{
    if (kind == BITMAP_MSR) {
        page->v = vmcs12_get(v, VMCS_MSR_BITMAP);
        return vmcs12_proc(v, PROC_USE_MSR_BITMAPS) ? CONTENT_PAGE : CONTENT_ONES;
    }
    page->v = vmcs12_get(v, kind == BITMAP_IO_A ? VMCS_IO_BITMAP_A : VMCS_IO_BITMAP_B);
    if (vmcs12_proc(v, PROC_USE_IO_BITMAPS))
        return CONTENT_PAGE;
    return vmcs12_proc(v, PROC_UNCONDITIONAL_IO_EXITING) ? CONTENT_ONES : CONTENT_ZEROES;
}

static void send(struct message *m, const struct vmcs12 *v, enum bitmap_kind kind, unsigned qword, uint64_t value)
{
    // Room for the rest of the entry stays.
    if (m->rep->op_count >= OP_MAX - 16 && rt_invoke() != STATUS_OK)
        rt_panic("a VMCS02's bitmap can't be changed");
    reply_op(m->rep, OP_BITMAP, vmcs12_handle(v), (uint32_t)kind << 16 | qword, value, 0);
}

// One qword that differs.
static void change(struct message *m, const struct vmcs12 *v, uint64_t *before, enum bitmap_kind kind, unsigned qword, uint64_t value)
{
    if (before[qword] == value)
        return;
    before[qword] = value;
    send(m, v, kind, qword, value);
}

static void update_constant(struct message *m, const struct vmcs12 *v, uint64_t *before, enum bitmap_kind kind, uint64_t value)
{
    for (unsigned qword = 0; qword < BITMAP_QWORDS; qword++)
        change(m, v, before, kind, qword, value);
}

// false: the page isn't there.
static bool update_page(struct message *m, const struct vmcs12 *v, uint64_t *before, enum bitmap_kind kind, gpa1_t page)
{
    uint64_t equal = 0, value = 0;
    for (unsigned qword = 0; qword < BITMAP_QWORDS; qword++) {
        if (!guest_compare((gpa1_t){ page.v + qword * 8 }, &before[qword], BITMAP_QWORDS - qword, &equal))
            return false;
        qword += (unsigned)equal;
        if (qword == BITMAP_QWORDS)
            break;
        if (!guest_read64((gpa1_t){ page.v + qword * 8 }, &value))
            return false;
        change(m, v, before, kind, qword, value);
    }
    return true;
}

static void update_one(struct message *m, const struct vmcs12 *v, struct vmcs02 *vmcs02, enum bitmap_kind kind)
{
    uint64_t *before = vmcs02->bitmap[kind];
    gpa1_t page = { 0 };
    const enum bitmap_content content = wanted(v, kind, &page);

    if (content != CONTENT_PAGE && content == vmcs02->content[kind])
        return;
    vmcs02->content[kind] = (uint8_t)content;
    if (content == CONTENT_PAGE && update_page(m, v, before, kind, page))
        return;
    // A bitmap that isn't there reads all ones, as memory that isn't there does.
    update_constant(m, v, before, kind, content == CONTENT_ZEROES ? 0 : ~0ull);
}

bool bitmap_update(struct message *m, const struct vmcs12 *v, struct vmcs02 *vmcs02)
{
    // Constants stay what they are until L1 changes its controls.
    if (vmcs02->constant_bitmaps && !(vmcs02->dirty & (GROUP_CONTROLS | GROUP_BITMAP)))
        return false;
    vmcs02->constant_bitmaps = true;
    for (unsigned kind = 0; kind < BITMAP_KINDS; kind++) {
        update_one(m, v, vmcs02, (enum bitmap_kind)kind);
        vmcs02->constant_bitmaps &= vmcs02->content[kind] != CONTENT_PAGE;
    }
    return true;
}

static bool bit(const uint64_t *bitmap, uint32_t number) { return (bitmap[number / 64] >> (number % 64)) & 1; }

// SDM 3C 25.6.9 "MSR-Bitmap Address": reads low, reads high, writes low, writes high, 1 KiB each.
bool bitmap_msr_wanted(const struct vmcs02 *vmcs02, uint32_t msr, bool write)
{
    const uint32_t high = msr >= 0xc0000000 ? 1 : 0, number = msr - (high ? 0xc0000000 : 0);
    if (!vmcs02->valid || number > 0x1fff)
        return true;
    return bit(vmcs02->bitmap[BITMAP_MSR], (write ? 2 * 8192u : 0) + high * 8192u + number);
}

// An access that wraps around port 0xffff exits whatever bitmaps in use say (SDM 3C 26.1.3 "Instructions That Cause VM Exits Conditionally").
bool bitmap_io_wanted(const struct vmcs12 *v, uint32_t port, uint32_t bytes)
{
    const struct vmcs02 *vmcs02 = vmcs02_of(v);
    if (!vmcs02->valid)
        return true;
    if (bitmap_io_wraps(port, bytes))
        return vmcs12_proc(v, PROC_USE_IO_BITMAPS | PROC_UNCONDITIONAL_IO_EXITING);
    for (; bytes > 0; port++, bytes--) {
        if (bit(vmcs02->bitmap[port < 0x8000 ? BITMAP_IO_A : BITMAP_IO_B], port & 0x7fff))
            return true;
    }
    return false;
}
