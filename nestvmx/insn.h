// SPDX-License-Identifier: BSD-2-Clause
// L1's VMX instructions: one handler each (SDM 3C chapter 31 "VMX Instruction Reference"; the checks are in its order).
#pragma once

#include "message.h"

void insn_vmxon(struct message *m);
void insn_vmxoff(struct message *m);
void insn_vmclear(struct message *m);
void insn_vmptrld(struct message *m);
void insn_vmptrst(struct message *m);
void insn_vmread(struct message *m);
void insn_vmwrite(struct message *m);
void insn_invept(struct message *m);
void insn_invvpid(struct message *m);
void insn_vmcall(struct message *m);
void insn_vmlaunch(struct message *m);
void insn_vmresume(struct message *m);

// The current VMCS12 is nobody's any more: further VMX instructions end as VMfailInvalid until a VMPTRLD.
void insn_leave(struct message *m);
// INVEPT and INVVPID of everything, which succeeds whatever the operands.
void insn_invalidate_all(struct message *m);
