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

// The last page that each CPU had an operand on that was read, or written: its walk, which must hold still; and how the last operand was found there.
static struct known {
    uint64_t info, cs, cr4, efer;  // the instruction's form and L1's mode
    uint64_t base;                 // bytes from the request to the base register's value; there is no index then. NO_FORM in info: none of these hold
    uint64_t not_cr3;              // ~CR3, which is never 0: that's of no page
    uint64_t page;                 // linear
    uint64_t frame;                // L1-physical
    struct guest_trail trail;
} __attribute__((aligned(128))) known[2][CPU_MAX];

#define NO_FORM (~0ull)  // the field has 32 bits

// The same walk finds the same entries: the page is where it was, and may be used as it might.
static inline bool page_holds(const struct known *k, uint64_t cr3) { return k->not_cr3 == ~cr3 && guest_trail_holds(&k->trail); }

static inline bool in_one_page(uint64_t linear, uint32_t bytes) { return (linear & ~PAGE_MASK) + bytes <= PAGE_BYTES; }

// Not found as the one before.
static __attribute__((noinline)) bool learn(struct known *k, const struct request *req, uint32_t bytes, unsigned access, gpa1_t *at)
{
    // 64-bit addresses; not FS or GS, which are segments 4 and 5.
    const uint32_t looked_at = 7u << 7 | 4u << 15;
    const uint64_t *field = req->field[0], cr3 = field[VMCS_GUEST_CR3], efer = field[VMCS_GUEST_EFER];
    if ((field[VMCS_EXIT_INSTRUCTION_INFO] & looked_at) != 2u << 7 || !(field[VMCS_GUEST_CS_ACCESS_RIGHTS] & ACCESS_RIGHTS_LONG) ||
        !(efer & EFER_LMA) || (field[VMCS_GUEST_CR4] & CR4_LA57))
        return false;
    const uint64_t linear = operand_offset(req);
    if (!in_one_page(linear, bytes))
        return false;
    if (((k->efer ^ efer) & EFER_NXE) == 0 && (linear & PAGE_MASK) == k->page && page_holds(k, cr3)) {
        at->v = k->frame | (linear & ~PAGE_MASK);
    } else {
        struct guest_path path;
        k->not_cr3 = 0;
        if (!walk_supervisor(cr3, efer & EFER_NXE, (gva_t){ linear }, access, &path, at))
            return false;
        guest_trail_keep((gpa1_t){ cr3 }, linear, &path, &k->trail);
        k->not_cr3 = ~cr3;
        k->page = linear & PAGE_MASK;
        k->frame = at->v & PAGE_MASK;
    }
    const unsigned base = operand_bits(req, 23, 4);
    const uint64_t *from = base == GPR_RSP ? &field[VMCS_GUEST_RSP] : &req->gpr[base];
    const bool plain = operand_bits(req, 22, 1) && !operand_bits(req, 27, 1);
    k->base = (uint64_t)((const uint8_t *)from - (const uint8_t *)req);
    k->info = plain ? field[VMCS_EXIT_INSTRUCTION_INFO] : NO_FORM;
    k->cs = field[VMCS_GUEST_CS_ACCESS_RIGHTS];
    k->cr4 = field[VMCS_GUEST_CR4];
    k->efer = efer;
    return true;
}

bool operand_quick(const struct request *req, uint32_t bytes, unsigned access, gpa1_t *at)
{
    struct known *k = &known[access == ACCESS_WRITE][rt_cpu() % CPU_MAX];
    const uint64_t *field = req->field[0];
    if (((field[VMCS_EXIT_INSTRUCTION_INFO] ^ k->info) | (field[VMCS_GUEST_CS_ACCESS_RIGHTS] ^ k->cs) | (field[VMCS_GUEST_CR4] ^ k->cr4)
         | (field[VMCS_GUEST_EFER] ^ k->efer)) == 0) {
        const uint64_t offset = field[VMCS_EXIT_QUALIFICATION] + *(const uint64_t *)((const uint8_t *)req + k->base) - k->page;
        if (offset <= PAGE_BYTES - bytes && page_holds(k, field[VMCS_GUEST_CR3])) {
            at->v = k->frame + offset;
            return true;
        }
    }
    return learn(k, req, bytes, access, at);
}
