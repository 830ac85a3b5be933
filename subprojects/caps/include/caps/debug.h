// SPDX-License-Identifier: BSD-2-Clause
// Debugging a partition (`debug =` in the workload): what the kernel and the debugger, a partition with RIGHT_DEBUG, say to each other.
//
// An exception in the debugged partition becomes a MSG_CALL to the debugger, on that CPU; from is the debugged's index. The debugger finds where it stands in
// the debugged's outbox, which its window shows, and changes there what is to be other. Of its answer, arg[0] is an enum debug_next, and arg[1] to arg[5]
// are DR0 to DR3 and DR7, by which all CPUs run the debugged from then on: only its own memory can be watched, for writes, or reads and writes.
#pragma once

#include <stdint.h>

#include <caps/msg.h>

#define DEBUG_WATCHES 4u

// As kernel/trap_frame.h has it. What of it is nobody's to choose, the kernel puts right: segments, flags but for the status flags, DF and TF.
struct debug_stop {
    uint64_t gpr[GPR_COUNT];  // CR2 in RSP's place
    uint64_t vector, error;   // error: 0 where the exception has none
    uint64_t rip, cs, rflags, rsp, ss;
    uint64_t dr6;             // #DB: which watchpoints (SDM 3B 18.2.3 "Debug Status Register (DR6)")
};

enum debug_next {
    DEBUG_DELIVER,  // it has faulted, as if nobody looked; also where the debugger can't answer
    DEBUG_GO,       // it goes on as the outbox says; with TF for one instruction, system calls among them
};

// The port of gdb (SYS_PORT): COM2's registers, which L1 does not see.
#define DEBUG_PORT  0x2f8u
#define DEBUG_PORTS 8u
