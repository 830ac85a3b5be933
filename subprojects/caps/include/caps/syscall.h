// SPDX-License-Identifier: BSD-2-Clause
// System calls of a partition: SYSENTER with the number in RAX, arguments in RDI, RSI, R8; the address to go on at in
// RDX and the stack pointer in RCX (SDM 2B "SYSENTER", "SYSEXIT"); the status comes back in RAX. SYSENTER because its MSRs
// are part of a VMCS' host state: the guest's SYSCALL MSRs stay where they are. RBX, RBP and R12 to R15 keep their values, the others don't.
#pragma once

enum syscall {
    SYS_REPLY,   // the reply slot of the current message is complete. Does not return: the next message is a new upcall
    SYS_INVOKE,  // apply the reply slot's operations now; op_count is 0 afterwards. Not undone if the partition faults later
    SYS_FETCH,   // rdi: VMCS handle, rsi: groups, r8: bank: read them into the current request slot
    SYS_CALL,    // rdi: index into the header's calls: hand the outbox' call_arg to that partition and wait for its reply
    SYS_LOG,     // rdi: enum log_level, rsi: bytes: a line of the outbox' text
    SYS_READ_MSR, // rdi: MSR: its value, as L1's own RDMSR gives it, in the outbox' call_result[0]; UNSUPPORTED where that is #GP. RIGHT_MSR
    SYS_PORT,    // rdi: which of gdb's port's registers (caps/debug.h), rsi: 0: its byte, in the outbox' call_result[0]; 1: r8 goes there. RIGHT_DEBUG
    SYS_LOAD,    // rdi: index of a loadable partition, rsi: 1: it is loaded and starts, 0: it ends and leaves nothing. At once: not undone if the partition faults later. BUSY: another CPU does so, or a page of L1's or a VMCS is still that partition's; BAD_STATE: it is so already; FAULTED: it is parked, or its init fails (it is not loaded then; parked where it has taken something). RIGHT_LOAD
    SYS_COUNT
};

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVELS };
