// SPDX-License-Identifier: BSD-2-Clause
// VMX instructions that may do anything: succeed, fail, fault. Each returns an outcome.
#pragma once

#include <stdint.h>

#include <caps/vmcs_field.h>

#include "cpu.h"
#include "x86.h"

// Outcomes: 0 success, -1 VMfailInvalid, 1 to 63 VMfailValid with that VM-instruction error, OUTCOME_FAULT + vector.
#define OUTCOME_INVALID (-1)
#define OUTCOME_FAULT   0x100

// Around the instruction under test: an exception in it goes on behind it (trap.c). RAX is lost.
#define CATCH(instruction) \
    "lea 999f(%%rip), %%rax\n\tmov %%rax, %%gs:8\n\t" instruction "\n\t999: pushfq\n\tpop %%rax\n\tmovq $0, %%gs:8"

static inline int vmx_vmread_raw(uint64_t encoding, uint64_t *value);

static inline void vmx_before(void) { this_cpu()->caught.vector = NO_VECTOR; }
static inline int vmx_outcome(uint64_t flags)
{
    if (this_cpu()->caught.vector != NO_VECTOR)
        return OUTCOME_FAULT + (int)this_cpu()->caught.vector;
    if (flags & FLAG_CF)
        return OUTCOME_INVALID;
    uint64_t error = 0;
    if (flags & FLAG_ZF)
        vmx_vmread_raw(0x4400, &error);
    return (int)error;
}

#define VMX_POINTER(name)                                                                              \
    static inline int vmx_##name(uint64_t region)                                                      \
    {                                                                                                  \
        uint64_t flags;                                                                                \
        vmx_before();                                                                                  \
        __asm__ volatile(CATCH(#name " %1") : "=&a"(flags) : "m"(region) : "memory", "cc");            \
        return vmx_outcome(flags);                                                                     \
    }                                                                                                  \
    static inline int vmx_##name##_at(uint64_t operand)                                                \
    {                                                                                                  \
        uint64_t flags;                                                                                \
        vmx_before();                                                                                  \
        __asm__ volatile(CATCH(#name " (%1)") : "=&a"(flags) : "r"(operand) : "memory", "cc");         \
        return vmx_outcome(flags);                                                                     \
    }
VMX_POINTER(vmxon)
VMX_POINTER(vmclear)
VMX_POINTER(vmptrld)
#undef VMX_POINTER

static inline int vmx_vmptrst_at(uint64_t operand)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("vmptrst (%1)") : "=&a"(flags) : "r"(operand) : "memory", "cc");
    return vmx_outcome(flags);
}

#define VMX_PLAIN(name)                                                                    \
    static inline int vmx_##name(void)                                                     \
    {                                                                                      \
        uint64_t flags;                                                                    \
        vmx_before();                                                                      \
        __asm__ volatile(CATCH(#name) : "=&a"(flags) : : "memory", "cc");                  \
        return vmx_outcome(flags);                                                         \
    }
VMX_PLAIN(vmxoff)
VMX_PLAIN(vmcall)
VMX_PLAIN(vmlaunch)  // only where it must fail
VMX_PLAIN(vmresume)
#undef VMX_PLAIN

static inline int vmx_vmread_raw(uint64_t encoding, uint64_t *value)
{
    uint64_t flags, v = *value;
    vmx_before();
    __asm__ volatile(CATCH("vmread %2, %1") : "=&a"(flags), "+&r"(v) : "r"(encoding) : "memory", "cc");
    *value = v;
    return vmx_outcome(flags);
}
static inline int vmx_vmwrite_raw(uint64_t encoding, uint64_t value)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("vmwrite %1, %2") : "=&a"(flags) : "r"(value), "r"(encoding) : "memory", "cc");
    return vmx_outcome(flags);
}
static inline int vmx_vmread_at(uint64_t encoding, uint64_t operand)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("vmread %2, (%1)") : "=&a"(flags) : "r"(operand), "r"(encoding) : "memory", "cc");
    return vmx_outcome(flags);
}
static inline int vmx_vmwrite_at(uint64_t encoding, uint64_t operand)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("vmwrite (%1), %2") : "=&a"(flags) : "r"(operand), "r"(encoding) : "memory", "cc");
    return vmx_outcome(flags);
}

struct vmx_descriptor { uint64_t low, high; };
static inline int vmx_invept_at(uint64_t type, uint64_t operand)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("invept (%1), %2") : "=&a"(flags) : "r"(operand), "r"(type) : "memory", "cc");
    return vmx_outcome(flags);
}
static inline int vmx_invvpid_at(uint64_t type, uint64_t operand)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("invvpid (%1), %2") : "=&a"(flags) : "r"(operand), "r"(type) : "memory", "cc");
    return vmx_outcome(flags);
}
static inline int vmx_invept(uint64_t type, uint64_t eptp, uint64_t high)
{
    const struct vmx_descriptor d = { eptp, high };
    return vmx_invept_at(type, address(&d));
}
static inline int vmx_invvpid(uint64_t type, uint64_t vpid, uint64_t linear)
{
    const struct vmx_descriptor d = { vpid, linear };
    return vmx_invvpid_at(type, address(&d));
}

// MSRs that may not be there: outcomes too.
static inline int msr_try_read(uint32_t msr, uint64_t *value)
{
    uint64_t flags;
    uint32_t low = 0, high = 0;
    vmx_before();
    __asm__ volatile("lea 999f(%%rip), %%rax\n\tmov %%rax, %%gs:8\n\trdmsr\n\t999: movq $0, %%gs:8"
                     : "=&a"(low), "=&d"(high) : "c"(msr) : "memory", "cc");
    *value = (uint64_t)high << 32 | low;
    flags = 0;
    return vmx_outcome(flags);
}
static inline int msr_try_write(uint32_t msr, uint64_t value)
{
    vmx_before();
    __asm__ volatile("lea 999f(%%rip), %%rbx\n\tmov %%rbx, %%gs:8\n\twrmsr\n\t999: movq $0, %%gs:8"
                     : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "rbx", "memory", "cc");
    return vmx_outcome(0);
}
