// SPDX-License-Identifier: BSD-2-Clause
// The VMX instructions (SDM 3C chapter 31 "VMX Instruction Reference"). bool: VMsucceed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Those with an address of a region.
#define VMX_REGION(name)                                                                 \
    static inline bool insn_##name(uint64_t region)                                      \
    {                                                                                    \
        bool ok;                                                                         \
        __asm__ volatile(#name " %1" : "=@cca"(ok) : "m"(region) : "memory");            \
        return ok;                                                                       \
    }
VMX_REGION(vmxon)
VMX_REGION(vmclear)
VMX_REGION(vmptrld)
#undef VMX_REGION

static inline void insn_vmxoff(void) { __asm__ volatile("vmxoff" ::: "cc", "memory"); }

static inline uint64_t insn_vmread(uint64_t encoding)
{
    uint64_t value;
    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(encoding) : "cc", "memory");
    return value;
}

// VMREAD into a bank, or VMWRITE from there (once) of the last count fields of a list that ends at end; one is 16 bits of encoding and 16 of its place in the
// bank. Without a loop: each of VMX_LIST_MAX fields has code of its own, 18 bytes with these registers.
#define VMX_LIST_MAX 160
#define VMX_LIST(instruction)                                                                                                                    \
    __asm__ volatile("imul $-18, %0, %%rax; add $1f, %%rax; jmp *%%rax; .set left, %c3; .rept %c3; %{disp32%} movzwl -4*left(%%rsi), %%eax;"       \
                     "%{disp32%} movzwl -4*left+2(%%rsi), %%ecx;" instruction "; .set left, left - 1; .endr; 1:"                                    \
                     : : "r"(count), "S"(end), "d"(bank), "i"(VMX_LIST_MAX) : "rax", "rcx", "cc", "memory")
static inline void insn_vmread_list(const void *end, uint64_t count, uint64_t *bank) { VMX_LIST("vmread %%rax, (%%rdx,%%rcx,8)"); }
static inline void insn_vmwrite_list(const void *end, uint64_t count, const uint64_t *bank) { VMX_LIST("vmwrite (%%rdx,%%rcx,8), %%rax"); }

// A field into a structure, whose address comes back as one of which the compiler knows nothing: it stays in that register.
static inline __attribute__((always_inline)) void *insn_vmread_into(uint64_t encoding, void *structure, uint64_t offset)
{
    __asm__ volatile("vmread %1, %c2(%0)" : "+r"(structure) : "r"(encoding), "i"(offset) : "cc", "memory");
    return structure;
}

static inline void insn_vmwrite(uint64_t encoding, uint64_t value)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(encoding), "rm"(value) : "cc", "memory");
}

// Those that invalidate translations, by EPTP or VPID.
enum { INVEPT_ALL = 2, INVVPID_SINGLE = 1 };
#define VMX_INVALIDATE(name)                                                                               \
    static inline bool insn_##name(uint64_t type, uint64_t what)                                           \
    {                                                                                                      \
        const uint64_t descriptor[2] = { what, 0 };                                                        \
        bool ok;                                                                                           \
        __asm__ volatile(#name " %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");           \
        return ok;                                                                                         \
    }
VMX_INVALIDATE(invept)
VMX_INVALIDATE(invvpid)
#undef VMX_INVALIDATE
