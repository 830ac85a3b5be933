// SPDX-License-Identifier: BSD-2-Clause
// Events into the guest, and going on behind an instruction.
#include "inject.h"

#include <caps/exit_reason.h>

#include "cr.h"
#include "vmcs.h"

#define RFLAGS_RF             (1u << 16)
#define EVENT_FIELDS          (EVENT_VALID | EVENT_ERROR_CODE | EVENT_TYPE | 0xffu)
#define QUALIFICATION_IRET    (1u << 12)  // NMI unblocking due to IRET

// A fault in place of the instruction that exited.
static void inject_fault(struct cpu *cpu, unsigned vector, uint32_t error_code, bool has_error_code)
{
    uint32_t info = EVENT_VALID | EVENT_TYPE_EXCEPTION << 8 | vector;
    if (has_error_code && vmcs_get(cpu, VMCS_GUEST_CR0) & CR0_PE) {
        info |= EVENT_ERROR_CODE;
        vmcs_set(cpu, VMCS_ENTRY_EXCEPTION_ERROR, error_code);
    }
    vmcs_set(cpu, VMCS_ENTRY_INTR_INFO, info);
    vmcs_set(cpu, VMCS_GUEST_RFLAGS, vmcs_get(cpu, VMCS_GUEST_RFLAGS) | RFLAGS_RF);  // as a fault's saved image has it (SDM 3B 18.3.1.1)
}

void inject_ud(struct cpu *cpu) { inject_fault(cpu, VECTOR_UD, 0, false); }
void inject_gp(struct cpu *cpu, uint32_t error_code) { inject_fault(cpu, VECTOR_GP, error_code, true); }

void event_reinject(struct cpu *cpu)
{
    uint64_t vectoring = vmcs_read(VMCS_IDT_VECTORING_INFO);
    uint64_t blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
    if (!(vectoring & EVENT_VALID)) {
        // An IRET that faulted has ended the blocking of NMIs and is executed again (SDM 3C 28.2.3 "Information About NMI Unblocking Due to IRET").
        if ((cpu->reason & EXIT_REASON_BASIC) == EXIT_EPT_VIOLATION && vmcs_read(VMCS_EXIT_QUALIFICATION) & QUALIFICATION_IRET)
            vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocking | BLOCKING_NMI);
        return;
    }
    vmcs_write(VMCS_ENTRY_INTR_INFO, vectoring & EVENT_FIELDS);
    if (vectoring & EVENT_ERROR_CODE)
        vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR, vmcs_read(VMCS_IDT_VECTORING_ERROR));
    switch ((vectoring & EVENT_TYPE) >> 8) {
    case EVENT_TYPE_SOFTWARE_INTERRUPT:
    case EVENT_TYPE_PRIVILEGED_EXCEPTION:
    case EVENT_TYPE_SOFTWARE_EXCEPTION:
        vmcs_write(VMCS_ENTRY_INSTRUCTION_LENGTH, vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH));
        break;
    case EVENT_TYPE_NMI:  // its first delivery has begun the blocking, which would refuse the second
        if (blocking & BLOCKING_NMI)
            vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocking & ~(uint64_t)BLOCKING_NMI);
        break;
    }
}
