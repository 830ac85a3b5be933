// SPDX-License-Identifier: BSD-2-Clause
// Memory operands of L1's instructions.
#include <rt/operand.h>

#include <rt/cpu.h>
#include <rt/guest.h>
#include <rt/reply.h>
#include <rt/walk.h>

#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

uint64_t operand_offset(const struct request *req)
{
    const unsigned size = operand_bits(req, 7, 3);  // 0: 16, 1: 32, 2: 64 bits
    uint64_t address = req->field[0][VMCS_EXIT_QUALIFICATION];
    if (!operand_bits(req, 27, 1))
        address += operand_gpr(req, operand_bits(req, 23, 4));
    if (!operand_bits(req, 22, 1))
        address += operand_gpr(req, operand_bits(req, 18, 4)) << operand_bits(req, 0, 2);
    return size == 2 ? address : size == 1 ? address & 0xffffffff : address & 0xffff;
}

// The last page that each CPU had an operand on: its walk, which must hold still.
#define KNOWN_READ  1u  // the lowest bits of struct known's page: how it may be accessed...
#define KNOWN_WRITE 2u
#define KNOWN_NXE   4u  // ...under EFER.NXE or not
static struct known {
    uint64_t cr3;
    uint64_t page;   // linear
    uint64_t frame;  // L1-physical
    struct guest_trail trail;
} __attribute__((aligned(128))) known[CPU_MAX];

// Not the page of the operand before.
static __attribute__((noinline)) bool learn_page(struct known *k, uint64_t cr3, uint64_t page, gva_t linear, gpa1_t *at)
{
    struct guest_path path;
    if (!walk_supervisor(cr3, page & KNOWN_NXE, linear, page & KNOWN_WRITE ? ACCESS_WRITE : ACCESS_READ, &path, at))
        return false;
    guest_trail_keep((gpa1_t){ cr3 }, linear.v, &path, &k->trail);
    k->cr3 = cr3;
    k->page = page;
    k->frame = at->v & PAGE_MASK;
    return true;
}

// The same walk finds the same entries: the page is where it was, and may be used as it might.
static inline bool find_page(uint64_t cr3, bool no_execute, gva_t linear, unsigned access, gpa1_t *at)
{
    struct known *k = &known[rt_cpu() % CPU_MAX];
    const uint64_t page = (linear.v & PAGE_MASK) | (access & ACCESS_WRITE ? KNOWN_WRITE : KNOWN_READ) | (no_execute ? KNOWN_NXE : 0);

    if (k->page != page || k->cr3 != cr3 || !guest_trail_holds(&k->trail))
        return learn_page(k, cr3, page, linear, at);
    at->v = k->frame | (linear.v & ~PAGE_MASK);
    return true;
}

bool operand_quick(const struct request *req, uint32_t bytes, unsigned access, gpa1_t *at)
{
    // 64-bit addresses; not FS or GS, which are segments 4 and 5.
    const uint32_t looked_at = 7u << 7 | 4u << 15;
    const uint64_t *field = req->field[0], efer = field[VMCS_GUEST_EFER];
    if ((field[VMCS_EXIT_INSTRUCTION_INFO] & looked_at) != 2u << 7 || !(field[VMCS_GUEST_CS_ACCESS_RIGHTS] & ACCESS_RIGHTS_LONG) ||
        !(efer & EFER_LMA) || (field[VMCS_GUEST_CR4] & CR4_LA57))
        return false;
    const uint64_t linear = operand_offset(req);
    return (linear & ~PAGE_MASK) + bytes <= PAGE_BYTES && find_page(field[VMCS_GUEST_CR3], efer & EFER_NXE, (gva_t){ linear }, access, at);
}
