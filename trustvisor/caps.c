// SPDX-License-Identifier: BSD-2-Clause
// All that the partition trustvisor may do.
#include <rt/partition.h>

#include "call.h"
#include "seed.h"
#include "vmcs_pal.h"

#define PROGRAM (GROUPS_EXIT | GROUPS_RIP | GROUPS_CR | GROUP_EFER | GROUPS_PRIVILEGE | GROUP_GPR)
#define PROGRAM_L2 (PROGRAM | GROUP_BLOCKING)
#define PLAIN   (GROUPS_EXIT | GROUP_GPR)
#define EVENT   (GROUPS_EXIT | GROUP_EXIT_EVENT | GROUPS_RIP | GROUP_GPR)
#define INSN    (GROUPS_EXIT | GROUPS_RIP | GROUP_GPR)
#define TV_ROUTE(first, last)                                            \
    ROUTE_KEYS(L1, VMCALL, PROGRAM, TV_CALL_##first, TV_CALL_##last),    \
    ROUTE_KEYS(L2, VMCALL, PROGRAM_L2, TV_CALL_L2_OFFSET + TV_CALL_##first, TV_CALL_L2_OFFSET + TV_CALL_##last)

const struct partition_header header PARTITION_SECTION = {
    PARTITION("trustvisor"),
    .rights = RIGHT_LOG | RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE | RIGHT_VMCS02 | RIGHT_EPT02 | RIGHT_PAL | RIGHT_VECTORS | RIGHT_SECRETS,
    .seed = (uint64_t)(uintptr_t)&seed_given,
    .vmcs02_count = PAL_MAX,
    .root_count = PAL_MAX,
    .vmcs = {
        [VMCS_KIND_01] = { .read = CALL_GROUPS & ~GROUP_GPR, .write = GROUPS_RIP | GROUP_BLOCKING | GROUP_EVENT | GROUP_EVENT_DATA },
        [VMCS_KIND_02] = { .read = (CALL_GROUPS & ~GROUP_GPR) | GROUP_BLOCKING | GROUP_EXIT_EVENT, .write = VMCS_PAL_WRITES },
    },
    .routes = {
        { .kind = ROUTE_TAKEN, .origin = ORIGIN_L1, .reason = EXIT_EPT_VIOLATION, .groups = CALL_GROUPS },
        { .kind = ROUTE_TAKEN, .origin = ORIGIN_L2, .reason = EXIT_EPT_VIOLATION, .groups = CALL_GROUPS },
        ROUTE_KEYS(L1, CPUID, PROGRAM, TV_CPUID, TV_CPUID),
        ROUTE_KEYS(L2, CPUID, PROGRAM_L2, TV_CPUID, TV_CPUID),
        TV_ROUTE(REGISTER, PUBLIC_KEY),
        TV_ROUTE(NV_SIZE, NV_WRITE),
        TV_ROUTE(TEST, TEST),

        ROUTE(PAL, EXCEPTION_OR_NMI, EVENT),
        ROUTE(PAL, EXTERNAL_INTERRUPT, PLAIN),
        ROUTE(PAL, INIT, PLAIN),
        ROUTE(PAL, CPUID, INSN),
        ROUTE(PAL, VMCALL, INSN),
        ROUTE(PAL, TRIPLE_FAULT, PLAIN),
        ROUTE(PAL, TASK_SWITCH, PLAIN),
        ROUTE(PAL, GETSEC, PLAIN),
        ROUTE(PAL, HLT, PLAIN),
        ROUTE(PAL, INVD, PLAIN),
        ROUTE(PAL, INVLPG, PLAIN),
        ROUTE(PAL, RDPMC, PLAIN),
        ROUTE(PAL, CR_ACCESS, PLAIN),
        ROUTE(PAL, DR_ACCESS, PLAIN),
        ROUTE(PAL, IO, PLAIN),
        ROUTE(PAL, RDMSR, PLAIN),
        ROUTE(PAL, WRMSR, PLAIN),
        ROUTE(PAL, ENTRY_GUEST_STATE, PLAIN),
        ROUTE(PAL, ENTRY_MSR_LOAD, PLAIN),
        ROUTE(PAL, MWAIT, PLAIN),
        ROUTE(PAL, MONITOR_TRAP, PLAIN),
        ROUTE(PAL, MONITOR, PLAIN),
        ROUTE(PAL, VMCLEAR, PLAIN),
        ROUTE(PAL, VMLAUNCH, PLAIN),
        ROUTE(PAL, VMPTRLD, PLAIN),
        ROUTE(PAL, VMPTRST, PLAIN),
        ROUTE(PAL, VMREAD, PLAIN),
        ROUTE(PAL, VMRESUME, PLAIN),
        ROUTE(PAL, VMWRITE, PLAIN),
        ROUTE(PAL, VMXOFF, PLAIN),
        ROUTE(PAL, VMXON, PLAIN),
        ROUTE(PAL, INVEPT, PLAIN),
        ROUTE(PAL, INVVPID, PLAIN),
        ROUTE(PAL, WBINVD, PLAIN),
        ROUTE(PAL, XSETBV, PLAIN),
        ROUTE(PAL, EPT_VIOLATION, PLAIN),
        ROUTE(PAL, EPT_MISCONFIG, PLAIN),
    },
};
