// SPDX-License-Identifier: BSD-2-Clause
// VMX instructions. Each returns true if it succeeded: neither CF (VMfailInvalid) nor ZF (VMfailValid) is set.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/vmcs_field.h>

static inline bool vmxon(uint64_t region)
{
    bool failed;
    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region) : "memory");
    return !failed;
}
static inline bool vmclear(uint64_t region)
{
    bool failed;
    __asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(region) : "memory");
    return !failed;
}
static inline bool vmptrld(uint64_t region)
{
    bool failed;
    __asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(region) : "memory");
    return !failed;
}
static inline bool vmread(enum vmcs_field field, uint64_t *value)
{
    bool failed;
    __asm__ volatile("vmread %2, %1" : "=@ccbe"(failed), "=r"(*value) : "r"((uint64_t)vmcs_field_info[field].encoding) : "memory");
    return !failed;
}
static inline bool vmwrite(enum vmcs_field field, uint64_t value)
{
    bool failed;
    __asm__ volatile("vmwrite %1, %2" : "=@ccbe"(failed) : "r"(value), "r"((uint64_t)vmcs_field_info[field].encoding) : "memory");
    return !failed;
}

struct vmx_descriptor { uint64_t a, b; };
#define INVALIDATE_SINGLE 1ull
static inline bool invept(uint64_t type, uint64_t eptp)
{
    const struct vmx_descriptor descriptor = { eptp, 0 };
    bool failed;
    __asm__ volatile("invept %1, %2" : "=@ccbe"(failed) : "m"(descriptor), "r"(type) : "memory");
    return !failed;
}
static inline bool invvpid(uint64_t type, uint16_t vpid)
{
    const struct vmx_descriptor descriptor = { vpid, 0 };
    bool failed;
    __asm__ volatile("invvpid %1, %2" : "=@ccbe"(failed) : "m"(descriptor), "r"(type) : "memory");
    return !failed;
}

// A hypercall with one argument; RAX and RBX as they come back.
struct vmcall { uint64_t rax, rbx; };
static inline struct vmcall vmcall(uint64_t number, uint64_t argument)
{
    struct vmcall r;
    __asm__ volatile("vmcall" : "=a"(r.rax), "=b"(r.rbx) : "a"(number), "b"(argument) : "memory");
    return r;
}
