// SPDX-License-Identifier: BSD-2-Clause
// Memory operands of L1's instructions: from the exit's instruction information to L1-physical memory (SDM 3C 28.2.5 "Information for VM Exits Due to
// Instruction Execution").
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/msg.h>

// What a request must hold for them.
#define OPERAND_MEMORY (GROUP_QUALIFICATION | GROUP_EXIT_INSN | GROUP_RSP | GROUP_CR | GROUP_EFER | GROUP_GPR)

// Bits of the instruction information.
static inline uint32_t operand_bits(const struct request *req, unsigned from, unsigned count)
{
    return (uint32_t)(req->field[0][VMCS_EXIT_INSTRUCTION_INFO] >> from) & ((1u << count) - 1);
}

// A register as the instruction sees it, all 64 bits.
static inline uint64_t operand_gpr(const struct request *req, unsigned number)
{
    return number == GPR_RSP ? req->field[0][VMCS_GUEST_RSP] : req->gpr[number];
}

// The operand's offset in its segment.
uint64_t operand_offset(const struct request *req);

// Where the operand lies that nearly every one is: of 64-bit code at CPL 0 (the caller has looked), in a segment without a base, on one page that L1 uses
// already. false: anything else.
//   access: ACCESS_READ or ACCESS_WRITE
bool operand_quick(const struct request *req, uint32_t bytes, unsigned access, gpa1_t *at);

// The first 8 bytes of such an operand, which is read, of that many or more. false, too, where the instruction's register operand isn't other.
bool operand_quick_read64(const struct request *req, uint32_t bytes, uint64_t other, uint64_t *value);
