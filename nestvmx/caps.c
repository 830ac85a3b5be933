// SPDX-License-Identifier: BSD-2-Clause
// All that the partition nestvmx may do.
#include <rt/partition.h>

#include "exit.h"
#include "l1_state.h"
#include "merge.h"
#include "operand.h"
#include "shadow.h"
#include "vmcap.h"
#include "vmcs12.h"

// What the messages of L1's VMX instructions carry.
#define INSN   GROUPS_PRIVILEGE
#define MEMORY (OPERAND_GROUPS | MEMORY_GROUPS)
// Of an entry: what every one needs. The rest is fetched: for an instruction that fails, for a VMCS12 that loads fewer registers.
#define ENTRY  (GROUPS_PRIVILEGE | GROUP_BLOCKING | GROUP_EFER | GROUP_DATA_SEL)
#define ACCESS GROUP_GPR

// What the messages of L2's exits carry: what an exit to L1 needs, and by reason.
#define PLAIN  EXIT_GROUPS
#define IDLE   (EXIT_GROUPS | GROUP_ACTIVITY)  // of those that reach a CPU that executes nothing (SDM 3C 26.2 "Other Causes of VM Exits")
#define EVENTS (IDLE | GROUP_EXIT_EVENT | GROUP_VECTORING)
#define VECTOR (EXIT_GROUPS | GROUP_VECTORING)
#define DETAIL (EXIT_GROUPS | GROUP_EXIT_INSN)
#define LINEAR (EXIT_GROUPS | GROUP_EXIT_INSN | GROUP_ADDRESS)
#define KEYED  (EXIT_GROUPS | GROUP_GPR)

#define INFO_GROUPS (GROUPS_EXIT | GROUP_EXIT_EVENT | GROUP_VECTORING | GROUP_EXIT_INSN | GROUP_ADDRESS)

// A test leaves one route out, to see that the exits really come this way.
#ifdef TEST_DROP_ROUTE
#define ROUTE_CPUID { .kind = ROUTE_NONE }
#else
#define ROUTE_CPUID ROUTE_AFTER(L2, CPUID, PLAIN, 0, 1)
#endif

// Priority 2: behind `ept`. Priority 1: behind who claims numbers of CPUID and VMCALL, ports or MSRs.
#define ROUTE_BEHIND_EPT(name) ROUTE_AFTER(L2, name, VECTOR | GROUP_ADDRESS, 0, 2)

const struct partition_header header PARTITION_SECTION = {
    PARTITION("nestvmx"),
    .rights = RIGHT_LOG | RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE | RIGHT_VMCS02 | RIGHT_L1_VMX | RIGHT_MSR,
    .vmcs02_count = VMCS12_COUNT,
    .vmcs = {
        [VMCS_KIND_01] = { .read = INFO_GROUPS | L1_STATE_GROUPS | GROUP_CR_SHADOW | GROUP_CR_MASK,
                             .write = L1_STATE_GROUPS | GROUP_EVENT | GROUP_EVENT_DATA },
        [VMCS_KIND_SHADOW] = { .read = SHADOW_WRITTEN, .write = SHADOW_WRITTEN | INFO_GROUPS | GROUP_ACTIVITY },
        [VMCS_KIND_02] = { .read = INFO_GROUPS | MERGE_GROUPS, .write = MERGE_GROUPS },
    },
    .calls = { "ept" },
    .routes = {
        ROUTE_WITH_SHADOW(L1, VMLAUNCH, ENTRY, SHADOW_ENTRY),
        ROUTE_WITH_SHADOW(L1, VMRESUME, ENTRY, SHADOW_ENTRY),
        ROUTE_WITH_SHADOW(L1, VMCLEAR, MEMORY, SHADOW_WRITTEN),
        ROUTE_WITH_SHADOW(L1, VMPTRLD, MEMORY, SHADOW_WRITTEN),
        ROUTE(L1, VMXOFF, INSN),
        ROUTE(L1, VMXON, MEMORY | GROUP_CR_SHADOW | GROUP_CR_MASK),
        ROUTE(L1, VMPTRST, MEMORY),
        ROUTE(L1, VMREAD, OPERAND_GROUPS),
        ROUTE(L1, VMWRITE, OPERAND_GROUPS),
        ROUTE_AFTER(L1, INVEPT, MEMORY, 0, 1),  // what `ept` doesn't answer at once
        ROUTE(L1, INVVPID, MEMORY),
        ROUTE_VMX(VMCALL, INSN | GROUPS_RIP | GROUP_EFER, 1),  // numbers that nobody answers; outside VMX operation they are the kernel's #UD
        ROUTE_KEYS(L1, RDMSR, ACCESS, MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL),
        ROUTE_KEYS(L1, RDMSR, ACCESS, MSR_VMX_FIRST, MSR_VMX_LAST),
        ROUTE_KEYS(L1, WRMSR, ACCESS, MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL),
        ROUTE_KEYS(L1, WRMSR, ACCESS, MSR_VMX_FIRST, MSR_VMX_LAST),

        ROUTE(L2, EXCEPTION_OR_NMI, EVENTS),
        ROUTE(L2, EXTERNAL_INTERRUPT, EVENTS),
        ROUTE(L2, TRIPLE_FAULT, IDLE | GROUP_VECTORING),
        ROUTE(L2, INIT, IDLE),
        ROUTE(L2, SIPI, IDLE),
        ROUTE(L2, INTERRUPT_WINDOW, IDLE),
        ROUTE(L2, NMI_WINDOW, IDLE),
        ROUTE(L2, TASK_SWITCH, VECTOR),
        ROUTE_CPUID,
        ROUTE(L2, GETSEC, PLAIN),
        ROUTE(L2, HLT, PLAIN),
        ROUTE(L2, INVD, PLAIN),
        ROUTE(L2, INVLPG, PLAIN),
        ROUTE(L2, RDPMC, PLAIN),
        ROUTE(L2, RDTSC, PLAIN),
        ROUTE_AFTER(L2, VMCALL, PLAIN, 0, 1),
        ROUTE(L2, VMCLEAR, DETAIL),
        ROUTE(L2, VMLAUNCH, PLAIN),
        ROUTE(L2, VMPTRLD, DETAIL),
        ROUTE(L2, VMPTRST, DETAIL),
        ROUTE(L2, VMREAD, DETAIL | OPERAND_GROUPS),
        ROUTE(L2, VMRESUME, PLAIN),
        ROUTE(L2, VMWRITE, DETAIL | OPERAND_GROUPS),
        ROUTE(L2, VMXOFF, PLAIN),
        ROUTE(L2, VMXON, DETAIL),
        ROUTE(L2, CR_ACCESS, KEYED | GROUP_ADDRESS),
        ROUTE(L2, DR_ACCESS, PLAIN),
        ROUTE_AFTER(L2, IO, LINEAR, 0, 1),
        ROUTE_AFTER(L2, RDMSR, GROUP_GPR, 0, 1),  // the rest is fetched where L1 wants it: most that come here are L0's
        ROUTE_AFTER(L2, WRMSR, KEYED, 0, 1),
        ROUTE(L2, ENTRY_GUEST_STATE, GROUPS_EXIT),
        ROUTE(L2, ENTRY_MSR_LOAD, GROUPS_EXIT),
        ROUTE(L2, ENTRY_MACHINE_CHECK, GROUPS_EXIT),
        ROUTE(L2, MWAIT, PLAIN),
        ROUTE(L2, MONITOR_TRAP, IDLE),
        ROUTE(L2, MONITOR, PLAIN),
        ROUTE(L2, PAUSE, PLAIN),
        ROUTE(L2, TPR_THRESHOLD, IDLE),
        ROUTE(L2, APIC_ACCESS, VECTOR | GROUP_ADDRESS),
        ROUTE(L2, VIRTUALIZED_EOI, PLAIN),
        ROUTE(L2, GDTR_IDTR, LINEAR),
        ROUTE(L2, LDTR_TR, LINEAR),
        ROUTE_BEHIND_EPT(EPT_VIOLATION),
        ROUTE_BEHIND_EPT(EPT_MISCONFIG),
        ROUTE(L2, INVEPT, DETAIL),
        ROUTE(L2, RDTSCP, DETAIL),
        ROUTE(L2, PREEMPTION_TIMER, IDLE),
        ROUTE(L2, INVVPID, DETAIL),
        ROUTE(L2, WBINVD, PLAIN),
        ROUTE(L2, XSETBV, PLAIN),
        ROUTE(L2, APIC_WRITE, PLAIN),
        ROUTE(L2, RDRAND, DETAIL),
        ROUTE(L2, INVPCID, DETAIL),
        ROUTE(L2, VMFUNC, KEYED),
        ROUTE(L2, RDSEED, DETAIL),
        ROUTE(L2, XSAVES, DETAIL),
        ROUTE(L2, XRSTORS, DETAIL),
    },
};
