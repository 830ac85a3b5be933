// SPDX-License-Identifier: BSD-2-Clause
// Upcall: the kernel calls a partition as if it were a function, and gets back what its SYS_REPLY or its fault says.
#pragma once

#include <stdint.h>

#include "trap_frame.h"

#define USER_END (1ull << 47)  // canonical addresses of ring 3 end here

enum upcall_end {
    UPCALL_REPLIED = 0,
    UPCALL_FAULTED = -1,  // trap, bad system call
    UPCALL_ABORTED = -2,  // another CPU stops the partition
    UPCALL_STOPPED = -3,  // an exception of a partition that is debugged: it may go on (debug.h)
};

// Enters ring 3 at entry, with nothing of the kernel's in the registers, on the page tables that CR3 names. Returns when the partition is done: a new
// upcall may start meanwhile (SYS_CALL), below this one's frame.
//   cpu, request, reply: what the partition gets in RDI, RSI, R8: user addresses
//   rsp0: this CPU's tss.rsp0
//   The _step variant enters with RFLAGS.TF set: #DB after each instruction.
int64_t upcall(uint64_t cpu, uint64_t request, uint64_t entry, uint64_t user_rsp, uint64_t reply, uint64_t *rsp0);
int64_t upcall_step(uint64_t cpu, uint64_t request, uint64_t entry, uint64_t user_rsp, uint64_t reply, uint64_t *rsp0);

// Ends the upcall whose frame rsp0 points to: upcall() returns end there. By IRETQ, which ends an NMI's blocking of further ones.
_Noreturn void upcall_return(int64_t end, uint64_t rsp0);

// Goes on in ring 3 (or wherever the frame says), all registers from the frame.
_Noreturn void trap_resume(struct trap_frame *frame);

// What a system call interrupted: where it goes on, and its RBP.
struct syscall_frame { uint64_t rbp, rsp, rip; };
#define SYSCALL_STEP (1ull << 32)  // in syscall_enter's result: go on with RFLAGS.TF set

// C's side of every system call but SYS_REPLY. The result: a status for the partition, or (negative) an enum upcall_end.
int64_t syscall_enter(uint64_t number, uint64_t a, uint64_t b, uint64_t c, const struct syscall_frame *frame);

// Goes on with an upcall that has ended as UPCALL_STOPPED, by that frame: in ring 3.
int64_t upcall_resume(struct trap_frame *frame, uint64_t *rsp0);

// IA32_SYSENTER_EIP.
extern const char sysenter_entry[];
