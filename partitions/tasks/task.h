// SPDX-License-Identifier: BSD-2-Clause
// The hardware's task switch, done in software (SDM 3A 8.3 "Task Switching").
#pragma once

#include <stdbool.h>

#include <caps/msg.h>

// What a request must carry, and what a switch may change.
#define TASK_WRITES (GROUP_ACTIVITY | GROUPS_RIP | GROUP_BLOCKING | GROUPS_CR | GROUPS_PRIVILEGE | GROUP_DATA_SEL | GROUP_DATA_SEG | GROUP_SEG_BASE | \
                     GROUP_SEG | GROUP_TABLES | GROUP_DEBUG | GROUP_PDPTE)
#define TASK_READS  (TASK_WRITES | GROUPS_EXIT | GROUP_VECTORING | GROUP_EFER | GROUP_GPR)

// A fault: of the old task, which is as it was, or of the new one before its first instruction.
struct task_fault { uint32_t vector, error; uint64_t address; };  // address: of a page fault

enum task_result {
    TASK_SWITCHED,
    TASK_REFUSED,    // nothing has changed; *fault belongs to the old task
    TASK_FAULTED,    // switched; *fault belongs to the new task
    TASK_TRAPPED,    // switched; the new task's TSS asks for a debug exception
};

// Switches to the task that the exit's qualification names. The CPU has checked the gate, privileges and the new TSS's descriptor before the exit (SDM 3C
// 26.4.2 "Treatment of Task Switches"), but L1's memory may have changed since.
//   field, gpr: the state of L1 as the exit left it, of groups TASK_WRITES; becomes the new task's. gpr[GPR_RSP] is not RSP, and stays.
//   reloaded: set if the new task's address space is another one: translations must be flushed
enum task_result task_switch(const struct request *req, uint64_t field[VMCS_FIELD_COUNT], uint64_t gpr[GPR_COUNT], struct task_fault *fault, bool *reloaded);
