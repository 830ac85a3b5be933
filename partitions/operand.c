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
    uint64_t info, cr4, efer;      // the instruction's form and L1's mode
    uint64_t base, other;          // bytes from the request to the value of the base register, and of the other operand's; there is no index then. NO_FORM in info:
                                   // none of these hold
    uint64_t not_cr3;              // ~CR3, which is never 0: that's of no page
    uint64_t page;                 // linear
    uint64_t frame;                // L1-physical
    struct guest_trail trail;
} __attribute__((aligned(128))) known[2][CPU_MAX];

#define NO_FORM (~0ull)  // the field has 32 bits

// The same walk finds the same entries: the page is where it was, and may be used as it might.
static inline bool page_holds(const struct known *k, uint64_t cr3) { return k->not_cr3 == ~cr3 && guest_trail_holds(&k->trail); }

static inline bool in_one_page(uint64_t linear, uint32_t bytes) { return (linear & ~PAGE_MASK) + bytes <= PAGE_BYTES; }

static uint64_t place_of_gpr(const struct request *req, unsigned number)
{
    const uint64_t *const place = number == GPR_RSP ? &req->field[0][VMCS_GUEST_RSP] : &req->gpr[number];
    return (uint64_t)((const uint8_t *)place - (const uint8_t *)req);
}

static inline uint64_t value_at(const struct request *req, uint64_t place) { return *(const uint64_t *)((const uint8_t *)req + place); }

// Not found as the one before.
static __attribute__((noinline)) bool learn(struct known *k, const struct request *req, uint32_t bytes, unsigned access, gpa1_t *at)
{
    // 64-bit addresses, which only 64-bit code has; not FS or GS, which are segments 4 and 5.
    const uint32_t looked_at = 7u << 7 | 4u << 15;
    const uint64_t *field = req->field[0], cr3 = field[VMCS_GUEST_CR3], efer = field[VMCS_GUEST_EFER];
    if ((field[VMCS_EXIT_INSTRUCTION_INFO] & looked_at) != 2u << 7 || !(efer & EFER_LMA) || (field[VMCS_GUEST_CR4] & CR4_LA57))
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
        if (!guest_trail_keep((gpa1_t){ cr3 }, linear, &path, *at, &k->trail))
            return false;
        k->not_cr3 = ~cr3;
        k->page = linear & PAGE_MASK;
        k->frame = at->v & PAGE_MASK;
    }
    const bool plain = operand_bits(req, 22, 1) && !operand_bits(req, 27, 1);
    k->base = place_of_gpr(req, operand_bits(req, 23, 4));
    k->other = place_of_gpr(req, operand_bits(req, 28, 4));
    k->info = plain ? field[VMCS_EXIT_INSTRUCTION_INFO] : NO_FORM;
    k->cr4 = field[VMCS_GUEST_CR4];
    k->efer = efer;
    return true;
}

static inline struct known *known_page(unsigned access) { return &known[access == ACCESS_WRITE][rt_cpu()]; }

// Whether the operand has the form of the last one, in the same mode and address space, and lies on its page, which may be another one by now.
//   offset: from the page's beginning
static inline __attribute__((always_inline)) bool like_the_last(const struct known *k, const struct request *req, uint32_t bytes, uint64_t *offset)
{
    const uint64_t *field = req->field[0];
    if (__builtin_expect(((field[VMCS_EXIT_INSTRUCTION_INFO] ^ k->info) | (field[VMCS_GUEST_CR4] ^ k->cr4) | (field[VMCS_GUEST_EFER] ^ k->efer)) != 0, 0))
        return false;
    *offset = field[VMCS_EXIT_QUALIFICATION] + value_at(req, k->base) - k->page;
    return *offset <= PAGE_BYTES - bytes && k->not_cr3 == ~field[VMCS_GUEST_CR3];
}

bool operand_quick(const struct request *req, uint32_t bytes, unsigned access, gpa1_t *at)
{
    struct known *k = known_page(access);
    uint64_t offset;
    if (like_the_last(k, req, bytes, &offset) && guest_trail_holds(&k->trail)) {
        at->v = k->frame + offset;
        return true;
    }
    return learn(k, req, bytes, access, at);
}

static __attribute__((noinline)) bool learn_and_read64(struct known *k, const struct request *req, uint32_t bytes, uint64_t other, uint64_t *value)
{
    gpa1_t at;
    return operand_gpr(req, operand_bits(req, 28, 4)) == other && learn(k, req, bytes, ACCESS_READ, &at) && guest_read64(at, value);
}

bool operand_quick_read64(const struct request *req, uint32_t bytes, uint64_t other, uint64_t *value)
{
    struct known *k = known_page(ACCESS_READ);
    uint64_t offset;
    if (__builtin_expect(like_the_last(k, req, bytes, &offset) && value_at(req, k->other) == other && guest_trail_read64(&k->trail, offset, value), 1))
        return true;
    return learn_and_read64(k, req, bytes, other, value);
}
