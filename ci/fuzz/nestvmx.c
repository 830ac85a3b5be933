// SPDX-License-Identifier: BSD-2-Clause
// L1s that execute VMX instructions with any operands, on any memory and registers, and L2s that exit for any reason: nestvmx answers every message with what the kernel
// accepts, and never faults.
#include "l1.h"

#include <caps/exit_reason.h>

#include "input.h"

static const uint64_t pages[] = { VMXON_PAGE, VMCS_PAGE, VMCS_PAGE + 0x1000, OPERAND, MSR_BITMAP, 0x10000, 0x11000, 0x12000, 0x400000, WORLD_BYTES - 0x1000 };
#define PAGES (sizeof(pages) / sizeof(pages[0]))

static const enum exit_reason instructions[] = { EXIT_VMXON, EXIT_VMXOFF, EXIT_VMCLEAR, EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMWRITE, EXIT_VMLAUNCH,
    EXIT_VMRESUME, EXIT_INVEPT, EXIT_INVVPID, EXIT_VMCALL, EXIT_RDMSR, EXIT_WRMSR };
#define INSTRUCTIONS (sizeof(instructions) / sizeof(instructions[0]))

static bool in_l2;

// Where L1's software, or L2's, may have put anything.
static uint64_t word(struct input *input)
{
    uint64_t how = take(input, 1);
    switch (how % 6) {
    case 0: return take(input, 8);
    case 1: return take(input, 2);
    case 2: return pages[how / 6 % PAGES] | (how >> 7 ? take(input, 1) : 0);
    case 3: return vmcs_field_info[take(input, 1) % VMCS_FIELD_COUNT].encoding;
    case 4: return 1ull << take_below(input, 64);
    default: return how / 6 % 2 ? ~0ull : 0;
    }
}

static void answered(const struct reply *rep)
{
    if (rep->verdict == VERDICT_L2) {
        world_vmcs02 = rep->vmcs02;
        in_l2 = true;
    } else if (rep->verdict == VERDICT_L1) {
        in_l2 = false;
    }
    world_vmcs[VMCS_HANDLE_01][VMCS_ENTRY_INTR_INFO] = 0;  // delivered
}

static void instruction(struct input *input)
{
    const enum exit_reason reason = instructions[take_below(input, INSTRUCTIONS)];
    uint64_t *l1 = world_vmcs[VMCS_HANDLE_01];
    l1[VMCS_GUEST_RIP] = L1_RIP;
    l1[VMCS_EXIT_INSTRUCTION_LENGTH] = L1_LENGTH;
    if (take(input, 1) % 4) {  // an operand in memory, that is there
        uint64_t operand[2] = { word(input), word(input) };
        memcpy(world_at(OPERAND), operand, sizeof(operand));
        l1[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | 1u << 27 | (unsigned)GPR_RDI << 28;
        l1[VMCS_EXIT_QUALIFICATION] = OPERAND;
        if (reason == EXIT_VMREAD || reason == EXIT_VMWRITE)
            world_gpr[GPR_RDI] = word(input);
    } else {
        l1[VMCS_EXIT_INSTRUCTION_INFO] = take(input, 4);
        l1[VMCS_EXIT_QUALIFICATION] = word(input);
    }
    if (world_routed(ORIGIN_L1, reason))
        answered(world_exit(ORIGIN_L1, reason, NULL));
}

static void exit_of_l2(struct input *input)
{
    const enum exit_reason reason = (enum exit_reason)take_below(input, EXIT_REASON_COUNT);
    uint64_t *l2_fields = world_vmcs[VMCS_HANDLE_02 + world_vmcs02];
    if (exit_reason_name(reason) == NULL || !world_routed(ORIGIN_L2, reason))
        return;
    l2_fields[VMCS_EXIT_QUALIFICATION] = word(input);
    l2_fields[VMCS_EXIT_INTR_INFO] = take(input, 1) % 2 ? 0x80000000 | (take(input, 2) & 0xfff) : 0;
    l2_fields[VMCS_IDT_VECTORING_INFO] = take(input, 1) % 4 ? 0 : 0x80000000 | (take(input, 2) & 0xfff);
    l2_fields[VMCS_EXIT_INSTRUCTION_LENGTH] = 1 + take_below(input, 15);
    // What EPT12 is to blame for comes from `ept`, with its cause.
    static const enum exit_reason cause[] = { EXIT_EPT_VIOLATION, EXIT_EPT_MISCONFIG, EXIT_PML_FULL };
    const bool forwarded = reason == EXIT_EPT_VIOLATION || reason == EXIT_EPT_MISCONFIG;
    uint64_t args[MSG_ARGS] = { 0 };
    if (forwarded) {
        args[0] = cause[take_below(input, 3)];
        args[1] = word(input);
        args[3] = word(input);
    }
    answered(world_exit(ORIGIN_L2, reason, forwarded ? args : NULL));
}

// As after boot: L1 in VMX operation, with a VMCS12 that can be launched. Every second input starts in its L2.
static void start(bool launched)
{
    if (in_l2)
        answered(world_exit(ORIGIN_L2, EXIT_TRIPLE_FAULT, NULL));
    l1_start_again(pages, PAGES);
    if (launched) {
        // What earlier inputs left in L1's MSRs and registers may make it fail, now and then.
        static unsigned tried, entered;
        in_l2 = l1_execute(EXIT_VMLAUNCH) == ENTERED_L2;
        entered += in_l2;
        CHECK(2 * entered >= ++tried);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = { data, bytes };
    start(take(&input, 1) % 2);
    for (unsigned steps = 0; input.left > 0 && steps < 200; steps++) {
        uint64_t what = take(&input, 1);
        if (in_l2 && what % 2) {
            exit_of_l2(&input);
            continue;
        }
        switch (what / 2 % 6) {
        case 0: world_gpr[take_below(&input, GPR_COUNT)] = word(&input); break;
        case 1: {
            uint64_t value = word(&input);
            memcpy(world_at(pages[take_below(&input, PAGES)] + 8 * take_below(&input, 256)), &value, 8);
            break;
        }
        case 2:  // L1's registers
            if (!in_l2)
                world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RSP] = word(&input);
            break;
        case 3: world_mapped[pages[take_below(&input, PAGES)] / PAGE_BYTES] = take_below(&input, 4) != 0; break;
        default:
            if (!in_l2)
                instruction(&input);
        }
    }
    return 0;
}
