// SPDX-License-Identifier: BSD-2-Clause
// Copies across page borders.

#include <rt/guest.h>
#include <rt/linear.h>

#define PIECES_MAX 2  // PAGE_BYTES cross one border at most

struct piece { gpa1_t address; uint32_t bytes; };

// Translates all pages of linear..linear + bytes - 1.
static enum walk translate(const struct paging *paging, gva_t linear, uint32_t bytes, unsigned access, struct piece piece[PIECES_MAX],
                           gva_t *fault, uint32_t *pf_error)
{
    uint64_t address = linear.v;
    piece[1].bytes = 0;
    for (unsigned i = 0; bytes > 0 && i < PIECES_MAX; i++) {
        const uint32_t to_border = (uint32_t)(PAGE_BYTES - (address & ~PAGE_MASK));
        piece[i].bytes = bytes < to_border ? bytes : to_border;
        const enum walk walk = walk_linear(paging, (gva_t){ address }, access, &piece[i].address, pf_error);
        if (walk != WALK_OK) {
            fault->v = walk == WALK_EPT12 ? piece[i].address.v : paging->long_code ? address : address & 0xffffffff;
            return walk;
        }
        address += piece[i].bytes;
        bytes -= piece[i].bytes;
    }
    return WALK_OK;
}

// Nothing of it lies in a second page.
static bool in_one_page(gva_t linear, uint32_t bytes) { return (linear.v & ~PAGE_MASK) + bytes <= PAGE_BYTES; }

enum walk linear_copy_in(const struct paging *paging, void *to, gva_t from, uint32_t bytes, unsigned access, gva_t *fault, uint32_t *pf_error)
{
    gpa1_t address;
    if (in_one_page(from, bytes) && walk_linear(paging, from, access & ACCESS_SYSTEM, &address, pf_error) == WALK_OK)
        return guest_copy_in(to, address, bytes) ? WALK_OK : WALK_UNMAPPED;
    struct piece piece[PIECES_MAX] = { { { 0 }, 0 } };
    const enum walk walk = translate(paging, from, bytes, (access & ACCESS_SYSTEM) | ACCESS_READ, piece, fault, pf_error);
    if (walk != WALK_OK)
        return walk;
    for (unsigned i = 0, done = 0; i < PIECES_MAX; done += piece[i].bytes, i++) {
        if (piece[i].bytes > 0 && !guest_copy_in((char *)to + done, piece[i].address, piece[i].bytes))
            return WALK_UNMAPPED;
    }
    return WALK_OK;
}

enum walk linear_copy_out(const struct paging *paging, gva_t to, const void *from, uint32_t bytes, unsigned access, gva_t *fault, uint32_t *pf_error)
{
    struct piece piece[PIECES_MAX] = { { { 0 }, 0 } };
    const enum walk walk = translate(paging, to, bytes, (access & ACCESS_SYSTEM) | ACCESS_WRITE, piece, fault, pf_error);
    if (walk != WALK_OK)
        return walk;
    for (unsigned i = 0, done = 0; i < PIECES_MAX; done += piece[i].bytes, i++) {
        if (piece[i].bytes > 0 && !guest_copy_out(piece[i].address, (const char *)from + done, piece[i].bytes))
            return WALK_UNMAPPED;
    }
    return WALK_OK;
}
