// SPDX-License-Identifier: BSD-2-Clause
// Rows of L1 alone, and of its VMX instructions.

#include <caps/cpuid.h>
#include <caps/hypercall.h>

#include "measure.h"
#include "row.h"
#include "trap.h"
#include "vmcs12.h"
#include "vmx_insn.h"

void row_l1_cpuid(void)
{
    MEASURE("l1_cpuid", (void)cpuid(0));
}

static void try_null(void)
{
    const struct vmcall answer = vmcall(HYPERCALL_NULL, 41);
    if (answer.rax != 0 || answer.rbx != 42)
        console_error("HYPERCALL_NULL answers RBX", answer.rbx);
}

void row_null_message(void)
{
    const struct cpuid leaf = cpuid(CPUID_BULKHEAD);
    if (leaf.ebx != CPUID_BULKHEAD_EBX || leaf.ecx != CPUID_BULKHEAD_ECX || leaf.edx != CPUID_BULKHEAD_EDX)
        return;
    if (trap_try(try_null))  // #UD: hello isn't loaded
        MEASURE("null_message", (void)vmcall(HYPERCALL_NULL, run));
}

void row_vmx_instructions(void)
{
    uint64_t value = 0;
    bool ok = true;
    // CR3 is in no shadow VMCS (group.def); RIP is in the shadow where there is one.
    MEASURE("vmread_trapped", ok &= vmread(VMCS_GUEST_CR3, &value));
    MEASURE("vmwrite_trapped", ok &= vmwrite(VMCS_GUEST_CR3, value));
    MEASURE("vmread_rip", ok &= vmread(VMCS_GUEST_RIP, &value));
    MEASURE("vmptrld_current", ok &= vmptrld(vmcs12_region()));
    const uint64_t eptp = vmcs12_read(VMCS_EPTP);
    MEASURE("invept_unchanged", ok &= invept(INVALIDATE_SINGLE, eptp));
    MEASURE("invvpid_single", ok &= invvpid(INVALIDATE_SINGLE, 1));
    if (!ok)
        console_error("a VMX instruction failed", 0);
}

void row_vmclear(void)
{
    const uint64_t rip = vmcs12_read(VMCS_GUEST_RIP), cr3 = vmcs12_read(VMCS_GUEST_CR3);
    bool ok = true;
    MEASURE("vmclear_vmptrld", ok &= vmclear(vmcs12_region()); ok &= vmptrld(vmcs12_region()));
    if (!ok || vmcs12_read(VMCS_GUEST_RIP) != rip || vmcs12_read(VMCS_GUEST_CR3) != cr3)
        console_error("VMCLEAR and VMPTRLD lose the VMCS", vmcs12_region());
}
