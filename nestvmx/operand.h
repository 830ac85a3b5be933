// SPDX-License-Identifier: BSD-2-Clause
// Operands of VMX instructions, by the VM-exit instruction information and the exit qualification.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rt/guest.h>
#include <rt/operand.h>
#include <rt/walk.h>

#include "message.h"

// As the instruction information names them.
enum segment { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS };

// What the message carries for them; what isn't there is fetched where an operand needs it.
#define OPERAND_GROUPS (GROUP_EXIT_INSN | GROUPS_PRIVILEGE | GROUP_GPR)
#define MEMORY_GROUPS  (GROUPS_EXIT | GROUPS_RIP | GROUPS_CR | GROUP_EFER)  // qualification, RSP and AC, paging

// The memory operand, read or written. false: the exception that the instruction ends in is in the reply.
//   bytes: 4, 8 or 16
bool operand_read(struct message *m, void *to, uint32_t bytes);
bool operand_write(struct message *m, const void *from, uint32_t bytes);

// The same, of an L2's instruction as well: by the page tables of the level that executed it. false also where EPT12 is in the way: that is an exit to L1.
bool operand_read_any(struct message *m, void *to, uint32_t bytes);
bool operand_write_any(struct message *m, const void *from, uint32_t bytes);

// operand_read of 8 bytes.
static inline __attribute__((always_inline)) bool operand_read64(struct message *m, uint64_t *value)
{
    gpa1_t at;
    message_need(m, MEMORY_GROUPS);
    if (operand_quick(m->req, sizeof(*value), ACCESS_READ, &at) && guest_read64(at, value))
        return true;
    return operand_read(m, value, sizeof(*value));
}

// Where it is; for an L2's instruction, L2-linear. false as above.
bool operand_linear(struct message *m, uint32_t bytes, bool write, gva_t *out);

// The first operand is a register: which; and the second operand's.
static inline bool operand_is_register(const struct message *m) { return operand_bits(m->req, 10, 1); }
static inline unsigned operand_register(const struct message *m) { return operand_bits(m->req, 3, 4); }
static inline unsigned operand_register2(const struct message *m) { return operand_bits(m->req, 28, 4); }

// A register as the instruction's operand: 64 bits in 64-bit code, else 32.
uint64_t operand_get(struct message *m, unsigned number);
// The instruction's result: takes effect with vm_succeed.
void operand_set(struct message *m, unsigned number, uint64_t value);
