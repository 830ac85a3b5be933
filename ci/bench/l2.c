// SPDX-License-Identifier: BSD-2-Clause
// Entering L2.

#include <stdbool.h>

#include "console.h"
#include "l2.h"
#include "memory.h"
#include "vmcs12.h"

#define STACK_PAGES 4

static bool launched;

void l2_start(void (*code)(void))
{
    static uint8_t *stack, *exit_stack;
    if (!stack) {
        stack = memory_pages(STACK_PAGES);
        exit_stack = memory_pages(1);
    }
    // As if called: the return address, which nobody uses, makes the stack what the ABI wants.
    vmcs12_write(VMCS_GUEST_RSP, (uint64_t)(uintptr_t)stack + STACK_PAGES * PAGE_BYTES - 8);
    vmcs12_write(VMCS_GUEST_RIP, (uint64_t)(uintptr_t)code);
    vmcs12_write(VMCS_HOST_RSP, (uint64_t)(uintptr_t)exit_stack + PAGE_BYTES);
    vmcs12_write(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vm_exit_to_enter);
}

enum exit_reason l2_run(void)
{
    const uint64_t failure = vm_enter(launched);
    if (failure == 1)
        console_error(launched ? "VMRESUME: VMfailInvalid" : "VMLAUNCH: VMfailInvalid", failure);
    if (failure == 2)
        console_error(launched ? "VMRESUME: VM-instruction error" : "VMLAUNCH: VM-instruction error", vmcs12_read(VMCS_INSTRUCTION_ERROR));
    const uint64_t reason = vmcs12_read(VMCS_EXIT_REASON);
    if (reason & EXIT_REASON_FAILED)
        console_error("VM-entry failure, exit reason", reason);
    launched = true;
    return (enum exit_reason)(reason & EXIT_REASON_BASIC);
}

void l2_skip(void)
{
    vmcs12_write(VMCS_GUEST_RIP, vmcs12_read(VMCS_GUEST_RIP) + vmcs12_read(VMCS_EXIT_INSTRUCTION_LENGTH));
}
