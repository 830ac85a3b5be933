// SPDX-License-Identifier: BSD-2-Clause
// Memory operands of L1's instructions.
#include <rt/operand.h>

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

bool operand_quick(const struct request *req, uint32_t bytes, unsigned access, gpa1_t *at)
{
    // 64-bit addresses; not FS or GS, which are segments 4 and 5.
    const uint32_t looked_at = 7u << 7 | 4u << 15;
    const uint64_t *field = req->field[0], efer = field[VMCS_GUEST_EFER];
    if ((field[VMCS_EXIT_INSTRUCTION_INFO] & looked_at) != 2u << 7 || !(field[VMCS_GUEST_CS_ACCESS_RIGHTS] & ACCESS_RIGHTS_LONG) ||
        !(efer & EFER_LMA) || (field[VMCS_GUEST_CR4] & CR4_LA57))
        return false;
    const uint64_t linear = operand_offset(req);
    return (linear & ~PAGE_MASK) + bytes <= PAGE_BYTES && walk_supervisor(field[VMCS_GUEST_CR3], efer & EFER_NXE, (gva_t){ linear }, access, at);
}
