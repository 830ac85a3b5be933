// SPDX-License-Identifier: BSD-2-Clause
// The instructions by which programs and PALs reach trustvisor, inline: a PAL can call nothing outside of itself.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

// Without trustvisor below, VMCALL is #UD: ask tv_present() first.
static inline uintptr_t tv_vmcall(uintptr_t number, uintptr_t ecx, uintptr_t edx, uintptr_t esi, uintptr_t edi)
{
    uintptr_t result;
    __asm__ volatile("vmcall" : "=a"(result) : "a"(number), "c"(ecx), "d"(edx), "S"(esi), "D"(edi) : "memory", "cc");
    return result;
}

// level: 0, or TV_CALL_L2_OFFSET in a guest of L1's hypervisor. Returns the PAL's number, TV_CPUID_NO_PAL outside of PALs; *present: trustvisor answered.
static inline uint32_t tv_cpuid(uint32_t level, uint32_t *present, uint32_t *flags)
{
    uint32_t eax = TV_CPUID, ebx = 0, ecx = level, edx = 0;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    *present = eax == TV_CPUID_ANSWER;
    *flags = ecx;
    return ebx;
}
