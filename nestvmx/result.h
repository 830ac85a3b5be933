// SPDX-License-Identifier: BSD-2-Clause
// How a VMX instruction of L1 ends (SDM 3C 31.2 "Conventions"), and the checks that all of them begin with.
#pragma once

#include <stdbool.h>

#include <rt/reply.h>

#include "cpu.h"
#include "message.h"

// VM-instruction error numbers (SDM 3C 31.4 "VM Instruction Error Numbers").
enum insn_error {
    ERROR_VMCALL_IN_ROOT = 1,
    ERROR_VMCLEAR_ADDRESS = 2,
    ERROR_VMCLEAR_VMXON = 3,
    ERROR_VMLAUNCH_NOT_CLEAR = 4,
    ERROR_VMRESUME_NOT_LAUNCHED = 5,
    ERROR_ENTRY_CONTROLS = 7,
    ERROR_ENTRY_HOST_STATE = 8,
    ERROR_VMPTRLD_ADDRESS = 9,
    ERROR_VMPTRLD_VMXON = 10,
    ERROR_VMPTRLD_REVISION = 11,
    ERROR_UNSUPPORTED_FIELD = 12,
    ERROR_READ_ONLY_FIELD = 13,
    ERROR_VMXON_IN_ROOT = 15,
    ERROR_ENTRY_MOV_SS = 26,
    ERROR_BAD_INVALIDATION = 28,
};

// Each ends the instruction: flags and RIP. VMfail is VMfailValid where there is a current VMCS, else VMfailInvalid.
void vm_end(struct message *m, uint64_t flags);
static inline void vm_succeed(struct message *m)
{
    if (__builtin_expect(m->req->kind == MSG_EXIT && m->req->origin == ORIGIN_L1 && !m->rsp_set, 1)) {
        m->rep->rflags = 0;
        m->rep->set |= SET_FLAGS | SET_ADVANCE;
    } else {
        vm_end(m, 0);
    }
}
void vm_fail_invalid(struct message *m);
void vm_fail(struct message *m, enum insn_error error);

// 64-bit code: operands and addresses of 64 bits. The message carries PRIVILEGE.
static inline bool insn_is_64(const struct message *m) { return exit_field(m, VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_LONG; }
static inline unsigned insn_cpl(const struct message *m) { return (unsigned)(exit_field(m, VMCS_GUEST_SS_ACCESS_RIGHTS) >> 5) & 3; }

// #UD outside VMX operation, #GP(0) where CPL > 0: true where the instruction may go on. The message carries PRIVILEGE.
void insn_refuse(struct message *m);
static inline bool insn_allowed(struct message *m)
{
    if (__builtin_expect(m->cpu->on && insn_cpl(m) == 0, 1))
        return true;
    insn_refuse(m);
    return false;
}
